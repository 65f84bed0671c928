import EngramStorage
import Engrams
import Foundation
import ModelFormats
import OuterCortex

/// Shows a session's journal.
struct EventListing {
    let store: any EngramStore
    let engine: Engine
    let host: SessionHost
}

extension EventListing {
    /// The session's journal, oldest first. A page of whole texts ends early when it gets long.
    func events(_ id: SessionID, page: Page, text: Bool) async throws -> Listing<EventState> {
        let limit = try page.checkedLimit()
        _ = try await host.record(of: id)
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

    /// One event with its whole text.
    func event(_ id: SessionID, event: EventID) async throws -> EventState {
        _ = try await host.record(of: id)
        guard let found = try await store.event(event, of: id) else {
            throw ServiceError.eventNotFound(event)
        }
        return try await state(of: found, wholeText: true)
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
        let user = event.session.user
        switch try EventContent(event) {
        case .text(let text):
            guard !text.tokens.isEmpty else { break }
            let tokens = text.tokens.map { TokenID(rawValue: $0) }
            if let talk = text.conversation {
                try await show(talk, of: tokens, limit, for: user, in: &state)
            } else {
                state.text = try await engine.decoded(tokens, limit, for: user)
                state.isPreview = tokens.count > limit
            }
        case .feedback(let verdicts):
            let judged = verdicts.judged
            for (index, answer) in verdicts.record.answers.enumerated() {
                var verdict = EventState.Verdict(
                    reward: answer.reward, advantage: answer.advantage,
                    tokens: answer.answerTokens)
                if let texts = judged?[index] {
                    verdict.prompt = try await engine.decoded(texts.prompt, limit, for: user)
                    verdict.answer = try await engine.decoded(texts.answer, limit, for: user)
                }
                state.verdicts.append(verdict)
                state.isPreview =
                    state.isPreview || max(answer.promptTokens, answer.answerTokens) > limit
            }
        case .forget:
            state.receipt = try await ForgetReceipt(of: event.id, in: event.session, from: store)
        case .import, .merge, .reset, .restore, .checkpoint: break
        }
        return state
    }

    /// What was learned of a conversation, and all that was said where the whole text is asked for.
    private func show(
        _ talk: ConversationRecord, of tokens: [TokenID], _ limit: Int, for user: UserID,
        in state: inout EventState
    ) async throws {
        let learned = talk.learned.flatMap { tokens[$0] }
        state.text = try await engine.decoded(learned, limit, for: user)
        state.isPreview = limit < Int.max && learned.count > limit
        guard limit == Int.max else { return }
        var message: Int?
        for part in talk.parts {
            let text = try await engine.decoded(Array(tokens[part.range]), limit, for: user).text
            if part.message == message, !state.messages.isEmpty {
                state.messages[state.messages.count - 1].text += text
            } else {
                state.messages.append(
                    .init(role: part.role, text: text, isLearned: part.isLearned))
            }
            message = part.message
        }
    }
}

extension ForgetReceipt {
    /// The receipt that a `forget` event is.
    init(of forgetting: EventID, in id: SessionID, from store: any EngramStore) async throws {
        guard let answer = try await store.event(forgetting, of: id)?.answer,
            let receipt = try? JSONDecoder().decode(ForgetReceipt.self, from: Data(answer))
        else { throw StorageError.corrupt(code: 0) }
        self = receipt
    }
}
