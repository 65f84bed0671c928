import Foundation
public import ModelFormats
import OuterCortex

/// What one token cost, bits.
public struct TokenCost: Sendable, Equatable {
    /// −log2 p(y) under the frozen core and under the model in question.
    public var frozen: Double
    public var adapted: Double

    public init(frozen: Double, adapted: Double) {
        self.frozen = frozen
        self.adapted = adapted
    }
}

/// What texts cost in total, bits.
public struct TextCost: Sendable, Equatable {
    public var tokens = 0
    public var frozen = 0.0
    public var adapted = 0.0

    public init() {}

    mutating func add(_ other: TextCost) {
        tokens += other.tokens
        frozen += other.frozen
        adapted += other.adapted
    }

    mutating func add(_ costs: [TokenCost]) {
        tokens += costs.count
        for cost in costs {
            frozen += cost.frozen
            adapted += cost.adapted
        }
    }

    /// Fewer bits than the frozen core's, percent of those.
    public var gainPercent: Double { frozen > 0 ? 100 * (1 - adapted / frozen) : 0 }
    /// More bits than the frozen core's, percent of those.
    public var risePercent: Double { frozen > 0 ? 100 * (adapted / frozen - 1) : 0 }
}

/// A way to learn a user, in the state in which it is: a value, so that a copy is a fork.
public protocol UserModel: Sendable {
    /// Predicts each token of a text and learns it: prequential.
    mutating func observe(_ tokens: [TokenID]) throws -> TextCost
    /// Predicts each token of a text from its start on and learns nothing.
    func score(_ tokens: [TokenID]) -> [TokenCost]
    /// What a later session starts from.
    func saved() -> Self
    /// Size of what is saved.
    func savedBytes() throws -> Int
}

extension UserModel {
    func score(texts: [[TokenID]]) -> TextCost {
        texts.reduce(into: TextCost()) { $0.add(score($1)) }
    }
}

/// The frozen core: learns nothing.
struct FrozenModel: UserModel {
    let cortex: Cortex

    func observe(_ tokens: [TokenID]) -> TextCost {
        var cost = TextCost()
        cost.add(score(tokens))
        return cost
    }

    func score(_ tokens: [TokenID]) -> [TokenCost] {
        var costs: [TokenCost] = []
        cortex.readFrozen(tokens) { states in
            costs += states.losses.map { TokenCost(frozen: $0 / log(2), adapted: $0 / log(2)) }
        }
        return costs
    }

    func saved() -> FrozenModel { self }
    func savedBytes() -> Int { 0 }
}
