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
        guard var slice = reader.nextSlice(layer: LayerSynapses()) else {
            (collector, current) = (nil, current + 1)
            return
        }
        collector = reader
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

    /// Reads a slice under the engram and under the adapter, to fit or to measure.
    private func read(_ content: AdapterContent) {
        var reading = self.reading.take() ?? begin(content)
        let synapses = engram.sites.layer
        guard var slice = reading.pass.source.nextSlice(layer: synapses),
            var alone = reading.alone.nextSlice(layer: content.synapses)
        else {
            positionsBefore += texts[current].count
            current += 1
            return
        }
        let rows = 0..<slice.positions.count
        reading.pass.source.readLayer(&slice, rows: rows, synapses: synapses)
        reading.alone.readLayer(&alone, rows: rows, synapses: content.synapses)
        var adapted = [Float](repeating: 0, count: slice.vocabularySize)
        let states = regression == nil ? [] : reading.alone.finalStates(of: alone)
        var (fitted, shifts): ([Float], [Float]) = ([], [])
        for position in slice.positions {
            let row = position - slice.positions.lowerBound
            let outcome = reading.pass.step(
                slice, position: position, sites: engram.sites,
                tokensLearned: engram.tokensLearned)
            let target = Int(reading.pass.history[position + 1])
            let surprise = Self.surprise(of: target, alone, row: row, into: &adapted)
            let output = reading.pass.predictor.output
            guard regression == nil else {
                guard positionsBefore + position < fittedPositions else { continue }
                let width = slice.hiddenSize
                fitted += states[row * width..<(row + 1) * width]
                shifts += Self.shift(from: adapted, to: output)
                continue
            }
            guard positionsBefore + position >= fittedPositions else { continue }
            let divergence = Double(
                max(
                    0,
                    VectorKernels.klDivergence(output.span, adapted.span)))
            divergences += divergence
            fidelity.tokens += 1
            fidelity.bytes += cortex.tokenizer.bytes(of: TokenID(rawValue: Int32(target))).count
            fidelity.klMax = max(fidelity.klMax, divergence)
            fidelity.frozenBits += outcome.frozenLoss / log(2)
            fidelity.adaptedBits += outcome.adaptedLoss / log(2)
            fidelity.adapterBits += surprise / log(2)
        }
        if !fitted.isEmpty { regression?.add(states: fitted, shifts: shifts) }
        self.reading = reading
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
        return Reading(pass: TextPass(cortex: cortex, tokens: texts[current]), alone: alone)
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
                family: config.family, baseModel: cortex.modelName,
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
