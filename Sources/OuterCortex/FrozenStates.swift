import Engrams
import InnerCortex
import Kernels
public import ModelFormats

/// Some consecutive positions of a text as the frozen core alone sees them: what a predictor that
/// is no part of the outer cortex (a rival in an evaluation) may build on.
public struct FrozenStates: Sendable {
    /// h, the final normed hidden states, shape [count, hidden]; row r precedes `targets[r]`.
    public let hidden: [Float]
    /// The tokens that followed, shape [count].
    public let targets: [Int32]
    /// −ln p0 of each target, nats.
    public let losses: [Double]
}

extension Cortex {
    /// Reads a text on the path by which it is observed and scored, so that figures compare.
    /// - Parameters:
    ///   - tokens: the text.
    ///   - body: gets the positions in order, at most `CoreReading.longest` at a time.
    /// - Complexity: One forward pass.
    public func readFrozen(_ tokens: [TokenID], _ body: (FrozenStates) -> Void) {
        let text = framed(tokens)
        let reader = FrozenReader(cortex: self, text: text)
        var probabilities = [Float](repeating: 0, count: inner.config.vocabularySize)
        while let slice = reader.nextSlice(layer: LayerSynapses()) {
            let targets = slice.positions.map { text.tokens[$0 + 1].rawValue }
            let logits = slice.logits
            let losses = targets.indices.map { row -> Double in
                let range = slice.rowRange(row)
                let normalizer = VectorKernels.softmax(
                    logits.span.extracting(range), into: &probabilities)
                return Double(normalizer) - Double(logits[range.lowerBound + Int(targets[row])])
            }
            body(FrozenStates(hidden: slice.hidden, targets: targets, losses: losses))
        }
    }
}
