import Engrams
import InnerCortex
import ModelFormats
import Scheduling

/// A request to `/v1/completions` or `/v1/chat/completions`, checked.
struct CompletionCall: Sendable {
    static let maximumPrompts = 64

    let shape: CompletionShape
    var session: SessionID
    /// One call of the model for each.
    var requests: [CompleteRequest]
    /// Answers of one prompt; twice as many in mode `compare`.
    var choicesPerPrompt: Int
    var mode: CompletionMode
    var streams: Bool
    var includesUsage: Bool
    /// Nil where an answer can call nothing.
    var tools: ToolUse?

    init(
        _ request: HTTPRequest, as shape: CompletionShape, model: ModelDescription
    ) throws {
        self.shape = shape
        let fields = try JSONFields(body: request.body, as: shape.requestSchema)
        try Self.refuseMisspelledLearning(fields)
        if let name = try fields.string("model"), name != model.name {
            throw RequestError.modelNotFound(served: model.name)
        }
        let count = try fields.integer("n", in: 1...16) ?? 1
        try fields.refuseUnsupported(shape, count: count)
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

        var template = CompleteRequest(
            prompt: .text(""),
            parsesSpecialTokens: shape == .text ? try fields.boolean("parse_special") : nil,
            maxTokens: try Self.maxTokens(fields, shape),
            sampling: try fields.sampling(vocabularySize: model.vocabularySize),
            seed: try fields.integer("seed", in: .min ... .max).map {
                UInt64(bitPattern: Int64($0))
            },
            stop: try fields.stops(), mode: mode, learn: try plasticity?.learnMode("learn"),
            topLogprobs: try Self.topLogprobs(fields, shape), count: count,
            idempotencyKey: try request.idempotencyKey(), ifMatch: try request.ifMatch())
        let prompts: [ObservedContent]
        switch shape {
        case .text: prompts = try Self.prompts(fields, model: model)
        case .chat:
            tools = try ToolUse.read(fields, form: model.tools)
            template.format = try Self.format(fields, tools)
            var conversation = try ChatMessages.conversation(fields)
            conversation.tools = tools?.tools.map(\.value)
            prompts = [.conversation(conversation)]
        }
        requests = prompts.map { prompt in
            var request = template
            request.prompt = prompt
            return request
        }
    }

    /// What `response_format` or `tool_choice` asks for.
    private static func format(
        _ fields: JSONFields, _ tools: ToolUse?
    ) throws(RequestError) -> AnswerFormat? {
        let format = try ResponseFormat.read(fields)
        guard let call = try tools?.format() else { return format }
        guard format == nil else {
            throw .unsupported(
                parameter: "response_format", reason: "an answer that must call a tool has its own")
        }
        return call
    }

    /// OpenAI's completions end after 16 tokens where nothing is said, and its chat where the model
    /// ends it; here a bound holds that answer too.
    private static func maxTokens(
        _ fields: JSONFields, _ shape: CompletionShape
    ) throws(RequestError) -> Int {
        let allowed = 1...1_000_000
        let given = try fields.integer("max_tokens", in: allowed)
        guard shape == .chat else { return given ?? 16 }
        return try fields.integer("max_completion_tokens", in: allowed) ?? given
            ?? CompletionShape.chatTokens
    }

    private static func topLogprobs(
        _ fields: JSONFields, _ shape: CompletionShape
    ) throws(RequestError) -> Int? {
        guard shape == .chat else { return try fields.integer("logprobs", in: 0...20) }
        let top = try fields.integer("top_logprobs", in: 0...20)
        guard try fields.boolean("logprobs") == true else {
            guard top == nil || top == 0 else {
                throw .unsupported(
                    parameter: "top_logprobs", reason: "it is for logprobs = true only")
            }
            return nil
        }
        return top ?? 0
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

    /// `plasticity.session`, else the default session of `user`, else that of whose key it is.
    private static func session(
        _ fields: JSONFields, _ plasticity: JSONFields?
    ) throws(RequestError) -> SessionID {
        let user = try fields.user("user")
        guard let plasticity, let text = try plasticity.string("session") else {
            return SessionID(user: user ?? RequestContext.current.user, name: .default)
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
