import EngramStorage
import Engrams
import Foundation
import InnerCortex
import ModelFormats
import OuterCortex

/// Generates answers, and learns from them where that is asked for.
struct Completing {
    let gate: Gate
    let engine: Engine
    let archive: Archive
    let host: SessionHost
    let journal: Journal
    let checkpoints: Checkpointing
}

@SchedulerActor
extension Completing {
    /// Generates from the session's engram as it is now. Everything a request can be refused for
    /// is thrown here; what fails later ends the stream.
    ///
    /// A generation that learns holds the session's lease from here to its end. It learns from
    /// the prompt, from the first (adapted) answer, or from both as one text, and is durable
    /// before `.finished`. While a collapse monitor fires it learns nothing from an answer. An
    /// answer ends with `length` where the core's context ends.
    func complete(_ id: SessionID, _ request: CompleteRequest) async throws
        -> AsyncThrowingStream<CompletionEvent, any Error>
    {
        try RequestContext.current.requireAccess(to: id)
        try gate.begin()
        var undo: [() -> Void] = [{ gate.end() }]
        do {
            let visit = try gate.enter(id)
            undo.append { gate.leave(visit) }
            try request.check()
            let learn = try await learnMode(of: request, in: id)
            let prompt = try await prompt(of: request, learn: learn, for: id.user)
            let talk =
                request.prompt.isConversation
                ? ConversationRecord(prompt, learning: learn, onlyNew: true) : nil
            if request.format != nil {
                // Sorting a vocabulary is nothing for the thread that computes.
                _ = try await engine.offload(for: id.user) { [cortex = engine.cortex] in
                    cortex.tokenOrder.isEmpty
                }
            }
            if learn != .none {
                try RequestContext.current.requireLearningQuota()
                try await gate.lease(.session(id), for: id)
                undo.append { gate.release(.session(id)) }
            }
            let session = try await learn == .none ? host.present(id) : host.resident(id)
            let memory = engine.cortex.contextBytes(
                tokens: prompt.tokens.count + min(request.maxTokens, engine.model.contextLength),
                with: session.engram)
            try engine.thread.check(memory: memory)
            var mark: RequestMark?
            if learn != .none, request.idempotencyKey != nil {
                let hash = try await engine.offload(
                    for: id.user, .ofText(bytes: prompt.tokens.count)
                ) {
                    CompletionRecord.hash(of: request)
                }
                mark = RequestMark(request.idempotencyKey, hash: hash)
                if let earlier = try await journal.earlierAnswer(
                    CompletionRecord.self, to: mark, of: id)
                {
                    for step in undo.reversed() { step() }
                    return earlier.stream
                }
            }
            try session.requireMatch(request.ifMatch)
            let (stream, continuation) = AsyncThrowingStream<CompletionEvent, any Error>
                .makeStream()
            let completion = Completion(
                request: request, mark: mark, stop: StopStrings(request.stop),
                prompt: prompt.tokens, conversation: talk, learn: learn, session: session,
                seed: request.seed ?? .random(in: 0...(.max)),
                events: continuation, memory: memory,
                stopwatch: engine.times.stopwatch(since: visit.start),
                transcript: mark == nil ? nil : CompletionTranscript())
            let task = Task {
                await drive(completion)
                if learn != .none { gate.release(.session(id)) }
                gate.leave(visit)
                gate.end()
            }
            continuation.onTermination = { reason in
                if case .cancelled = reason { task.cancel() }
            }
            return stream
        } catch {
            for step in undo.reversed() { step() }
            throw ServiceError.from(error)
        }
    }

    /// What the request says of learning, or else its session.
    private func learnMode(of request: CompleteRequest, in id: SessionID) async throws -> LearnMode
    {
        if let mode = request.learn { return mode }
        return LearnMode(of: try await host.knownRecord(of: id))
    }

    /// The prompt's tokens. A text that is only to be continued may be a template's, with control
    /// tokens; one that is learned from is what somebody wrote.
    private func prompt(
        of request: CompleteRequest, learn: LearnMode, for user: UserID
    ) async throws -> EncodedChat {
        let isLearned = learn.takesPrompt
        guard !isLearned || request.parsesSpecialTokens != true else {
            throw ServiceError.invalidParameter(
                name: "parse_special",
                reason: "must be false for a prompt that is learned from: a text teaches its "
                    + "letters. Send token ids to teach control tokens")
        }
        let prompt = try await engine.encoded(
            request.prompt, parsingSpecialTokens: request.parsesSpecialTokens ?? !isLearned,
            isPrompt: true, for: user)
        guard engine.cortex.hasRoom(after: prompt.tokens) else {
            throw ServiceError.contextExceeded(
                promptTokens: prompt.tokens.count, maxTokens: request.maxTokens,
                contextLength: engine.model.contextLength)
        }
        return prompt
    }

