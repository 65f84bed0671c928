public import Engrams
import Foundation
import InnerCortex
import Kernels
public import ModelFormats

/// What came of turning an engram into an adapter.
public struct AdapterExport: Sendable {
    /// The file, or nil where nothing of the engram can be written in its format.
    public var file: [UInt8]?
    /// The sites that the file does not hold, for people.
    public var missingSites: [String]
    public var fidelity: AdapterFidelity
}

/// Turns an engram into an adapter and measures over texts how true it is, slice by slice.
///
/// Where a part is asked for that weights cannot hold, what the other sites say is fitted onto a
/// delta of the unembedding over the first four fifths of the texts, and all is measured on the
/// last fifth, which the fit has not seen (`HeadRegression`).
public final class AdapterExportTask: CortexTask {
    private let cortex: Cortex
    private let engram: Engram
    private let format: AdapterFormat
    private let texts: [[TokenID]]
    private var content: AdapterContent?
    private var fidelity: AdapterFidelity
    private var divergences = 0.0
    private var current = 0
    private var reading: Reading?
    /// What the adapter alone predicts at one position, shape [vocabulary].
    private var adapted: [Float]
    private var collector: FrozenReader?
    /// Σ over positions of what D adds, shape [hidden], and how many.
    private var directions: (sum: [Float], count: Int)
    /// nil where nothing is fitted, or it is done.
    private var regression: HeadRegression?
    /// Positions that the fit may see; those after them are measured.
    private let fittedPositions: Int
    /// Positions of texts before the present one.
    private var positionsBefore = 0

    /// One text under the engram, and beside it under the adapter alone.
    private struct Reading {
        var pass: TextPass
        let alone: FrozenReader
        /// The same positions for both.
        var slice: FrozenSlice
        var aloneSlice: FrozenSlice
        /// Of the adapter alone, shape [rows, hidden]; empty unless something is fitted.
        var states: [Float] = []
        /// The next to compare, in `slice` or behind it.
        var position = 0
        /// Of the slice's positions that are fitted.
        var fitted: [Float] = []
        var shifts: [Float] = []
    }

    init(
        cortex: Cortex, engram: Engram, format: AdapterFormat, texts: [[TokenID]],
        kind: AdapterFidelity.Text, fitsRest: Bool
    ) {
        self.cortex = cortex
        self.engram = engram
        self.format = format
        self.texts = texts.filter { !$0.isEmpty }
        let config = cortex.inner.config
        let hasHead = format == .peft || (format == .ggufLoRA && !config.tiesEmbeddings)
        let fits = fitsRest && hasHead && !engram.sites.sitesBeyond(format).isEmpty
        regression =
            fits
            ? HeadRegression(hidden: config.hiddenSize, vocabulary: config.vocabularySize) : nil
        let positions = texts.reduce(0) { $0 + $1.count }
        fittedPositions = regression == nil ? 0 : positions * 4 / 5
        fidelity = AdapterFidelity(text: kind)
        directions = ([Float](repeating: 0, count: cortex.inner.config.hiddenSize), 0)
        adapted = [Float](repeating: 0, count: config.vocabularySize)
    }

    public func advance() -> Bool {
        guard let content else {
            collect()
            return false
        }
        guard current < texts.count else {
            if let regression {
                finish(regression)
                return false
            }
            fidelity.finish(divergences: divergences)
            return true
        }
        read(content)
        return false
    }

    /// - Precondition: `advance` returned true.
    /// - Throws: `ModelFormatError` where the format does not go with this core.
    public func result(name: String) throws(ModelFormatError) -> AdapterExport {
        let content = content ?? AdapterContent(direction: nil)
        return AdapterExport(
            file: content.isEmpty
                ? nil
                : try content.file(
                    format, cortex: cortex, name: name, fidelity: fidelity.summary),
            missingSites: engram.sites.sitesBeyond(format), fidelity: fidelity)
    }

    // MARK: - What goes into the file

    private func collect() {
        let layer = engram.sites.layer
        guard format == .controlVector else {
            content = AdapterContent(weightsOf: layer, cortex: cortex)
            return
        }
        guard let hook = cortex.layerHook, !layer.decoder.isEmpty, current < texts.count else {
            finishDirections()
            return
        }
        let reader = collector ?? frozenReader()
        collector = reader
        var slice: FrozenSlice
        switch reader.advance(layer: LayerSynapses()) {
        case .slice(let next): slice = next
        case .context: return
        case .end:
            (collector, current) = (nil, current + 1)
            return
        }
        cortex.addLayerFeatures(to: &slice)
        let (width, count) = (slice.hiddenSize, slice.positions.count)
        let rows = slice.layerDirections(0..<count, hook.block, layer)
        for row in 0..<count {
            for index in 0..<width { directions.sum[index] += rows[row * width + index] }
        }
        directions.count += count
    }

    /// The mean over the texts: the one direction nearest to what D adds at their positions.
    private func finishDirections() {
        let count = Float(directions.count)
        content = AdapterContent(
            direction: count == 0 ? nil : directions.sum.map { $0 / count })
        current = 0
    }

    private func frozenReader() -> FrozenReader {
        FrozenReader(cortex: cortex, text: cortex.framed(texts[current]))
    }

    // MARK: - How true it is

    /// Reads on under the engram and under the adapter, or compares them at the next position.
    private func read(_ content: AdapterContent) {
        var reading = self.reading.take() ?? begin(content)
        if reading.position == reading.slice.positions.upperBound {
            guard readSlice(of: &reading, content) else {
                positionsBefore += texts[current].count
                current += 1
                return
            }
        } else {
            compare(&reading)
            reading.position += 1
            if reading.position == reading.slice.positions.upperBound, !reading.fitted.isEmpty {
                regression?.add(states: reading.fitted, shifts: reading.shifts)
                (reading.fitted, reading.shifts) = ([], [])
            }
        }
        self.reading = reading
    }

