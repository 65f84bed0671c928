/// What `PersonalizationEvaluation` measured. The same core, rule and texts give the same report,
/// but for `timings`.
public struct EvaluationReport: Sendable, Codable, Equatable {
    public var core: String
    /// SHA-256 of the rule.
    public var rule: String
    /// Bytes of the generic text.
    public var genericBytes: Int
    public var systems: [SystemReport]
    /// What changes from run to run; nil to leave it out.
    public var timings: [SystemTiming]?
    /// `all` against another rule, a user each; nil when there is no other.
    public var comparison: [RuleComparison]?

    /// The system of that name.
    public func system(_ name: String) -> SystemReport? { systems.first { $0.name == name } }

    /// How much more `name` gains than `other`, user by user.
    public func compared(_ name: String, with other: String) -> [RuleComparison]? {
        guard let first = system(name), let second = system(other) else { return nil }
        return zip(first.users, second.users).map { a, b in
            RuleComparison(
                user: a.user, stream: a.figures.streamGain - b.figures.streamGain,
                next: a.figures.nextGain - b.figures.nextGain,
                second: a.figures.secondGain - b.figures.secondGain)
        }
    }
}

/// One system on all users.
public struct SystemReport: Sendable, Codable, Equatable {
    public var name: String
    public var users: [UserReport]
    /// Each figure's mean over the users, weighted equally.
    public var mean: PersonalizationFigures
    /// Mean over the users of the gain so far, percent.
    public var curve: [CurvePoint]
    public var poison: [PoisonFigures]?
    public var facts: FactRecall?
}

/// One system on one user.
public struct UserReport: Sendable, Codable, Equatable {
    public var user: String
    public var bytes: Int
    /// Frozen bits per byte of the stream and of the held-back end.
    public var frozenStream: Double
    public var frozenNext: Double
    public var figures: PersonalizationFigures
    /// nil when it was not measured.
    public var poison: [PoisonFigures]?
}

/// Gains and rises, percent of the frozen core's bits on the same tokens.
public struct PersonalizationFigures: Sendable, Codable, Equatable {
    /// Gain while the first part is streamed, every token predicted before it is learned.
    public var streamGain: Double
    /// Gain on the held-back end, as one text and without learning, by what was saved.
    public var nextGain: Double
    /// Gain while the held-back end is streamed in pieces, learning on from what was saved.
    public var secondGain: Double
    /// Gain of a fresh model while it streams the same.
    public var freshGain: Double
    /// Rise on the other users' held-back ends by what was saved, each context of 256 (1,024)
    /// tokens scored on its own; nil where there is no other user. Below 0 is a gain.
    public var othersRise256: Double?
    public var othersRise1024: Double?
    /// The same on text of nobody.
    public var genericRise256: Double
    public var genericRise1024: Double
    /// Size of what was saved.
    public var savedBytes: Int

    /// `secondGain` by `freshGain`; nil when the fresh model gains nothing.
    public var secondRatio: Double? { freshGain > 0 ? secondGain / freshGain : nil }

    static func mean(of all: [PersonalizationFigures]) -> PersonalizationFigures {
        func mean(_ values: [Double]) -> Double {
            values.isEmpty ? 0 : values.reduce(0, +) / Double(values.count)
        }
        func mean(_ values: [Double?]) -> Double? {
            let known = values.compactMap(\.self)
            return known.isEmpty ? nil : mean(known)
        }
        return PersonalizationFigures(
            streamGain: mean(all.map(\.streamGain)), nextGain: mean(all.map(\.nextGain)),
            secondGain: mean(all.map(\.secondGain)), freshGain: mean(all.map(\.freshGain)),
            othersRise256: mean(all.map(\.othersRise256)),
            othersRise1024: mean(all.map(\.othersRise1024)),
            genericRise256: mean(all.map(\.genericRise256)),
            genericRise1024: mean(all.map(\.genericRise1024)),
            savedBytes: Int(mean(all.map { Double($0.savedBytes) }).rounded()))
    }
}

/// The gain over the first `tokens` tokens of the stream, percent.
public struct CurvePoint: Sendable, Codable, Equatable {
    public var tokens: Int
    public var gain: Double
}

/// What is left after a poison stream.
public struct PoisonFigures: Sendable, Codable, Equatable {
    /// `PoisonStream`.
    public var poison: String
    /// Rise on generic text in contexts of 256 tokens, percent of the frozen core's bits.
    public var genericRise: Double
    /// How that differs from the rise without the poison, points.
    public var genericChange: Double
    /// How the gain in the user's own next session differs from that without, points.
    public var nextChange: Double

    static func mean(of users: [[PoisonFigures]]) -> [PoisonFigures] {
        guard let first = users.first else { return [] }
        return first.indices.map { index in
            func mean(_ value: (PoisonFigures) -> Double) -> Double {
                users.reduce(0) { $0 + value($1[index]) } / Double(users.count)
            }
            return PoisonFigures(
                poison: first[index].poison, genericRise: mean(\.genericRise),
                genericChange: mean(\.genericChange), nextChange: mean(\.nextChange))
        }
    }
}

/// Processor time of one thread, mean over the users.
public struct SystemTiming: Sendable, Codable, Equatable {
    public var name: String
    /// Microseconds a token, the core's forward pass included.
    public var learning: Double
    public var scoring: Double
}

/// How much more one rule gains than another, points.
public struct RuleComparison: Sendable, Codable, Equatable {
    public var user: String
    public var stream: Double
    public var next: Double
    public var second: Double
}
