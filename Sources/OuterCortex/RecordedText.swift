import Engrams
import InnerCortex
public import ModelFormats

/// A text as the frozen core read it, so that it can be observed and scored again and again under
/// other rules and engrams, of the same core and SAE, without reading it again. Memory a token:
/// 4·hidden bytes and what the sites read beside it.
public struct RecordedText: Sendable {
    let framed: FramedText
    /// As `FrozenReader` gave them, without logits.
    let slices: [FrozenSlice]

    /// How many tokens are predicted.
    public var count: Int { max(0, framed.tokens.count - framed.given) }
}

extension Cortex {
    /// Reads a text once.
    /// - Complexity: One forward pass; its logits are computed again with each use.
    public func record(_ tokens: [TokenID]) -> RecordedText {
        let text = framed(tokens)
        let reader = FrozenReader(cortex: self, text: text)
        var slices: [FrozenSlice] = []
        while var slice = reader.nextSlice(layer: LayerSynapses()) {
            slice.taps = ForwardTaps()
            slice.logits = []
            slices.append(slice)
        }
        return RecordedText(framed: text, slices: slices)
    }
}

/// Where the slices of a text come from: the core, or a recording of what it gave.
enum SliceSource {
    case reader(FrozenReader)
    case recording(RecordedText, cortex: Cortex, next: Int)

    /// What the next step takes from the core.
    func ask(layer: LayerSynapses) -> CoreReading? {
        guard case .reader(let reader) = self else { return nil }
        return reader.ask(layer: layer)
    }

    /// - Parameter layer: as `FrozenReader.advance` takes them.
    mutating func advance(layer: LayerSynapses) -> FrozenReader.Step {
        switch self {
        case .reader(let reader): return reader.advance(layer: layer)
        case .recording(let text, let cortex, let next):
            guard next < text.slices.count else { return .end }
            self = .recording(text, cortex: cortex, next: next + 1)
            var slice = text.slices[next]
            cortex.inner.unembed(
                slice.hidden, count: slice.positions.count, logits: &slice.logits)
            cortex.addRuleFeatures(to: &slice)
            return .slice(slice)
        }
    }

    /// Fills in what the layer site says; a recording is used only while that is off.
    func readLayer(_ slice: inout FrozenSlice, rows: Range<Int>, synapses: LayerSynapses) {
        if case .reader(let reader) = self {
            reader.readLayer(&slice, rows: rows, synapses: synapses)
        }
    }
}
