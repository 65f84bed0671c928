import Engrams
import InnerCortex
import ModelFormats
import Scheduling

/// A `/v1/completions` request, checked.
struct CompletionCall: Sendable {
    static let maximumPrompts = 64

    var session: SessionID
    /// One call of the model for each.
    var requests: [CompleteRequest]
    /// Answers of one prompt; twice as many in mode `compare`.
    var choicesPerPrompt: Int
    var mode: CompletionMode
    var streams: Bool
    var includesUsage: Bool

    init(_ request: HTTPRequest, model: ModelDescription) throws {
        let fields = try JSONFields(body: request.body, as: "CreateCompletion")
        try Self.refuseMisspelledLearning(fields)
        if let name = try fields.string("model"), name != model.name {
            throw RequestError.modelNotFound(served: model.name)
        }
        let count = try fields.integer("n", in: 1...16) ?? 1
        try Self.refuseUnsupported(fields, count: count)
        let plasticity = try fields.object("plasticity")
        session = try Self.session(fields, plasticity)
        mode =
            try plasticity?.choice(
                "mode", of: CompletionMode.self, allowed: ["adapted", "frozen", "compare"])
            ?? .adapted
        streams = try fields.boolean("stream") ?? false
        let options = try fields.object("stream_options")
        includesUsage = try options?.boolean("include_usage") ?? false
        guard streams || options == nil else {
            throw RequestError.unsupported(
                parameter: "stream_options", reason: "it is for stream = true only")
        }
        choicesPerPrompt = mode == .compare ? 2 * count : count

        let template = CompleteRequest(
            prompt: .text(""), parsesSpecialTokens: try fields.boolean("parse_special"),
            maxTokens: try fields.integer("max_tokens", in: 1...1_000_000) ?? 16,
            sampling: try Self.sampling(fields),
            seed: try fields.integer("seed", in: .min ... .max).map {
                UInt64(bitPattern: Int64($0))
            },
            stop: try Self.stops(fields), mode: mode, learn: try plasticity?.learnMode("learn"),
            topLogprobs: try fields.integer("logprobs", in: 0...20), count: count,
            idempotencyKey: try request.idempotencyKey(), ifMatch: try request.ifMatch())
        requests = try Self.prompts(fields, model: model).map { prompt in
            var request = template
            request.prompt = prompt
            return request
        }
    }

    /// Gives each prompt's first answer the name by which feedback will speak of it: the index that
    /// it has in the whole answer.
    mutating func name(_ id: CompletionID) {
        for index in requests.indices {
            requests[index].completion = AnswerID(
                completion: id, choice: index * choicesPerPrompt)
        }
    }

    /// Refuses several prompts where they would be learned: each would be learned durably before the
    /// next is looked at, and an error at a later one would hide what the earlier ones changed.
    /// - Parameter sessionLearn: what the session does where the request does not say.
    mutating func requireNoLearning(sessionLearn: LearnMode) throws(RequestError) {
        guard (requests[0].learn ?? sessionLearn) == LearnMode.none else {
            throw .outOfRange(
                parameter: "prompt", found: "\(requests.count) prompts",
                allowed: "1 in a request that learns, so that an error always means that nothing "
                    + "was learned; send them one by one, or with plasticity.learn = \"none\"")
        }
        // The session may be made anew, as one that learns, before the last prompt's turn.
        for index in requests.indices { requests[index].learn = LearnMode.none }
    }

    /// `plasticity.session`, else the default session of `user`, else that of nobody in particular.
    private static func session(
        _ fields: JSONFields, _ plasticity: JSONFields?
    ) throws(RequestError) -> SessionID {
        let user = try fields.user("user")
        guard let plasticity, let text = try plasticity.string("session") else {
            return SessionID(user: user ?? SessionEndpoints.anonymous, name: .default)
        }
        guard let session = SessionID(text), user == nil || user == session.user else {
            throw .outOfRange(
                parameter: plasticity.path("session"), found: "another text",
                allowed: "user/name with the same user as in 'user', a name being "
                    + SessionName.allowed)
        }
        return session
    }

    /// Words that OpenAI's clients send and that mean nothing here are let pass, but not one that is
    /// nearly a word for who learns what: the request would teach the wrong model, or none.
    private static func refuseMisspelledLearning(_ fields: JSONFields) throws(RequestError) {
        for name in fields.names where !fields.knownNames.contains(name) {
            guard let word = NearName.nearest(to: name, among: JSONFields.learningNames) else {
                continue
            }
            throw fields.unknown(name, nearest: word == "learn" ? "plasticity.learn" : word)
        }
    }

