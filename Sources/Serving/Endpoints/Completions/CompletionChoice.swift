import Scheduling

/// One choice of an answer, whole or a piece of it, in OpenAI's shape.
struct CompletionChoice: Sendable {
    var index: Int
    var text = ""
    /// What it calls, in chat.
    var calls: [ToolCall] = []
    var finishReason: FinishReason?
    /// Nil where no log-probabilities were asked for.
    var logprobs: CompletionLogprobs?
    /// In mode `compare`, whose answer this is.
    var plasticityMode: CompletionMode?

    /// The choice of `/v1/completions`, whole or in a chunk.
    var textJSON: JSONValue { json(["text": .string(text)]) }

    /// The choice of a whole answer in chat.
    var messageJSON: JSONValue {
        json([
            "message": .object(compact: [
                "role": "assistant",
                "content": text.isEmpty && !calls.isEmpty ? .null : .string(text),
                "refusal": .null,
                "tool_calls": calls.isEmpty ? nil : .array(calls.map(\.json)),
            ])
        ])
    }

    /// The calls of a chunk, which are whole.
    private var callParts: JSONValue? {
        guard !calls.isEmpty else { return nil }
        return .array(
            calls.enumerated().map { index, call in
                JSONValue.object(compact: ["index": .integer(index)]).with(call.json)
            })
    }

    /// Takes the calls out of what was said.
    mutating func take(_ tools: ToolUse?) {
        guard let tools else { return }
        (text, calls) = tools.calls(in: text)
    }

    /// The choice of a chunk in chat.
    /// - Parameter isFirst: of its choice: that one says who speaks.
    func deltaJSON(isFirst: Bool) -> JSONValue {
        json([
            "delta": .object(compact: [
                "role": isFirst ? "assistant" : nil,
                "content": finishReason == nil && calls.isEmpty ? .string(text) : nil,
                "tool_calls": finishReason == nil ? callParts : nil,
                "refusal": isFirst ? .null : nil,
            ])
        ])
    }

    private func json(_ said: KeyValuePairs<String, JSONValue>) -> JSONValue {
        let rest: JSONValue = .object(compact: [
            "logprobs": logprobs?.json ?? .null,
            "finish_reason": .optional(
                finishReason == .stop && !calls.isEmpty ? "tool_calls" : finishReason?.rawValue),
            "plasticity_mode": plasticityMode.map { .string($0.rawValue) },
        ])
        guard case .object(let members) = rest else { return rest }
        return .object(
            [.init(name: "index", value: .integer(index))]
                + said.map { .init(name: $0.key, value: $0.value) } + members)
    }
}

/// What the tokens of a choice had going for them: OpenAI's four parallel arrays, or in chat one of
/// objects.
struct CompletionLogprobs: Sendable {
    private let shape: CompletionShape
    /// How many of the likeliest a token in chat is shown with.
    private let top: Int
    private var entries: [JSONValue] = []
    private var tokens: [JSONValue] = []
    private var logprobs: [JSONValue] = []
    private var alternatives: [JSONValue] = []
    private var offsets: [JSONValue] = []

    init(_ shape: CompletionShape, top: Int) {
        self.shape = shape
        self.top = top
    }

    mutating func append(_ piece: CompletionPiece) {
        for answered in piece.logprobs {
            if shape == .chat {
                entries.append(
                    Self.entry(answered.token).with(
                        "top_logprobs", .array(answered.top.prefix(top).map(Self.entry))))
                continue
            }
            tokens.append(.string(Self.name(answered.token)))
            logprobs.append(.number(answered.token.logprob))
            alternatives.append(Self.alternatives(answered))
            offsets.append(.integer(answered.start))
        }
    }

    /// The likeliest tokens by name, best first, the sampled one always among them. Of several
    /// tokens with one name the sampled one stands there, else the likeliest: a name that came
    /// twice would be read differently by every client.
    private static func alternatives(_ answered: AnswerToken) -> JSONValue {
        var named: [(name: String, logprob: Double)] = []
        for token in [answered.token] + answered.top {
            let name = name(token)
            // Byte by byte: to Swift, "é" and "e\u{301}" are one text; they are two tokens.
            if !named.contains(where: { $0.name.utf8.elementsEqual(name.utf8) }) {
                named.append((name, token.logprob))
            }
        }
        return .object(
            named.sorted { $0.logprob > $1.logprob }
                .map { .init(name: $0.name, value: .number($0.logprob)) })
    }

    /// A token of chat; its bytes tell what a part of a character is.
    private static func entry(_ token: TokenLogprob) -> JSONValue {
        [
            "token": .string(token.text), "logprob": .number(token.logprob),
            "bytes": .array(token.bytes.map { .integer(Int($0)) }),
        ]
    }

    var json: JSONValue {
        if shape == .chat { return ["content": .array(entries), "refusal": .null] }
        return [
            "tokens": .array(tokens), "token_logprobs": .array(logprobs),
            "top_logprobs": .array(alternatives), "text_offset": .array(offsets),
        ]
    }

    /// The token's text; where it is part of a character, its bytes, as OpenAI writes them.
    private static func name(_ token: TokenLogprob) -> String {
        if token.bytes.isEmpty { return token.text }
        if let text = String(validating: token.bytes, as: UTF8.self) { return text }
        return "bytes:"
            + token.bytes.map { byte in
                let digits = String(byte, radix: 16)
                return "\\x" + (digits.utf8.count == 1 ? "0" + digits : digits)
            }.joined()
    }
}
