import EngramStorage
public import Engrams
import InnerCortex
import ModelFormats
import OuterCortex

extension Scheduler {
    /// Generates from the session's engram as it is now. Everything a request can be refused for
    /// is thrown here; what fails later ends the stream.
    ///
    /// A generation that learns holds the session's lease from here to its end. It learns from
    /// the prompt, from the first (adapted) answer, or from both as one text, and is durable
    /// before `.finished`. While a collapse monitor fires it learns nothing from an answer. An
    /// answer ends with `length` where the core's context ends.
    public func complete(_ id: SessionID, _ request: CompleteRequest) async throws
        -> AsyncThrowingStream<CompletionEvent, any Error>
    {
        try await Self.$arrival.withValue(newNumber()) { try await start(id, request) }
    }

    private func start(_ id: SessionID, _ request: CompleteRequest) async throws
        -> AsyncThrowingStream<CompletionEvent, any Error>
    {
        try RequestContext.current.requireAccess(to: id)
        try begin()
        var undo: [() -> Void] = [{ self.end() }]
        do {
            let visit = try enter(id)
            undo.append { self.leave(visit) }
            try check(request)
            let learn = try await learnMode(of: request, in: id)
            let prompt = try await prompt(of: request, learn: learn, for: id.user)
            let talk =
                request.prompt.isConversation
                ? ConversationRecord(prompt, learning: learn, onlyNew: true) : nil
            if request.format != nil {
                // Sorting a vocabulary is nothing for the thread that computes.
                _ = try await atDesk(for: id.user) { [cortex] in cortex.tokenOrder.isEmpty }
            }
            if learn != .none {
                try RequestContext.current.requireLearningQuota()
                try await lease(.session(id), for: id)
                undo.append { self.leases.release(.session(id)) }
            }
            let session = try await learn == .none ? present(id) : resident(id)
            let memory = cortex.contextBytes(
                tokens: prompt.tokens.count + min(request.maxTokens, model.contextLength),
                with: session.engram)
            try thread.check(memory: memory)
            if learn != .none, let earlier = try await repeated(request, of: id) {
                for step in undo.reversed() { step() }
                return earlier
            }
            try requireMatch(request.ifMatch, session.revision)
            let (stream, continuation) = AsyncThrowingStream<CompletionEvent, any Error>
                .makeStream()
            let completion = Completion(
                request: request, stop: StopStrings(request.stop), prompt: prompt.tokens,
                conversation: talk, learn: learn, session: session,
                seed: request.seed ?? .random(in: 0...(.max)),
                events: continuation, memory: memory,
                stopwatch: times.stopwatch(since: visit.start),
                transcript: request.idempotencyKey == nil ? nil : CompletionTranscript())
            let task = Task {
                await drive(completion)
                if learn != .none { leases.release(.session(id)) }
                leave(visit)
                end()
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
        var known = residency.use(id)?.record
        if known == nil { known = try await store.session(id) }
        return Self.learn(of: known)
    }

    /// What a session's requests teach that do not say: what was set on the session, else what its
    /// caller's key says, else nothing.
    static func learn(of record: SessionRecord?) -> LearnMode {
        if let record, let mode = LearnMode(rawValue: record.learn) { return mode }
        return RequestContext.current.key?.learn ?? LearnMode.none
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
        let prompt = try await encoded(
            request.prompt, parsingSpecialTokens: request.parsesSpecialTokens ?? !isLearned,
            isPrompt: true, for: user)
        guard cortex.hasRoom(after: prompt.tokens) else {
            throw ServiceError.contextExceeded(
                promptTokens: prompt.tokens.count, maxTokens: request.maxTokens,
                contextLength: model.contextLength)
        }
        return prompt
    }

    private func check(_ request: CompleteRequest) throws {
        try Self.checkIdempotencyKey(request.idempotencyKey)
        func require(_ holds: Bool, _ name: String, _ reason: String) throws(ServiceError) {
            if !holds { throw .invalidParameter(name: name, reason: reason) }
        }
        try require(request.maxTokens >= 0, "max_tokens", "must not be negative")
        try require((1...16).contains(request.count), "n", "must be between 1 and 16")
        let stops = request.stop.map(\.utf8.count)
        let (count, bytes) = (CompleteRequest.stopsMaximum, CompleteRequest.stopBytesMaximum)
        try require(stops.count <= count, "stop", "must be at most \(count) texts")
        try require(
            stops.allSatisfy { $0 <= bytes }, "stop",
            "must be of at most \(bytes) bytes each, and one has \(stops.max() ?? 0)")
        if let top = request.topLogprobs {
            try require((0...20).contains(top), "logprobs", "must be between 0 and 20")
        }
        do {
            try request.sampling.validated()
        } catch {
            let names = [
                "topK": "top_k", "topP": "top_p", "minP": "min_p",
                "repetitionPenalty": "repetition_penalty", "logitBias": "logit_bias",
                "frequencyPenalty": "frequency_penalty", "presencePenalty": "presence_penalty",
            ]
            throw ServiceError.invalidParameter(
                name: names[error.option] ?? error.option,
                reason: "is \(error.found), allowed is \(error.allowed)")
        }
    }

    private func drive(_ completion: Completion) async {
        do {
            let answers = try await generate(completion)
            try Task.checkCancellation()
            try await remember(completion, answers)
            let recalled = try await recalled(by: answers, in: completion.session.id)
            var summary = try await learnAndSummarize(completion, answers)
            summary.recalled = recalled
            completion.events.yield(.finished(summary))
            completion.events.finish()
        } catch {
            if error is CancellationError { counts.cancelledGenerations += 1 }
            completion.events.finish(throwing: ServiceError.from(error))
        }
    }

    /// All answers, a few of them side by side.
    private func generate(_ completion: Completion) async throws -> [Generation] {
        let choices = completion.choices
        let parallel = max(1, configuration.choicesInParallelMaximum)
        var answers: [Int: Generation] = [:]
        for start in stride(from: 0, to: choices.count, by: parallel) {
            try await withThrowingTaskGroup(of: (Int, Generation).self) { group in
                for choice in choices[start..<min(choices.count, start + parallel)] {
                    group.addTask { [thread, cortex] in
                        let id = completion.session.id
                        let answer = try await thread.run(for: id, memory: completion.memory) {
                            completion.work(on: choice, cortex: cortex, in: $0)
                        }
                        return (choice.number, answer)
                    }
                }
                for try await (number, answer) in group {
                    answers[number] = answer
                    counts.generatedTokens += answer.tokens.count
                    counts.draftedTokens += answer.draftedTokens
                    counts.acceptedTokens += answer.acceptedTokens
                    RequestContext.current.spend(tokens: answer.tokens.count)
                }
            }
        }
        counts.promptTokens += completion.prompt.count
        RequestContext.current.spend(tokens: completion.prompt.count)
        return choices.map { answers[$0.number]! }
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
        let monitor = note(answers.compactMap(\.vitals), of: session)
        var mode = completion.learn
        if mode.takesAnswer, !monitor.firing.isEmpty {
            mode = mode == .both ? .prompt : .none
            summary.paused = monitor.firing
            counts.safety.pausedCompletions += 1
        }
        let (text, talk) = try await learned(of: completion, mode, answers[0])
        guard !text.isEmpty, talk?.learned.isEmpty != true else { return summary }
        var lesson = try await learn(
            text, only: talk?.learned, said: ConversationRecord.said(in: talk, of: .completion),
            reward: nil, on: session.engram, for: session.id,
            sparing: configuration.journal.spared)
        lesson.gains.removeSubrange(
            min(lesson.gains.count, completion.askedTokens(mode, talk))...)
        var change = SessionChange(.completion, engram: lesson.engram, base: session.record.base)
        change.tokens = text.map(\.rawValue)
        change.learnedTokens = lesson.learnedTokens
        change.conversation = talk
        change.ledger = try await ledger(of: session, after: lesson)
        summary.learnedTokens = lesson.learnedTokens
        summary.event = change.event
        summary.revisionAfter = session.revision.next
        try note(completion, summary, in: &change)
        let learned = try await commit(change, to: session)
        count(lesson)
        RequestContext.current.spend(learned: lesson.tokens)
        summary.revisionAfter = await checkpointIfDue(learned).revision
        return summary
    }

    /// What the answer's reader saw: without a stop string, which its tokens contain.
    func shownTokens(of answer: Generation, for user: UserID) async throws -> [TokenID] {
        try await atDesk(for: user, .short) { [cortex] in
            cortex.tokenizer.decode(answer.tokens).utf8.elementsEqual(answer.text.utf8)
                ? answer.tokens : cortex.tokenizer.encode(answer.text)
        }
    }

    /// What is read to learn from, and which of it is learned. A text is learned as a text of its
    /// own; of a conversation, what was said in it.
    private func learned(
        of completion: Completion, _ mode: LearnMode, _ answer: Generation
    ) async throws -> ([TokenID], ConversationRecord?) {
        guard mode != .none else { return ([], nil) }
        let shown =
            mode.takesAnswer
            ? try await shownTokens(of: answer, for: completion.session.id.user) : []
        if var talk = completion.conversation {
            if !shown.isEmpty {
                talk.addAnswer(shown.count, behind: completion.prompt.count, isLearned: true)
            }
            return (completion.prompt + shown, talk)
        }
        return ((mode.takesPrompt ? completion.prompt : []) + shown, nil)
    }
}

/// A completion on its way.
struct Completion: Sendable {
    struct Choice: Sendable {
        let number: Int
        let mode: GenerationRequest.Mode
        let seed: UInt64
    }

    let request: CompleteRequest
    let stop: StopStrings
    let prompt: [TokenID]
    /// Whose the prompt's tokens are, and which are learned; nil for a text.
    let conversation: ConversationRecord?
    let learn: LearnMode
    /// As it was when the request came.
    let session: ResidentSession
    let seed: UInt64
    let events: AsyncThrowingStream<CompletionEvent, any Error>.Continuation
    /// The most that the context of an answer may take, bytes.
    let memory: Int
    let stopwatch: AnswerTimes.Stopwatch
    /// Of a completion that may be asked for again.
    let transcript: CompletionTranscript?

    /// How many of the tokens that are learned somebody else than the model wrote.
    func askedTokens(_ mode: LearnMode, _ talk: ConversationRecord?) -> Int {
        guard let talk else { return mode.takesPrompt ? prompt.count : 0 }
        return talk.learned.reduce(0) { $0 + ($1.lowerBound < prompt.count ? $1.count : 0) }
    }

    var choices: [Choice] {
        (0..<request.count).flatMap { index -> [Choice] in
            let seed = seed &+ UInt64(index)
            return switch request.mode {
            case .adapted: [Choice(number: index, mode: .adapted, seed: seed)]
            case .frozen: [Choice(number: index, mode: .frozen, seed: seed)]
            case .compare:
                [
                    Choice(number: 2 * index, mode: .adapted, seed: seed),
                    Choice(number: 2 * index + 1, mode: .frozen, seed: seed),
                ]
            }
        }
    }

    /// The work of one answer; its pieces go straight to the stream, without a hop a token.
    /// Longer work while it reads the prompt, and then one token at a time.
    func work(
        on choice: Choice, cortex: Cortex, in contexts: ContextStore
    ) -> CortexWork<Generation> {
        let task = cortex.startGenerating(
            GenerationRequest(
                prompt: prompt, said: conversation?.asked ?? [], maxTokens: request.maxTokens,
                sampling: request.sampling, seed: choice.seed, stop: stop, mode: choice.mode,
                grammar: request.format?.grammar, topLogprobs: request.topLogprobs),
            with: session.engram, in: (contexts, session.id.user))
        var stopwatch = stopwatch
        var counted = 0
        var work = CortexWork<Generation> {
            let isFinished = task.advance()
            stopwatch.note(tokens: task.tokenCount - counted)
            counted = task.tokenCount
            task.takeOutput { piece in
                let piece = described(piece, of: choice, cortex.tokenizer)
                transcript?.note(piece)
                events.yield(.piece(piece))
            }
            guard isFinished else { return task.isReadingPrompt ? .goesOn : .more(.decode) }
            let result = task.result
            let reason: FinishReason = result.end == .stop ? .stop : .length
            transcript?.note(reason, of: choice.number)
            events.yield(.choiceFinished(choice: choice.number, reason: reason))
            return .done(result)
        }
        work.asks = { task.asks }
        return work
    }

    private func described(
        _ piece: GeneratedPiece, of choice: Choice, _ tokenizer: Tokenizer
    ) -> CompletionPiece {
        func described(_ token: TokenID, _ logprob: Double) -> TokenLogprob {
            let bytes = tokenizer.bytes(of: token)
            return TokenLogprob(
                text: String(decoding: bytes, as: UTF8.self), bytes: bytes, logprob: logprob)
        }
        return CompletionPiece(
            choice: choice.number, text: piece.text,
            logprobs: piece.tokens.map { token in
                AnswerToken(
                    token: described(token.token, token.logprob),
                    top: token.top.map { described($0.token, $0.logprob) }, start: token.start)
            })
    }

    /// Over the adapted answers, weighted by their tokens.
    func adaptation(of answers: [Generation]) -> Adaptation {
        var report = Adaptation(klMean: 0, klMax: 0, strengthMin: 1)
        var tokens = 0
        for (choice, answer) in zip(choices, answers) where choice.mode == .adapted {
            let count = answer.promptTokens + answer.tokens.count
            report.klMean += answer.adaptation.klMean * Double(count)
            report.klMax = max(report.klMax, answer.adaptation.klMax)
            report.strengthMin = min(report.strengthMin, answer.adaptation.strengthMin)
            tokens += count
        }
        if tokens > 0 { report.klMean /= Double(tokens) }
        return report
    }
}
