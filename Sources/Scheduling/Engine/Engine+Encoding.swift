import Engrams
import Foundation
import ModelFormats
import OuterCortex

// Texts and conversations as tokens, within the bounds.

extension Engine {
    /// - Parameters:
    ///   - parsingSpecialTokens: whether names of control tokens in a text are those tokens. Never
    ///     where it will be learned from: what somebody wrote teaches the letters.
    ///   - isPrompt: whether an answer is to follow it.
    /// - Returns: with spans for a conversation.
    func encoded(
        _ content: ObservedContent, parsingSpecialTokens: Bool = false, isPrompt: Bool = false,
        for user: UserID
    ) async throws -> EncodedChat {
        let limit = configuration.textBytesMaximum
        let tokens: [TokenID]
        switch content {
        case .conversation(let conversation):
            return try await encoded(conversation, isPrompt: isPrompt, for: user)
        case .text(let text):
            let bytes = text.utf8.count
            guard bytes <= limit else {
                throw ServiceError.textTooLarge(bytes: bytes, limit: limit)
            }
            tokens = try await offload(for: user, .ofText(bytes: bytes)) { [cortex] in
                cortex.tokenizer.encode(text, parsingSpecialTokens: parsingSpecialTokens)
            }
        case .tokens(let given):
            guard given.count <= limit else {
                throw ServiceError.textTooLarge(bytes: given.count, limit: limit)
            }
            let vocabulary = model.vocabularySize
            if let wrong = given.first(where: { !(0..<vocabulary).contains($0.index) }) {
                throw ServiceError.tokenOutOfRange(
                    found: wrong.index, vocabularySize: vocabulary)
            }
            tokens = given
        }
        return EncodedChat(tokens: tokens)
    }

    /// Throws for a text without a token to predict.
    func requirePredictions(_ tokens: [TokenID]) throws(ServiceError) {
        guard cortex.hasPredictions(tokens) else { throw .emptyText }
    }

    /// What the answer's reader saw: without a stop string, which its tokens contain.
    func shownTokens(of answer: Generation, for user: UserID) async throws -> [TokenID] {
        try await offload(for: user, .short) { [cortex] in
            cortex.tokenizer.decode(answer.tokens).utf8.elementsEqual(answer.text.utf8)
                ? answer.tokens : cortex.tokenizer.encode(answer.text)
        }
    }

    /// Tokens of the journal as people read them, so many of them at most.
    func decoded(
        _ tokens: [TokenID], _ limit: Int, for user: UserID
    ) async throws -> JournalText {
        let shown = Array(tokens.prefix(limit))
        return try await offload(for: user, .ofText(bytes: shown.count)) {
            [tokenizer = cortex.tokenizer] in
            var text = tokenizer.decode(shown, skippingSpecialTokens: false)
            // The tokenizer's own, not what was sent.
            if tokenizer.addsLeadingSpace, text.first == " " { text.removeFirst() }
            return JournalText(
                text: text,
                tokens: shown.contains(where: tokenizer.specialTokens.contains) ? shown : nil)
        }
    }
}
