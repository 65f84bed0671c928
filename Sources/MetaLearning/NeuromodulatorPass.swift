import Foundation
import Kernels
import OuterCortex

/// The forward and backward pass of a neuromodulator over a few logged tokens at once.
///
/// The slots of all tokens stand side by side, N columns in all, each site and each readout unit a
/// row: products are then few and long, however few candidates a token has.
struct NeuromodulatorPass {
    let layout: NeuromodulatorLayout
    /// The tokens of the newest forward pass, S of them.
    private(set) var tokens: ArraySlice<Int> = []
    /// −ln p(the token that came), shape [S], nats.
    private(set) var losses: [Double] = []

    /// Token s has the columns starts[s]..<starts[s + 1].
    var starts: [Int] = [0]
    /// Columns of which the readout does not speak: remainders, and tokens that came without being
    /// candidates.
    var unread: [Int] = []
    /// x̂ [S, F], h [S, H], W₂h + b₂ [S, K], g [S, K].
    var standardized: [Float]
    var hidden: [Float]
    var drive: [Float]
    var gains: [Float]
    /// C·h, [S, R].
    var context: [Float]
    /// m [K, N] and g⊙m [K, N].
    var terms: [Float]
    var gated: [Float]
    /// log p0 and ℓ, [N].
    var logProbabilities: [Float]
    var levels: [Float]
    /// tanh of a unit with the terms and without, [R, N].
    var active: [Float]
    var resting: [Float]
    /// z, then softmax(z), [N].
    var logits: [Float]

    var columns: Int { starts[starts.count - 1] }

    /// - Parameter capacity: the greatest S.
    init(layout: NeuromodulatorLayout, capacity: Int) {
        self.layout = layout
        let columns = capacity * NeuromodulatorDataset.slotLimit
        func zeros(_ count: Int) -> [Float] { [Float](repeating: 0, count: count) }
        standardized = zeros(capacity * layout.statistics)
        hidden = zeros(capacity * layout.hidden)
        drive = zeros(capacity * layout.sites)
        gains = zeros(capacity * layout.sites)
        context = zeros(capacity * layout.readout)
        terms = zeros(columns * layout.sites)
        gated = zeros(columns * layout.sites)
        logProbabilities = zeros(columns)
        levels = zeros(columns)
        active = zeros(columns * layout.readout)
        resting = zeros(columns * layout.readout)
        logits = zeros(columns)
    }

    /// Leaves `losses` and everything that `backward` needs.
    ///
    /// - Parameters:
    ///   - tokens: indices into `dataset`, at most the capacity.
    ///   - modulator: for its standardisation.
    ///   - parameters: laid out as `layout` says.
    mutating func forward(
        _ tokens: ArraySlice<Int>, of dataset: NeuromodulatorDataset,
        standardizedBy modulator: Neuromodulator, parameters: [Float]
    ) {
        self.tokens = tokens
        gather(from: dataset, modulator)
        computeGains(parameters)
        gateTerms()
        for column in 0..<columns { logits[column] = logProbabilities[column] }
        for site in 0..<layout.sites {
            FlatMatrix.add(gated, row: site, columns: columns, factor: 1, to: &logits)
        }
        if layout.readout > 0 { addReadout(parameters) }
        losses.removeAll(keepingCapacity: true)
        for segment in 0..<tokens.count {
            let range = starts[segment]..<starts[segment + 1]
            let target = logits[range.lowerBound + NeuromodulatorDataset.targetSlot]
            losses.append(Double(FlatMatrix.softmax(&logits, range) - target))
        }
    }

    /// Losses of the newest forward pass's tokens without any site, and with every gain 1 and no
    /// readout, nats.
    func referenceLosses() -> [(frozen: Double, ungated: Double)] {
        var sums = logProbabilities
        for site in 0..<layout.sites {
            FlatMatrix.add(terms, row: site, columns: columns, factor: 1, to: &sums)
        }
        return (0..<tokens.count).map { segment in
            let range = starts[segment]..<starts[segment + 1]
            let target = range.lowerBound + NeuromodulatorDataset.targetSlot
            return (
                Double(
                    FlatMatrix.logSumExp(logProbabilities, range) - logProbabilities[target]),
                Double(FlatMatrix.logSumExp(sums, range) - sums[target])
            )
        }
    }

