import Engrams
import Glibc
import Logging
import Scheduling

/// `/v1/completions` and `/v1/chat/completions`, whole or as a stream of events.
struct CompletionEndpoints: Sendable {
    typealias Events = AsyncThrowingStream<CompletionEvent, any Error>

    let models: any PersonalModels
    let logger: Logger

    var routes: [Route] {
        [
            Route(
                "POST", "/v1/completions",
                Operation(
                    id: "createCompletion", tag: "openai",
                    summary: "Complete prompts with a session's personal model.",
                    parameters: [.idempotencyKey, .ifMatch],
                    request: .schema("CreateCompletion"),
                    response: .schemaOrEvents("Completion", events: "CompletionChunk"),
                    errors: [400, 404, 409, 413, 422, 429, 503]), body: .text
            ) { request, _ in try await complete(request, as: .text) },
            Route(
                "POST", "/v1/chat/completions",
                Operation(
                    id: "createChatCompletion", tag: "openai",
                    summary: "Answer a conversation with a session's personal model.",
                    parameters: [.idempotencyKey, .ifMatch],
                    request: .schema("CreateChatCompletion"),
                    response: .schemaOrEvents("ChatCompletion", events: "ChatCompletionChunk"),
                    errors: [400, 404, 409, 413, 422, 429, 503]), body: .text
            ) { request, _ in try await complete(request, as: .chat) },
        ]
    }

    private func complete(
        _ request: HTTPRequest, as shape: CompletionShape
    ) async throws -> HTTPResponse {
        let model = models.model
        var call = try CompletionCall(request, as: shape, model: model)
        request.trace.user = call.session.user
        if call.requests.count > 1 {
            let session = try await models.session(call.session)
            try call.requireNoLearning(sessionLearn: session.learn)
        }
        let id = shape.idPrefix + String(UInt64.random(in: .min ... .max), radix: 36)
        call.name(CompletionID(rawValue: id))
        // Before anything is learned: no error may come after that.
        try request.memory.set(.answer, to: call.answerMemory(contextLength: model.contextLength))
        let answer = CompletionAnswer(
            id: id, created: time(nil), model: model.name, call: call)
        return call.streams ? try await stream(answer, to: request) : try await whole(answer)
    }

    private func whole(_ empty: CompletionAnswer) async throws -> HTTPResponse {
        var answer = empty
        for (prompt, request) in answer.call.requests.enumerated() {
            var isFinished = false
            for try await event in try await models.complete(answer.call.session, request) {
                answer.collect(event, prompt: prompt)
                if case .finished = event { isFinished = true }
            }
            try Self.requireEnd(isFinished)
        }
        return .json(answer.whole)
    }

    /// Waits for the first event before it answers, so that what fails before any text has its
    /// proper status.
    private func stream(
        _ empty: CompletionAnswer, to request: HTTPRequest
    ) async throws -> HTTPResponse {
        let call = empty.call
        let events = try await models.complete(call.session, call.requests[0])
        var iterator = events.makeAsyncIterator()
        let first = try await iterator.next()
        return ServerSentEvents.response(to: request, logger: logger) { writer in
            try await send(empty, first: first, then: events, to: writer)
        }
    }

    private func send(
        _ empty: CompletionAnswer, first: CompletionEvent?, then events: Events,
        to writer: any BodyWriter
    ) async throws {
        var answer = empty
        for (prompt, request) in answer.call.requests.enumerated() {
            var isFinished = false
            func send(_ event: CompletionEvent) async throws {
                if case .finished = event { isFinished = true }
                for chunk in answer.chunks(event, prompt: prompt) {
                    try await writer.write(ServerSentEvents.event(chunk))
                }
            }
            if prompt == 0, let first { try await send(first) }
            let rest =
                prompt == 0 ? events : try await models.complete(answer.call.session, request)
            for try await event in rest { try await send(event) }
            try Self.requireEnd(isFinished)
        }
        for chunk in answer.lastChunks() {
            try await writer.write(ServerSentEvents.event(chunk))
        }
        try await writer.write(ServerSentEvents.done)
    }

    /// A generation without a summary was cancelled, by us or by the server's end.
    private static func requireEnd(_ isFinished: Bool) throws {
        try Task.checkCancellation()
        if !isFinished { throw RequestError.shuttingDown }
    }
}

extension CompletionCall {
    /// About the most that its answers take until they are sent, as values, as JSON and as text: many
    /// answers with many alternatives a token add up. A stream holds one prompt's at a time.
    fileprivate func answerMemory(contextLength: Int) -> Int {
        let tokens =
            (streams ? 1 : requests.count) * choicesPerPrompt
            * min(requests[0].maxTokens, contextLength)
        return tokens * (16 + 400 * (requests[0].topLogprobs.map { 1 + $0 } ?? 0))
    }
}
