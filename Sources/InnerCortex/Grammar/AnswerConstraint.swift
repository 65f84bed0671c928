public import ModelFormats

/// Keeps an answer within a grammar: says at each token which may come next. One an answer.
public struct AnswerConstraint {
    private var automaton: GrammarAutomaton
    private var state: Int
    private let order: TokenOrder
    private let tokenizer: Tokenizer
    private let ends: Set<TokenID>
    private var masks: [Int: TokenMask] = [:]

    private static let masksMaximum = 256

    /// - Parameters:
    ///   - order: of the tokenizer.
    ///   - ends: the tokens that end an answer.
    public init(
        _ grammar: ByteGrammar, order: TokenOrder, tokenizer: Tokenizer, ends: Set<TokenID>
    ) {
        automaton = GrammarAutomaton(grammar)
        state = automaton.start()
        self.order = order
        self.tokenizer = tokenizer
        self.ends = ends
    }

    /// Whether the answer is whole and nothing can be added.
    public var isComplete: Bool { !automaton.mayGoOn(state) }

    /// The tokens that may come next, the ends among them where the answer may end. Empty where no
    /// token of the vocabulary fits.
    /// - Complexity: O(bytes of the vocabulary) at a state that is new, less where few tokens fit.
    public mutating func allowed() -> TokenMask {
        if let mask = masks[state] { return mask }
        if automaton.isFull || masks.count >= Self.masksMaximum {
            state = automaton.keepOnly(state)
            masks = [:]
        }
        var mask = TokenMask(vocabularySize: order.vocabularySize)
        if automaton.mayEnd(state) {
            for token in ends where token.index < order.vocabularySize { mask.insert(token) }
        }
        // The states after the first bytes of the entry at hand.
        var path = [state]
        var index = 0
        while index < order.entries.count {
            let entry = order.entries[index]
            path.removeSubrange(min(path.count, entry.shared + 1)...)
            while path.count <= entry.bytes.count {
                let next = automaton.step(path[path.count - 1], entry.bytes[path.count - 1])
                if next == GrammarAutomaton.dead { break }
                path.append(next)
            }
            index += 1
            if path.count > entry.bytes.count {
                mask.insert(entry.token)
            } else {
                // Nor does any other that begins so.
                while index < order.entries.count, order.entries[index].shared >= path.count {
                    index += 1
                }
            }
        }
        masks[state] = mask
        return mask
    }

    /// Goes on by a token that was allowed.
    public mutating func accept(_ token: TokenID) {
        for byte in tokenizer.bytes(of: token) { state = automaton.step(state, byte) }
    }
}
