import Dispatch
import Kernels
public import OuterCortex
import Synchronization

/// Trains a neuromodulator's gate and readout together on logged tokens, by the weighted mean of
/// −log softmax(z)[the token that came], z_j = log p0_j + Σ_k g_k·m_kj + q_j, with AdamW and one
/// cycle of the learning rate.
///
/// The same data, options and start give the same bytes, whatever the number of threads: gradients
/// are taken over shards of a fixed size and added in a fixed order.
public struct NeuromodulatorTrainer: Sendable {
    public struct Options: Sendable, Equatable, Codable {
        /// H and R of a network that starts anew.
        public var hiddenUnits = 48
        public var readoutUnits = 24
        public var epochs = 8
        /// Tokens a step.
        public var batchSize = 256
        /// The greatest rate of the cycle.
        public var learningRate = 3e-3
        /// Share of each parameter, times the rate, taken away a step.
        public var weightDecay: Float = 1e-4
        /// λ: the weight of all foreign text against all of the user's stream.
        public var foreignWeight: Float = 1
        public var seed: UInt64 = 1
        /// Threads that compute; they do not change the result.
        public var threads = 2
        public init() {}
    }

    public let dataset: NeuromodulatorDataset
    public let options: Options
    /// Steps done, and how many there will be.
    public private(set) var step = 0
    public let stepCount: Int

    /// Tokens of one shard: enough for long products, few enough for their rows to stay in cache.
    static let shardSize = 64

    private let start: Neuromodulator
    private let layout: NeuromodulatorLayout
    private let weights: [Float]
    private let schedule: OneCycleSchedule
    private var parameters: AdamParameter
    private var order: [Int]

    /// - Parameters:
    ///   - dataset: at least one token.
    ///   - start: to go on from, standardisation included; nil starts anew, with the mean and
    ///     deviation of the dataset's statistics.
    /// - Precondition: `start` has the dataset's numbers of statistics and sites; options are
    ///   positive.
    public init(
        dataset: NeuromodulatorDataset, options: Options, start: Neuromodulator? = nil
    ) {
        precondition(dataset.count > 0, "no tokens to train on")
        precondition(
            options.epochs > 0 && options.batchSize > 0 && options.threads > 0
                && options.hiddenUnits > 0 && options.readoutUnits >= 0, "impossible options")
        self.dataset = dataset
        self.options = options
        self.start = start ?? Self.fresh(for: dataset, options: options)
        precondition(
            self.start.statisticCount == dataset.statisticCount
                && self.start.siteCount == dataset.siteCount,
            "the neuromodulator to go on from is of another shape")
        layout = NeuromodulatorLayout(of: self.start)
        parameters = AdamParameter(NeuromodulatorLayout.parameters(of: self.start))
        weights = dataset.weights(foreign: options.foreignWeight)
        let batches = (dataset.count + options.batchSize - 1) / options.batchSize
        stepCount = options.epochs * batches
        schedule = OneCycleSchedule(steps: stepCount, peakRate: options.learningRate)
        order = []
    }

    private static func fresh(
        for dataset: NeuromodulatorDataset, options: Options
    ) -> Neuromodulator {
        var generator = SeededGenerator(seed: options.seed)
        let neutral = Neuromodulator.neutral(
            statisticCount: dataset.statisticCount, siteCount: dataset.siteCount,
            hidden: options.hiddenUnits, readout: options.readoutUnits, generator: &generator)
        let (mean, inverseDeviation) = dataset.standardization()
        return Neuromodulator(
            mean: mean, inverseDeviation: inverseDeviation, hiddenWeight: neutral.hiddenWeight,
            hiddenBias: neutral.hiddenBias, gainWeight: neutral.gainWeight,
            gainBias: neutral.gainBias, readoutWeight: neutral.readoutWeight,
            readoutBias: neutral.readoutBias, readoutContext: neutral.readoutContext,
            readoutOutput: neutral.readoutOutput)
    }

    /// The network as it is now.
    public var neuromodulator: Neuromodulator {
        NeuromodulatorLayout.replacing(parameters.value, in: start)
    }

    /// Epochs done, with their fractions.
    public var epochFraction: Double {
        Double(options.epochs) * Double(step) / Double(stepCount)
    }

    /// Does one step on the next batch of the epoch's order, which the seed draws.
    ///
    /// - Returns: The batch's weighted mean loss before the step, in nats.
    /// - Precondition: `step < stepCount`.
    /// - Complexity: O(batch·(H·(F + K) + candidates·R·K)), shared by the threads.
    public mutating func advance() -> Double {
        precondition(step < stepCount, "the training is over")
        let batches = stepCount / options.epochs
        if step % batches == 0 {
            var generator = SeededGenerator(
                seed: options.seed &+ UInt64(step / batches + 1) &* 0x9E37_79B9)
            order = Array(0..<dataset.count)
            order.shuffle(using: &generator)
        }
        let first = step % batches * options.batchSize
        let batch = order[first..<min(dataset.count, first + options.batchSize)]
        let (loss, gradient) = evaluate(batch)
        parameters.update(
            gradient, rate: schedule.rate(at: step), step: step + 1, decay: options.weightDecay,
            momentum: schedule.momentum(at: step))
        step += 1
        return loss
    }

