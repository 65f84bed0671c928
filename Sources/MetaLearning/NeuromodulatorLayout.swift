import OuterCortex

/// Where each trained tensor of a neuromodulator stands in one flat vector: so there is one
/// optimiser state and one gradient, whatever the network's parts.
struct NeuromodulatorLayout: Sendable, Equatable {
    /// F, H, K and R.
    let statistics: Int
    let hidden: Int
    let sites: Int
    let readout: Int
    /// W₁ [H, F], b₁ [H], W₂ [K, H], b₂ [K], A [R, K + 1], c [R], C [R, H], o [R], one after
    /// another.
    let hiddenWeight: Range<Int>
    let hiddenBias: Range<Int>
    let gainWeight: Range<Int>
    let gainBias: Range<Int>
    let readoutWeight: Range<Int>
    let readoutBias: Range<Int>
    let readoutContext: Range<Int>
    let readoutOutput: Range<Int>

    /// Elements of the vector.
    var count: Int { readoutOutput.upperBound }

    init(of modulator: Neuromodulator) {
        statistics = modulator.statisticCount
        hidden = modulator.hiddenCount
        sites = modulator.siteCount
        readout = modulator.readoutCount
        var end = 0
        func next(_ count: Int) -> Range<Int> {
            end += count
            return end - count..<end
        }
        hiddenWeight = next(hidden * statistics)
        hiddenBias = next(hidden)
        gainWeight = next(sites * hidden)
        gainBias = next(sites)
        readoutWeight = next(readout * (sites + 1))
        readoutBias = next(readout)
        readoutContext = next(readout * hidden)
        readoutOutput = next(readout)
    }

    static func parameters(of modulator: Neuromodulator) -> [Float] {
        modulator.hiddenWeight + modulator.hiddenBias + modulator.gainWeight + modulator.gainBias
            + modulator.readoutWeight + modulator.readoutBias + modulator.readoutContext
            + modulator.readoutOutput
    }

    /// `modulator` with other parameters and its own standardisation.
    static func replacing(
        _ parameters: [Float], in modulator: Neuromodulator
    ) -> Neuromodulator {
        let layout = NeuromodulatorLayout(of: modulator)
        func part(_ range: Range<Int>) -> [Float] { Array(parameters[range]) }
        return Neuromodulator(
            mean: modulator.mean, inverseDeviation: modulator.inverseDeviation,
            hiddenWeight: part(layout.hiddenWeight), hiddenBias: part(layout.hiddenBias),
            gainWeight: part(layout.gainWeight), gainBias: part(layout.gainBias),
            readoutWeight: part(layout.readoutWeight), readoutBias: part(layout.readoutBias),
            readoutContext: part(layout.readoutContext), readoutOutput: part(layout.readoutOutput))
    }
}
