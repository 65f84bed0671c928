import Engrams
import Foundation

/// How the synapses of one site change: coefficients, not code. Hebb, Oja, ABCD, error-modulated
/// and reward-modulated rules are choices of these numbers:
///
///     Δw = η·R·s·(A·pre·post + B·pre + C·post + D − O·post²·w),   post_j = 1[j = y] − π·p_j
///
/// with R the reward, s = (1 − p_y)^surprise, η slowed by use. π = 1 makes post the prediction error
/// (the three-factor rule of the shipped sites), π = 0 plain Hebb: what fires together.
public struct SynapseRule: Sendable, Equatable {
    /// η, logits (or norm) per unit of the bracket; 0 switches the site off.
    public var rate: Float
    /// A, B, C, D, O.
    public var coincidence: Float = 1
    public var presynaptic: Float = 0
    public var postsynaptic: Float = 0
    public var constant: Float = 0
    public var selfLimit: Float = 0
    /// π, in 0...1.
    public var prediction: Float = 1
    /// Share of a weight that is lost with each token learned, in 0...1. More than 2e-5 hurt.
    public var decay: Float = 0
    /// λ: the share of the presynaptic trace that stays from token to token, in 0..<1; 0 lets only
    /// the present activity learn. For features and matrix.
    public var eligibility: Float = 0
    /// Exponent of the surprise s, 0 or more.
    public var surprise: Float = 0
    /// G0: a synapse whose usage G is the sum of its squared coincidences learns at η/√(1 + G/G0).
    /// 0 switches the slowing off. For features.
    public var usageScale: Float = 0
    /// A context seen n times again learns at η/(1 + this·n). For sequences.
    public var visitSlowing: Float = 0
    /// The largest |w| of this site, logits; the safe zone's own bound holds as well.
    public var cap: Float = 100

    public init(rate: Float) { self.rate = rate }

    public var isOn: Bool { rate > 0 }

    /// The change at one position.
    /// - Parameter reward: R·s.
    func change(reward: Float) -> SynapticChange {
        SynapticChange(
            coincidence: rate * coincidence, presynaptic: rate * presynaptic,
            postsynaptic: rate * postsynaptic, constant: rate * constant,
            selfLimit: rate * selfLimit
        ).scaled(by: reward)
    }

    /// s at a position whose token had the adapted probability `probability`.
    func surprise(of probability: Float) -> Float {
        surprise == 0 ? 1 : powf(max(1e-6, 1 - probability), surprise)
    }

    /// What is left of a weight after `tokens` tokens.
    func retention(tokens: Int) -> Float { decay == 0 ? 1 : powf(1 - decay, Float(tokens)) }
}

extension SynapseRule: Codable {
    private enum CodingKeys: String, CodingKey {
        case rate
        case coincidence = "a"
        case presynaptic = "b"
        case postsynaptic = "c"
        case constant = "d"
        case selfLimit = "o"
        case prediction, decay, eligibility, surprise, cap
        case usageScale = "usage_scale"
        case visitSlowing = "visit_slowing"
    }

    private typealias Field = any WritableKeyPath<SynapseRule, Float> & Sendable
    private static let optional: [(CodingKeys, Field)] =
        [
            (.coincidence, \.coincidence), (.presynaptic, \.presynaptic),
            (.postsynaptic, \.postsynaptic), (.constant, \.constant), (.selfLimit, \.selfLimit),
            (.prediction, \.prediction), (.decay, \.decay), (.eligibility, \.eligibility),
            (.surprise, \.surprise), (.usageScale, \.usageScale), (.visitSlowing, \.visitSlowing),
            (.cap, \.cap),
        ]

    /// A key that is not there keeps its default.
    public init(from decoder: any Decoder) throws {
        let box = try decoder.container(keyedBy: CodingKeys.self)
        self.init(rate: try box.decodeIfPresent(Float.self, forKey: .rate) ?? 0)
        for (key, path) in Self.optional {
            if let value = try box.decodeIfPresent(Float.self, forKey: key) {
                self[keyPath: path] = value
            }
        }
    }

    /// Writes the rate and whatever differs from its default.
    public func encode(to encoder: any Encoder) throws {
        let plain = SynapseRule(rate: rate)
        var box = encoder.container(keyedBy: CodingKeys.self)
        try box.encode(rate, forKey: .rate)
        for (key, path) in Self.optional where self[keyPath: path] != plain[keyPath: path] {
            try box.encode(self[keyPath: path], forKey: key)
        }
    }

    /// Names, values and ranges, for the rule file's check.
    var checks: [(String, Float, ClosedRange<Float>)] {
        [
            ("rate", rate, 0...100), ("a", coincidence, -100...100),
            ("b", presynaptic, -100...100), ("c", postsynaptic, -100...100),
            ("d", constant, -100...100), ("o", selfLimit, 0...100),
            ("prediction", prediction, 0...1), ("decay", decay, 0...1),
            ("eligibility", eligibility, 0...0.999), ("surprise", surprise, 0...10),
            ("usage_scale", usageScale, 0...1e6), ("visit_slowing", visitSlowing, 0...100),
            ("cap", cap, 0...100),
        ]
    }
}