    /// - Returns: False at the text's end.
    private func readSlice(of reading: inout Reading, _ content: AdapterContent) -> Bool {
        // Windows open for both at once, since both read the same text.
        switch (
            reading.pass.source.advance(layer: engram.sites.layer),
            reading.alone.advance(layer: content.synapses)
        ) {
        case (.slice(let next), .slice(let alone)):
            (reading.slice, reading.aloneSlice) = (next, alone)
        case (.context, .context): return true
        default: return false
        }
        let rows = 0..<reading.slice.positions.count
        reading.position = reading.slice.positions.lowerBound
        reading.pass.source.readLayer(
            &reading.slice, rows: rows, synapses: engram.sites.layer)
        reading.alone.readLayer(&reading.aloneSlice, rows: rows, synapses: content.synapses)
        reading.states = regression == nil ? [] : reading.alone.finalStates(of: reading.aloneSlice)
        return true
    }

    /// Compares both at one position, to fit or to measure.
    private func compare(_ reading: inout Reading) {
        let (position, row) = (
            reading.position, reading.position - reading.slice.positions.lowerBound
        )
        let outcome = reading.pass.step(
            reading.slice, position: position, sites: engram.sites,
            tokensLearned: engram.tokensLearned)
        let target = Int(reading.pass.history[position + 1])
        let surprise = Self.surprise(of: target, reading.aloneSlice, row: row, into: &adapted)
        let output = reading.pass.predictor.output
        guard regression == nil else {
            guard positionsBefore + position < fittedPositions else { return }
            let width = reading.slice.hiddenSize
            reading.fitted += reading.states[row * width..<(row + 1) * width]
            reading.shifts += Self.shift(from: adapted, to: output)
            return
        }
        guard positionsBefore + position >= fittedPositions else { return }
        let divergence = Double(
            max(0, VectorKernels.klDivergence(output.span, adapted.span)))
        divergences += divergence
        fidelity.tokens += 1
        fidelity.bytes += cortex.tokenizer.bytes(of: TokenID(rawValue: Int32(target))).count
        fidelity.klMax = max(fidelity.klMax, divergence)
        fidelity.frozenBits += outcome.frozenLoss / log(2)
        fidelity.adaptedBits += outcome.adaptedLoss / log(2)
        fidelity.adapterBits += surprise / log(2)
    }

    /// Adds what was fitted to the content, and goes back to the first text to measure.
    private func finish(_ regression: HeadRegression) {
        self.regression = nil
        (current, positionsBefore) = (0, 0)
        guard let fit = regression.delta(rank: AdapterContent.rank) else { return }
        content?.add(toHead: fit)
        fidelity.isFitted = true
    }

    /// ln q − ln p of every token, without what is common to all: their mean under p.
    private static func shift(from p: [Float], to q: [Float]) -> [Float] {
        let floor = Float.leastNormalMagnitude
        var shift = p.indices.map { logf(max(q[$0], floor)) - logf(max(p[$0], floor)) }
        let mean = VectorKernels.dot(p.span, shift.span)
        for index in shift.indices { shift[index] -= mean }
        return shift
    }

    private func begin(_ content: AdapterContent) -> Reading {
        let alone = frozenReader()
        alone.constant = content.direction
        return Reading(
            pass: TextPass(cortex: cortex, tokens: texts[current], keepsOutput: true), alone: alone,
            slice: FrozenSlice(cortex: cortex), aloneSlice: FrozenSlice(cortex: cortex))
    }

    /// −ln p of a token under softmax(z0 + m), and p itself.
    private static func surprise(
        of target: Int, _ slice: FrozenSlice, row: Int, into probabilities: inout [Float]
    ) -> Double {
        let range = slice.rowRange(row)
        var logits = Array(slice.logits[range])
        if !slice.layerTerm.isEmpty {
            VectorKernels.addScaled(Array(slice.layerTerm[range]), 1, to: &logits)
        }
        let normalizer = VectorKernels.softmax(logits.span, into: &probabilities)
        return Double(normalizer) - Double(logits[target])
    }
}

extension AdapterContent {
    /// - Parameter fidelity: as it goes to the file's metadata.
    func file(
        _ format: AdapterFormat, cortex: Cortex, name: String, fidelity: String
    ) throws(ModelFormatError) -> [UInt8] {
        let config = cortex.inner.config
        switch format {
        case .peft:
            let files = try PEFTAdapter(deltas: deltas).files(
                shapes: ProjectionShapes(config), baseModel: cortex.modelName,
                metadata: ["hebb_core_sha256": cortex.identity.core, "hebb_fidelity": fidelity])
            return TapeArchive.archive(files)
        case .ggufLoRA:
            return try GGUFAdapter.lora(
                deltas, config: config, name: name, description: fidelity)
        case .controlVector:
            return try GGUFAdapter.controlVector(
                direction ?? [], before: cortex.layerHook?.block ?? 0, config: config, name: name,
                description: fidelity)
        }
    }
}

extension Cortex {
    /// Starts turning an engram into an adapter.
    /// - Parameters:
    ///   - texts: to measure on.
    ///   - kind: whose texts they are.
    ///   - fitsRest: whether to fit what the format cannot hold onto a delta of the unembedding.
    public func startExporting(
        _ engram: Engram, as format: AdapterFormat, measuredOn texts: [[TokenID]],
        kind: AdapterFidelity.Text, fitsRest: Bool = false
    ) -> AdapterExportTask {
        AdapterExportTask(
            cortex: self, engram: engram, format: format, texts: texts, kind: kind,
            fitsRest: fitsRest)
    }
}
