import Engrams
import InnerCortex
import ModelFormats
import OuterCortex

/// A completion on its way.
struct Completion: Sendable {
    struct Choice: Sendable {
        let number: Int
        let mode: GenerationRequest.Mode
        let seed: UInt64
    }

    let request: CompleteRequest
    /// Of one that may be asked for again.
    let mark: RequestMark?
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

    /// What it is given again from; nil for one that is not asked for again.
    func record(with summary: CompletionSummary) -> CompletionRecord? {
        transcript.map {
            CompletionRecord(
                completion: request.completion, choices: $0.whole, summary: summary)
        }
    }

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

extension Engine {
    /// All answers, a few of them side by side.
    func generate(_ completion: Completion) async throws -> [Generation] {
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
                    count {
                        $0.generatedTokens += answer.tokens.count
                        $0.draftedTokens += answer.draftedTokens
                        $0.acceptedTokens += answer.acceptedTokens
                    }
                    RequestContext.current.spend(tokens: answer.tokens.count)
                }
            }
        }
        count { $0.promptTokens += completion.prompt.count }
        RequestContext.current.spend(tokens: completion.prompt.count)
        return choices.map { answers[$0.number]! }
    }
}