    /// The weighted mean loss of some tokens, in nats, and its gradient, laid out as
    /// `NeuromodulatorLayout` says.
    func evaluate(_ batch: ArraySlice<Int>) -> (loss: Double, gradient: [Float]) {
        let scale = 1 / Float(batch.count)
        let shards = Self.shards(batch, threads: options.threads) { tokens, pass in
            pass.forward(
                tokens, of: dataset, standardizedBy: start, parameters: parameters.value)
            let weights = tokens.map { self.weights[$0] * scale }
            let loss = zip(pass.losses, weights).reduce(0) { $0 + $1.0 * Double($1.1) }
            return (loss, pass.backward(weights: weights, parameters: parameters.value))
        } makingPass: {
            NeuromodulatorPass(layout: layout, capacity: Self.shardSize)
        }
        var gradient = [Float](repeating: 0, count: layout.count)
        for shard in shards {
            FlatMatrix.add(shard.1, row: 0, columns: layout.count, factor: 1, to: &gradient)
        }
        return (shards.reduce(0) { $0 + $1.0 }, gradient)
    }

    /// Runs `body` over shards of `tokens` on several threads; results come in the shards' order.
    private static func shards<Result: Sendable>(
        _ tokens: ArraySlice<Int>, threads: Int,
        _ body: @Sendable (ArraySlice<Int>, inout NeuromodulatorPass) -> Result,
        makingPass: @Sendable () -> NeuromodulatorPass
    ) -> [Result] {
        let count = (tokens.count + shardSize - 1) / shardSize
        let results = Mutex([Result?](repeating: nil, count: count))
        // Each thread has its own buffers; which thread took a shard leaves no trace.
        let workers = min(threads, count)
        DispatchQueue.concurrentPerform(iterations: workers) { worker in
            var pass = makingPass()
            for shard in stride(from: worker, to: count, by: workers) {
                let from = tokens.startIndex + shard * shardSize
                let part = tokens[from..<min(tokens.endIndex, from + shardSize)]
                let result = body(part, &pass)
                results.withLock { $0[shard] = result }
            }
        }
        return results.withLock { $0.compactMap { $0 } }
    }

    /// How well a log's tokens of one kind are predicted.
    public struct Losses: Sendable, Equatable, Codable {
        public var tokens = 0
        /// Mean bits a token: of the frozen core, with all gains 1 and no readout, and with the
        /// neuromodulator. None is mixed or capped.
        public var frozen = 0.0
        public var ungated = 0.0
        public var modulated = 0.0

        /// Share of the frozen bits that the neuromodulator's prediction saves, percent.
        public var gainPercent: Double { frozen > 0 ? 100 * (1 - modulated / frozen) : 0 }
    }

    /// Bits by kind of every token of a log; kinds that it does not have are left out.
    public static func loss(
        of modulator: Neuromodulator, on dataset: NeuromodulatorDataset, threads: Int = 2
    ) -> [NeuromodulatorDataset.Kind: Losses] {
        precondition(
            modulator.statisticCount == dataset.statisticCount
                && modulator.siteCount == dataset.siteCount, "loss: shapes differ")
        let all = Array(0..<dataset.count)
        let layout = NeuromodulatorLayout(of: modulator)
        let parameters = NeuromodulatorLayout.parameters(of: modulator)
        let shards = shards(all[...], threads: max(1, threads)) { tokens, pass in
            pass.forward(tokens, of: dataset, standardizedBy: modulator, parameters: parameters)
            return zip(pass.losses, pass.referenceLosses()).map {
                (modulated: $0, frozen: $1.frozen, ungated: $1.ungated)
            }
        } makingPass: {
            NeuromodulatorPass(layout: layout, capacity: shardSize)
        }
        var result: [NeuromodulatorDataset.Kind: Losses] = [:]
        for (kind, losses) in zip(dataset.kinds, shards.joined()) {
            result[kind, default: Losses()].add(losses)
        }
        return result.mapValues { $0.averaged() }
    }
}

extension NeuromodulatorTrainer.Losses {
    fileprivate mutating func add(_ nats: (modulated: Double, frozen: Double, ungated: Double)) {
        tokens += 1
        frozen += nats.frozen
        ungated += nats.ungated
        modulated += nats.modulated
    }

    /// Sums in nats to means in bits.
    fileprivate func averaged() -> Self {
        var mean = self
        let scale = 1 / (0.693_147_180_559_945_3 * Double(max(1, tokens)))
        mean.frozen *= scale
        mean.ungated *= scale
        mean.modulated *= scale
        return mean
    }
}
