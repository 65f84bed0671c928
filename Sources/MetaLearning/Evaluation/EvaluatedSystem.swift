public import Engrams
public import OuterCortex

extension PlasticSite {
    /// Whether the cortex's rule has it on, and has what it needs.
    func isOn(in cortex: Cortex) -> Bool {
        let (rule, hasLatents) = (cortex.rule, cortex.autoencoder != nil)
        return switch self {
        case .bias: rule.bias.isOn
        case .sequences: rule.sequence.isOn && rule.orderRates.contains { $0 > 0 }
        case .features: rule.feature.isOn && hasLatents
        case .matrix: rule.matrix.isOn && rule.tensors.whitening != nil
        case .episodes: rule.episode.isOn && rule.tensors.keyProjection != nil && hasLatents
        case .layer: rule.layer.isOn
        // Asked by a question alone; a stream of text asks none.
        case .sayings: false
        }
    }
}

extension PlasticityRule {
    /// The same rule with every other site off, and without a neuromodulator, which was trained
    /// for all of them together.
    public func only(_ site: PlasticSite) -> PlasticityRule {
        withoutNeuromodulator.without(Set(PlasticSite.allCases).subtracting([site]))
    }

    /// The same rule with every site at gain 1.
    public var withoutNeuromodulator: PlasticityRule {
        var rule = self
        rule.tensors.neuromodulator = nil
        return rule
    }
}

/// A row of the evaluation: a name, and how to begin with a user.
public struct EvaluatedSystem: Sendable {
    public let name: String
    /// Whether it changes with what it observes.
    public let learns: Bool
    /// The model that knows nothing of the user yet.
    public let fresh: @Sendable () -> any UserModel

    public init(name: String, learns: Bool, fresh: @escaping @Sendable () -> any UserModel) {
        self.name = name
        self.learns = learns
        self.fresh = fresh
    }

    /// The name of the row that is the rule as it is.
    public static let whole = "all"

    public static func frozen(_ cortex: Cortex) -> EvaluatedSystem {
        EvaluatedSystem(name: "frozen", learns: false) { FrozenModel(cortex: cortex) }
    }

    /// A cortex's rule as it is.
    public static func rule(_ cortex: Cortex, name: String = whole) -> EvaluatedSystem {
        EvaluatedSystem(name: name, learns: true) { EngramModel(cortex: cortex) }
    }

    /// Neural and unigram cache.
    public static func rivals(_ cortex: Cortex) -> [EvaluatedSystem] {
        [("neural cache", CacheRival.neural), ("unigram cache", CacheRival.unigram)].map {
            name, kind in
            EvaluatedSystem(name: name, learns: true) { CacheRival(cortex: cortex, kind: kind) }
        }
    }

    /// Each site that is on alone; then, where there is a neuromodulator, all without it.
    public static func parts(of cortex: Cortex) throws -> [EvaluatedSystem] {
        var systems = try PlasticSite.allCases.filter { $0.isOn(in: cortex) }.map { site in
            rule(try cortex.with(rule: cortex.rule.only(site)), name: "\(site.rawValue) alone")
        }
        if cortex.rule.tensors.neuromodulator != nil {
            systems.append(
                rule(
                    try cortex.with(rule: cortex.rule.withoutNeuromodulator), name: "all, ungated"))
        }
        return systems
    }
}