    private func drive(_ completion: Completion) async {
        do {
            let answers = try await engine.generate(completion)
            try Task.checkCancellation()
            try await remember(completion, answers)
            let recalled = try await archive.recalled(by: answers, in: completion.session.id)
            var summary = try await learnAndSummarize(completion, answers)
            summary.recalled = recalled
            completion.events.yield(.finished(summary))
            completion.events.finish()
        } catch {
            if error is CancellationError { engine.count { $0.cancelledGenerations += 1 } }
            completion.events.finish(throwing: ServiceError.from(error))
        }
    }

    /// Keeps the answers of a completion that was asked for by an id.
    private func remember(_ completion: Completion, _ answers: [Generation]) async throws {
        guard let name = completion.request.completion else { return }
        var shown: [[TokenID]] = []
        let user = completion.session.id.user
        for answer in answers {
            shown.append(try await engine.shownTokens(of: answer, for: user))
        }
        guard !gate.hasLeft(user) else { return }
        host.answers.remember(
            name.completion, of: completion.session.id, prompt: completion.prompt, answers: shown,
            firstChoice: name.choice)
    }

    private func learnAndSummarize(
        _ completion: Completion, _ answers: [Generation]
    ) async throws -> CompletionSummary {
        let session = completion.session
        var summary = CompletionSummary(
            session: session.id, revision: session.revision, revisionAfter: session.revision,
            learnedTokens: 0, promptTokens: completion.prompt.count,
            completionTokens: answers.reduce(0) { $0 + $1.tokens.count },
            adaptation: completion.adaptation(of: answers), event: nil)
        let monitor = host.note(answers.compactMap(\.vitals), of: session)
        var mode = completion.learn
        if mode.takesAnswer, !monitor.firing.isEmpty {
            mode = mode == .both ? .prompt : .none
            summary.paused = monitor.firing
            engine.count { $0.safety.pausedCompletions += 1 }
        }
        let text = try await taught(by: completion, mode, answers[0])
        guard !text.tokens.isEmpty, text.conversation?.learned.isEmpty != true
        else { return summary }
        let journalKind = engine.configuration.journal
        var learned = try await engine.learn(
            text, on: session.engram, for: session.id, sparing: journalKind.spared)
        learned.gains.removeSubrange(
            min(learned.gains.count, completion.askedTokens(mode, text.conversation))...)
        var change = SessionChange(
            .text(text), engram: learned.engram, base: session.record.base)
        change.learnedTokens = learned.learnedTokens
        change.ledger = try await engine.ledger(of: session, after: learned)
        summary.learnedTokens = learned.learnedTokens
        summary.event = change.event
        summary.revisionAfter = session.revision.next
        change.request = completion.mark
        // Where no text is kept, a repeated request is only told from others.
        if journalKind == .text, let record = completion.record(with: summary) {
            change.answer = try await engine.offload(for: session.id.user, .short) {
                Array(try JSONEncoder().encode(record))
            }
        }
        let written = try await journal.commit(change, to: session)
        engine.count(learned)
        RequestContext.current.spend(learned: learned.tokens)
        summary.revisionAfter = await checkpoints.checkpointIfDue(written).revision
        return summary
    }

    /// What is read to learn from, and which of it is learned. A text is learned as a text of its
    /// own; of a conversation, what was said in it.
    private func taught(
        by completion: Completion, _ mode: LearnMode, _ answer: Generation
    ) async throws -> TaughtText {
        var text = TaughtText(tokens: [], isCompletion: true)
        guard mode != .none else { return text }
        let shown =
            mode.takesAnswer
            ? try await engine.shownTokens(of: answer, for: completion.session.id.user) : []
        text.conversation = completion.conversation
        if !shown.isEmpty {
            text.conversation?.addAnswer(
                shown.count, behind: completion.prompt.count, isLearned: true)
        }
        let takesPrompt = completion.conversation != nil || mode.takesPrompt
        text.tokens = ((takesPrompt ? completion.prompt : []) + shown).map(\.rawValue)
        return text
    }
}

extension LearnMode {
    /// What a session's requests teach that do not say: what was set on the session, else what its
    /// caller's key says, else nothing.
    init(of record: SessionRecord?) {
        if let record, let mode = LearnMode(rawValue: record.learn) {
            self = mode
        } else {
            self = RequestContext.current.key?.learn ?? LearnMode.none
        }
    }
}
