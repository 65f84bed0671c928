import Foundation
public import OuterCortex

/// Watches what a session's personal model generates for signs of collapse. While one of its
/// monitors fires, the model does not learn from its own completions: a model that feeds on what it
/// repeats only repeats it more.
///
/// Each figure is a mean over the answers, weighted by tokens and fading with a horizon of 128
/// tokens, so that one long looping answer is enough and a few healthy ones clear it. Nothing fires
/// below 32 tokens.
public struct CollapseMonitor: Sendable, Equatable, Codable {
    public enum Monitor: String, Sendable, CaseIterable, Codable {
        case repetition
        case hiddenSimilarity = "hidden_similarity"
        case entropyDrift = "entropy_drift"
        case logProbabilityDrift = "logprob_drift"
        case divergence
        case distributionRank = "distribution_rank"

        /// Where a figure leaves the range of healthy answers. Healthy means, on the shipped core,
        /// for a fresh user and one taught 2 KB, 128 tokens at temperature 1 and 0.8:
        ///
        /// - repetition .02 to .1; above one half the answer mostly repeats itself. A small core
        ///   does so by itself under greedy decoding (.8): learning from that would be no better.
        /// - hidden similarity .15 to .3, loops of some phrases .4, one repeated token 1.
        /// - entropy drift 0 to −.5 nats; −2 is nearly all of the core's mean entropy of 3, and as
        ///   much above means that little is left of what the core knows.
        /// - log-probability drift and divergence 0 to .3 nats, 2 and more for a text that was
        ///   taught four times and is recited. Beyond 2, half of the default bound on every token,
        ///   adaptation decides.
        /// - distribution rank, as a share of the sampled distributions, .3 to .5, loops of some
        ///   phrases .24; .15 is two different distributions in sixteen.
        public var threshold: Threshold {
            switch self {
            case .repetition: .above(0.5)
            case .hiddenSimilarity: .above(0.6)
            case .entropyDrift: .outside(2)
            case .logProbabilityDrift: .above(2)
            case .divergence: .above(2)
            case .distributionRank: .below(0.15)
            }
        }
    }

    public enum Threshold: Sendable, Equatable {
        case above(Double)
        case below(Double)
        /// Fires above it and below its negative.
        case outside(Double)

        public var value: Double {
            switch self {
            case .above(let value), .below(let value), .outside(let value): value
            }
        }

        func fires(at value: Double) -> Bool {
            switch self {
            case .above(let limit): value > limit
            case .below(let limit): value < limit
            case .outside(let limit): abs(value) > limit
            }
        }
    }

    /// One monitor as it stands.
    public struct Reading: Sendable, Equatable {
        public var monitor: Monitor
        /// Nil while there is nothing to tell it from.
        public var value: Double?
        public var isFiring: Bool

        public init(monitor: Monitor, value: Double?, isFiring: Bool) {
            self.monitor = monitor
            self.value = value
            self.isFiring = isFiring
        }
    }

    /// Tokens after which an answer counts 1/e.
    static let horizon = 128.0
    static let tokensMinimum = 32

    /// Generated tokens seen.
    public private(set) var tokens = 0
    private var repetition = FadingMean()
    private var hiddenSimilarity = FadingMean()
    private var entropyDrift = FadingMean()
    private var logProbabilityDrift = FadingMean()
    private var divergence = FadingMean()
    private var distributionRank = FadingMean()

    public init() {}

    /// Takes one answer in.
    public mutating func add(_ vitals: GenerationVitals) {
        tokens += vitals.tokens
        func add(_ value: Double?, to mean: inout FadingMean) {
            if let value { mean.add(value, tokens: vitals.tokens, horizon: Self.horizon) }
        }
        add(vitals.repetition, to: &repetition)
        add(vitals.hiddenSimilarity, to: &hiddenSimilarity)
        add(vitals.entropy - vitals.frozenEntropy, to: &entropyDrift)
        add(vitals.logProbabilityDrift, to: &logProbabilityDrift)
        add(vitals.divergence, to: &divergence)
        let share = vitals.effectiveRank.map { $0 / Double(vitals.rankSamples) }
        add(share, to: &distributionRank)
    }

    /// All monitors, in their order.
    public var readings: [Reading] {
        Monitor.allCases.map { monitor in
            let mean = mean(of: monitor)
            let value = mean.value
            let fires = value.map(monitor.threshold.fires(at:)) ?? false
            return Reading(
                monitor: monitor, value: value,
                isFiring: fires && mean.tokens >= Self.tokensMinimum)
        }
    }

    public var firing: [Monitor] { readings.filter(\.isFiring).map(\.monitor) }

    private func mean(of monitor: Monitor) -> FadingMean {
        switch monitor {
        case .repetition: repetition
        case .hiddenSimilarity: hiddenSimilarity
        case .entropyDrift: entropyDrift
        case .logProbabilityDrift: logProbabilityDrift
        case .divergence: divergence
        case .distributionRank: distributionRank
        }
    }
}

/// A mean whose older entries fade: Σ w·value / Σ w, where every token that comes takes a factor
/// e^(−1/horizon) off the weights before it.
struct FadingMean: Sendable, Equatable, Codable {
    private(set) var tokens = 0
    private var sum = 0.0
    private var weight = 0.0

    /// A value that is not finite is left out.
    mutating func add(_ value: Double, tokens count: Int, horizon: Double) {
        guard value.isFinite, count > 0 else { return }
        let kept = exp(-Double(count) / horizon)
        sum = kept * sum + (1 - kept) * value
        weight = kept * weight + (1 - kept)
        tokens += count
    }

    /// Nil before the first value.
    var value: Double? { weight > 0 ? sum / weight : nil }
}
