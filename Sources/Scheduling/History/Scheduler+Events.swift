import EngramStorage
public import Engrams
import Foundation
import ModelFormats
import OuterCortex

extension Scheduler {
    /// The session's journal, oldest first. A page of whole texts ends early when it gets long.
    public func events(_ id: SessionID, page: Page, text: Bool) async throws
        -> Listing<EventState>
    {
        try await serveQueued(for: id) {
            let limit = try pageLimit(page)
            _ = try await record(of: id)
            var sequence = 0
            if let after = page.after {
                guard let event = try await store.event(EventID(rawValue: after), of: id) else {
                    throw ServiceError.eventNotFound(EventID(rawValue: after))
                }
                sequence = event.sequence
            }
            var items: [EventState] = []
            var tokens = 0
            while true {
                // A few at a time: an event can bring an engram along, which is of no use here.
                let events = try await store.events(of: id, after: sequence, limit: 8)
                guard !events.isEmpty else { return Listing(items: items, hasMore: false) }
                for event in events {
                    guard items.count < limit, tokens < Self.listedTokensMaximum else {
                        return Listing(items: items, hasMore: true)
                    }
                    items.append(try await state(of: event, wholeText: text))
                    sequence = event.sequence
                    if text { tokens += event.tokens.count }
                }
            }
        }
    }

    /// One event with its whole text.
    public func event(_ id: SessionID, event: EventID) async throws -> EventState {
        try await serveQueued(for: id) {
            _ = try await record(of: id)
            guard let found = try await store.event(event, of: id) else {
                throw ServiceError.eventNotFound(event)
            }
            return try await state(of: found, wholeText: true)
        }
    }

    /// Some 4 MB of text.
    private static let listedTokensMaximum = 1 << 20

    private func state(of event: EventRecord, wholeText: Bool) async throws -> EventState {
        var state = EventState(
            id: event.id, kind: event.kind.rawValue,
            revision: Revision(rawValue: UInt64(max(0, event.sequence))), created: event.created,
            tokens: event.tokens.count, learnedTokens: event.tokenCount, reward: event.reward,
            target: event.target, forgottenBy: event.forgottenBy)
        guard event.forgottenBy == nil else { return state }
        let limit = wholeText ? Int.max : EventState.previewTokens
        if event.kind == .observe, let answer = event.answer {
            state.bitsPerByte = try? JSONDecoder().decode(
                ObserveResult.self, from: Data(answer)
            ).bitsPerByte
        }
        switch event.kind {
        case .observe, .completion:
            guard !event.tokens.isEmpty else { break }
            if let talk = try Self.conversation(of: event) {
                try await show(talk, of: event, limit, in: &state)
                break
            }
            state.text = try await decoded(
                event.tokens.map { TokenID(rawValue: $0) }, limit, for: event.session.user)
            state.isPreview = event.tokens.count > limit
        case .feedback:
            let record = try Self.payload(FeedbackRecord.self, of: event)
            let judged = record.judged(event.tokens)
            for (index, answer) in record.answers.enumerated() {
                var verdict = EventState.Verdict(
                    reward: answer.reward, advantage: answer.advantage,
                    tokens: answer.answerTokens)
                if let texts = judged?[index] {
                    verdict.prompt = try await decoded(
                        texts.prompt, limit, for: event.session.user)
                    verdict.answer = try await decoded(
                        texts.answer, limit, for: event.session.user)
                }
                state.verdicts.append(verdict)
                state.isPreview =
                    state.isPreview || max(answer.promptTokens, answer.answerTokens) > limit
            }
        case .forget: state.receipt = try await receipt(of: event.id, in: event.session)
        case .import, .merge, .reset, .restore, .checkpoint: break
        }
        return state
    }

    /// What was learned of a conversation, and all that was said where the whole text is asked for.
    private func show(
        _ talk: ConversationRecord, of event: EventRecord, _ limit: Int, in state: inout EventState
    ) async throws {
        let tokens = event.tokens.map { TokenID(rawValue: $0) }
        let learned = talk.learned.flatMap { tokens[$0] }
        state.text = try await decoded(learned, limit, for: event.session.user)
        state.isPreview = limit < Int.max && learned.count > limit
        guard limit == Int.max else { return }
        var message: Int?
        for part in talk.parts {
            let text = try await decoded(
                Array(tokens[part.range]), limit, for: event.session.user
            ).text
            if part.message == message, !state.messages.isEmpty {
                state.messages[state.messages.count - 1].text += text
            } else {
                state.messages.append(
                    .init(role: part.role, text: text, isLearned: part.isLearned))
            }
            message = part.message
        }
    }

    private func decoded(
        _ tokens: [TokenID], _ limit: Int, for user: UserID
    ) async throws -> JournalText {
        let shown = Array(tokens.prefix(limit))
        return try await atDesk(for: user, .ofText(bytes: shown.count)) {
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
