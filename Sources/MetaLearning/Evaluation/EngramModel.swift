import Engrams
import ModelFormats
import OuterCortex

/// An engram under a rule, learned and read as the server does it.
struct EngramModel: UserModel {
    let cortex: Cortex
    private var engram: Engram

    init(cortex: Cortex) {
        self.cortex = cortex
        engram = cortex.emptyEngram()
    }

    mutating func observe(_ tokens: [TokenID]) throws -> TextCost {
        let task = cortex.startObserving(tokens, from: engram)
        while !task.advance() {}
        let result = task.result
        try engram.commit(result.proposal, within: cortex.zone)
        var cost = TextCost()
        cost.tokens = result.tokens
        cost.frozen = result.bits.frozen
        cost.adapted = result.bits.adapted
        return cost
    }

    func score(_ tokens: [TokenID]) -> [TokenCost] {
        let task = cortex.startScoring(tokens, with: engram)
        while !task.advance() {}
        return task.result.perToken.map { TokenCost(frozen: $0.frozen, adapted: $0.adapted) }
    }

    func saved() -> EngramModel {
        var copy = self
        copy.engram = engram.consolidated(within: cortex.zone)
        return copy
    }

    func savedBytes() throws -> Int { try engram.serialized(as: .checkpoint).count }
}