    /// What OpenAI's API knows, would change the answer, and is not here: answering as if it had
    /// not been asked for would be wrong without a sign. Values without effect pass.
    private static func refuseUnsupported(
        _ fields: JSONFields, count: Int
    ) throws(RequestError) {
        if let bestOf = try fields.integer("best_of", in: 1...20), bestOf > count {
            throw .unsupported(parameter: "best_of", reason: "this server draws n answers as asked")
        }
        if try fields.boolean("echo") == true {
            throw .unsupported(parameter: "echo", reason: "the prompt is not sent back")
        }
        if let suffix = try fields.string("suffix"), !suffix.isEmpty {
            throw .unsupported(parameter: "suffix", reason: "the core does not fill in the middle")
        }
        switch fields.value("logit_bias") {
        case nil, .object([])?: break
        case .object?: throw .unsupported(parameter: "logit_bias", reason: "it is not applied")
        case let other?:
            throw fields.wrongType("logit_bias", expected: "an object", found: other)
        }
        for name in ["frequency_penalty", "presence_penalty"] {
            if let penalty = try fields.number(name, in: -2...2), penalty != 0 {
                throw .unsupported(parameter: name, reason: "use repetition_penalty")
            }
        }
    }

    private static func sampling(_ fields: JSONFields) throws(RequestError) -> SamplingOptions {
        var options = SamplingOptions()
        if let value = try fields.number("temperature", in: 0...2) {
            options.temperature = Float(value)
        }
        // -1 is how vLLM's clients switch it off.
        if let value = try fields.integer("top_k", in: -1...1_000_000) {
            options.topK = max(0, value)
        }
        if let value = try fields.number("top_p", in: 0...1) {
            // 0 leaves the likeliest token, as OpenAI has it.
            options.topP = max(Float(value), .leastNormalMagnitude)
        }
        if let value = try fields.number("min_p", in: 0...1) { options.minP = Float(value) }
        if let value = try fields.number("repetition_penalty", in: 0.01...10) {
            options.repetitionPenalty = Float(value)
        }
        return options
    }

    private static func stops(_ fields: JSONFields) throws(RequestError) -> [String] {
        var stops: [String] = []
        switch fields.value("stop") {
        case nil: break
        case .string(let text)?: stops = [text]
        case .array(let elements)?:
            for element in elements {
                guard case .string(let text) = element else {
                    throw fields.wrongType("stop", expected: "an array of strings", found: element)
                }
                stops.append(text)
            }
        case let other?:
            throw fields.wrongType("stop", expected: "a string or an array", found: other)
        }
        guard stops.count <= CompleteRequest.stopsMaximum, stops.allSatisfy({ !$0.isEmpty }) else {
            throw .outOfRange(
                parameter: "stop", found: "\(stops.count) texts",
                allowed: "up to \(CompleteRequest.stopsMaximum), none of them empty")
        }
        return stops
    }

    /// A text, texts, a token list or token lists.
    private static func prompts(
        _ fields: JSONFields, model: ModelDescription
    ) throws -> [ObservedContent] {
        switch fields.value("prompt") {
        case nil: throw RequestError.missing(parameter: "prompt")
        case .string(let text)?: return [.text(text)]
        case .array(let elements)?:
            guard let first = elements.first else {
                throw RequestError.outOfRange(
                    parameter: "prompt", found: "an empty array", allowed: "1 to \(maximumPrompts)")
            }
            func tokens(_ elements: [JSONValue]) throws -> ObservedContent {
                .tokens(
                    try TokenList.parse(
                        elements, parameter: "prompt", vocabularySize: model.vocabularySize))
            }
            switch first {
            case .integer, .number: return [try tokens(elements)]
            default: break
            }
            guard elements.count <= maximumPrompts else {
                throw RequestError.outOfRange(
                    parameter: "prompt", found: "\(elements.count) prompts",
                    allowed: "1 to \(maximumPrompts)")
            }
            return try elements.map { element in
                switch (first, element) {
                case (.string, .string(let text)): .text(text)
                case (.array, .array(let list)): try tokens(list)
                default:
                    throw fields.wrongType(
                        "prompt", expected: "texts, or token ids, or arrays of token ids",
                        found: element)
                }
            }
        case let other?:
            throw fields.wrongType("prompt", expected: "a string or an array", found: other)
        }
    }
}
