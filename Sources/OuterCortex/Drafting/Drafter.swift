import Engrams
import ModelFormats

/// Guesses the next few tokens of an answer from the engram's sequence synapses, so that one pass over
/// the weights can read several positions (speculative decoding, Leviathan, Kalman and Matias 2023;
/// the draft model is what the user taught). What is wrong costs rows and nothing else: every token is
/// drawn as it would have been.
///
/// Whether a guess would have come true is known for every token, drafted or not. So the share of
/// right guesses is learned at no cost, and drafting begins where it pays: a draft of k tokens yields
/// 1 + a₁ + a₁a₂ + … tokens, aᵢ being the share of guesses such as the i-th that came true, for what a
/// pass of k + 1 rows takes. Scratch of one stream.
struct Drafter {
    /// Most tokens of a draft.
    static let longest = 7
    /// A draft has to yield so much more than none.
    private static let leastGain = 1.05
    /// One pass in so many is made without, so that its cost stays known.
    private static let refreshInterval = 64
    private static let orders = 8
    private static let strengths = 4

    /// The newest draft.
    private(set) var tokens: [TokenID] = []
    /// The share of right guesses, by the order and the strength of the synapse behind them.
    private var shares: [Double]
    private var counts: [Int]
    /// What was guessed for the next token.
    private var guess: Guess?
    private var keys: [ContextKey] = []
    /// The text's end, followed by a draft.
    private var recent: [Int32] = []
    private var passes = 0
    private let policy: GenerationRequest.Drafting

    private struct Guess {
        var token: Int32
        /// Place in `shares`.
        var kind: Int
    }

    init(policy: GenerationRequest.Drafting) {
        self.policy = policy
        shares = (0..<Self.orders).flatMap { order in
            [Double](repeating: order < 2 ? 0.2 : 0.5, count: Self.strengths)
        }
        counts = [Int](repeating: 0, count: Self.orders * Self.strengths)
        tokens.reserveCapacity(Self.longest)
        keys.reserveCapacity(Self.orders)
        recent.reserveCapacity(Self.orders + Self.longest)
    }

    /// Makes a draft of what follows a text, none where it does not pay, in place of the newest.
    /// - Parameters:
    ///   - limit: of its length.
    ///   - sequences: of the engram.
    ///   - orders: how many tokens a context spans at most.
    /// - Complexity: O(length · orders) look-ups.
    mutating func draft(
        after history: [Int32], atMost limit: Int, from sequences: SequenceSynapses, orders: Int,
        cost: RowCost
    ) {
        tokens.removeAll(keepingCapacity: true)
        recent.removeAll(keepingCapacity: true)
        recent += history[max(0, history.count - Self.orders)...]
        guess = nextGuess(sequences, orders)
        if case .off = policy { return }
        passes += 1
        var next = guess
        var (yield, chance) = (1.0, 1.0)
        var (best, length) = (Self.leastGain, 0)
        while let found = next, tokens.count < min(limit, Self.longest) {
            chance *= shares[found.kind]
            yield += chance
            tokens.append(TokenID(rawValue: found.token))
            let gain = yield / cost.relative(rows: 1 + tokens.count)
            if gain > best { (best, length) = (gain, tokens.count) }
            recent.append(found.token)
            next = nextGuess(sequences, orders)
        }
        switch policy {
        case .off: break
        case .always: return
        case .whenFaster:
            if passes % Self.refreshInterval == 0 { length = 0 }
            tokens.removeLast(tokens.count - length)
        }
    }

    /// Learns from the token that came whether such guesses are right.
    mutating func judge(_ token: TokenID) {
        guard let guess else { return }
        self.guess = nil
        let count = min(counts[guess.kind] + 1, 24)
        counts[guess.kind] = count
        let hit = guess.token == token.rawValue ? 1.0 : 0
        shares[guess.kind] += (hit - shares[guess.kind]) / Double(count + 2)
    }

    /// Guesses anew at a position that was drafted and came true.
    mutating func continueGuessing(
        after history: [Int32], from sequences: SequenceSynapses, orders: Int
    ) {
        recent.removeAll(keepingCapacity: true)
        recent += history[max(0, history.count - Self.orders)...]
        guess = nextGuess(sequences, orders)
    }

    /// The strongest token behind the longest context that is known.
    private mutating func nextGuess(_ sequences: SequenceSynapses, _ orders: Int) -> Guess? {
        ContextKey.contexts(ending: recent[...], orders: min(orders, Self.orders), into: &keys)
        for order in keys.indices.reversed() {
            guard let context = sequences[keys[order]] else { continue }
            var (token, weight) = (Int32(-1), Float(0))
            for index in context.targets.indices where context.targets[index].weight > weight {
                (token, weight) = (context.targets[index].token, context.targets[index].weight)
            }
            guard token >= 0 else { continue }
            let strength = min(Self.strengths - 1, Int(weight))
            return Guess(token: token, kind: order * Self.strengths + strength)
        }
        return nil
    }
}
