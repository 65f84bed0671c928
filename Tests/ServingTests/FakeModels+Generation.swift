import Engrams
import InnerCortex
import ModelFormats
import Scheduling
import Synchronization

extension FakeModels {
    func complete(_ id: SessionID, _ request: CompleteRequest) async throws
        -> AsyncThrowingStream<CompletionEvent, any Error>
    {
        let session = try await session(id)
        var words: [Substring] = []
        if case .text(let text) = request.prompt { words = text.split(separator: " ") }
        if words.first == "FULL" {
            throw ServiceError.queueFull(capacity: 64, retryAfterSeconds: 3)
        }
        state.withLock { state in
            state.completions.append(request)
            state.started += 1
            state.running += 1
        }
        return AsyncThrowingStream { continuation in
            let task = Task { [self, words] in
                do {
                    try await generate(request, String(words.first ?? ""), session) {
                        continuation.yield($0)
                    }
                    continuation.finish()
                } catch { continuation.finish(throwing: error) }
            }
            continuation.onTermination = { [self] reason in
                state.withLock { state in
                    state.running -= 1
                    if case .cancelled = reason { state.cancelled += 1 }
                }
                task.cancel()
            }
        }
    }

    private func generate(
        _ request: CompleteRequest, _ manner: String, _ session: SessionState,
        _ yield: (CompletionEvent) -> Void
    ) async throws {
        if manner == "HANG" { try await Task.sleep(for: .seconds(60)) }
        let choices = request.mode == .compare ? 2 * request.count : request.count
        for choice in 0..<choices {
            var start = 0
            for word in 0..<request.maxTokens {
                if manner == "SLOW" { try await Task.sleep(for: .milliseconds(20)) }
                if manner == "FAIL", word == 2 { throw ServiceError.storage(reason: "disk full") }
                let text = "w\(word) "
                let token = TokenLogprob(text: text, bytes: Array(text.utf8), logprob: -0.5)
                let part = TokenLogprob(text: "\u{fffd}", bytes: [0xe2, 0x80], logprob: -1.5)
                let answered = AnswerToken(token: token, top: [token, part], start: start)
                start += text.unicodeScalars.count
                yield(
                    .piece(
                        CompletionPiece(
                            choice: choice, text: text,
                            logprobs: request.topLogprobs == nil ? [] : [answered])))
            }
            yield(.choiceFinished(choice: choice, reason: .length))
        }
        yield(
            .finished(
                CompletionSummary(
                    session: session.id, revision: session.revision,
                    revisionAfter: request.learn == nil || request.learn == LearnMode.none
                        ? session.revision : session.revision.next,
                    learnedTokens: request.learn == .completion ? request.maxTokens : 0,
                    promptTokens: 3, completionTokens: choices * request.maxTokens,
                    adaptation: Self.adaptation,
                    paused: manner == "LOOP" ? [.repetition, .distributionRank] : [],
                    event: nil)))
    }
}