    private mutating func gather(from dataset: NeuromodulatorDataset, _ modulator: Neuromodulator) {
        let (statistics, sites) = (layout.statistics, layout.sites)
        let limit = Neuromodulator.statisticLimit
        starts.removeAll(keepingCapacity: true)
        starts.append(0)
        unread.removeAll(keepingCapacity: true)
        for (segment, token) in tokens.enumerated() {
            for index in 0..<statistics {
                let value = dataset.statistics[token * statistics + index]
                standardized[segment * statistics + index] = min(
                    limit,
                    max(-limit, (value - modulator.mean[index]) * modulator.inverseDeviation[index])
                )
            }
            let first = columns + NeuromodulatorDataset.targetSlot
            if !dataset.areCandidates[token] { unread.append(first) }
            unread += first + 1..<first + 1 + dataset.remainders[token]
            starts.append(columns + dataset.offsets[token + 1] - dataset.offsets[token])
        }
        for (segment, token) in tokens.enumerated() {
            let slots = dataset.offsets[token]..<dataset.offsets[token + 1]
            let start = starts[segment]
            for (column, slot) in slots.enumerated() {
                let value = dataset.logProbabilities[slot]
                logProbabilities[start + column] = value
                levels[start + column] = Neuromodulator.level(value)
            }
            for site in 0..<sites {
                let from = slots.lowerBound * sites + site * slots.count
                let to = site * columns + start
                FlatMatrix.widen(
                    dataset.terms, from..<from + slots.count, into: &terms, to..<to + slots.count)
            }
        }
    }

    private mutating func computeGains(_ parameters: [Float]) {
        let count = tokens.count
        FlatMatrix.product(
            standardized, parameters, layout.hiddenWeight, m: count, k: layout.statistics,
            n: layout.hidden, into: &hidden)
        FlatMatrix.addToRows(parameters, layout.hiddenBias, rows: count, of: &hidden)
        FlatMatrix.tanh(&hidden, count * layout.hidden)
        FlatMatrix.product(
            hidden, parameters, layout.gainWeight, m: count, k: layout.hidden, n: layout.sites,
            into: &drive)
        FlatMatrix.addToRows(parameters, layout.gainBias, rows: count, of: &drive)
        for index in 0..<count * layout.sites {
            gains[index] = min(Neuromodulator.gainLimit, Neuromodulator.softplus(drive[index]))
        }
    }

    private mutating func gateTerms() {
        let columns = columns
        for site in 0..<layout.sites {
            for segment in 0..<tokens.count {
                let gain = gains[segment * layout.sites + site]
                let start = site * columns
                FlatMatrix.scale(
                    terms, by: gain, into: &gated,
                    start + starts[segment]..<start + starts[segment + 1])
            }
        }
    }

    /// Adds q to the logits of every slot that has it.
    private mutating func addReadout(_ parameters: [Float]) {
        let (sites, columns) = (layout.sites, columns)
        FlatMatrix.product(
            hidden, parameters, layout.readoutContext, m: tokens.count, k: layout.hidden,
            n: layout.readout, into: &context)
        FlatMatrix.weightedRows(
            parameters, layout.readoutWeight, stride: sites + 1, of: gated, k: sites,
            m: layout.readout, n: columns, into: &active)
        for unit in 0..<layout.readout {
            let level = parameters[layout.readoutWeight.lowerBound + unit * (sites + 1) + sites]
            let bias = parameters[layout.readoutBias.lowerBound + unit]
            for segment in 0..<tokens.count {
                FlatMatrix.rest(
                    &resting, levels, level: level,
                    bias: bias + context[segment * layout.readout + unit], row: unit * columns,
                    starts[segment]..<starts[segment + 1])
            }
        }
        let all = columns * layout.readout
        FlatMatrix.add(resting, row: 0, columns: all, factor: 1, to: &active)
        FlatMatrix.tanh(&active, all)
        FlatMatrix.tanh(&resting, all)
        let kept = unread.map { logits[$0] }
        for unit in 0..<layout.readout {
            let weight = parameters[layout.readoutOutput.lowerBound + unit]
            FlatMatrix.add(active, row: unit, columns: columns, factor: weight, to: &logits)
            FlatMatrix.add(resting, row: unit, columns: columns, factor: -weight, to: &logits)
        }
        for (column, value) in zip(unread, kept) { logits[column] = value }
    }
}
