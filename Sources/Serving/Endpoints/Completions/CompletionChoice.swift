import Scheduling

/// One choice of an answer, whole or a piece of it, in OpenAI's shape.
struct CompletionChoice: Sendable {
    var index: Int
    var text = ""
    var finishReason: FinishReason?
    /// Nil where no log-probabilities were asked for.
    var logprobs: CompletionLogprobs?
    /// In mode `compare`, whose answer this is.
    var plasticityMode: CompletionMode?

    var json: JSONValue {
        .object(compact: [
            "index": .integer(index),
            "text": .string(text),
            "logprobs": logprobs?.json ?? .null,
            "finish_reason": .optional(finishReason?.rawValue),
            "plasticity_mode": plasticityMode.map { .string($0.rawValue) },
        ])
    }
}

/// OpenAI's four parallel arrays over the tokens of a choice.
struct CompletionLogprobs: Sendable {
    private var tokens: [JSONValue] = []
    private var logprobs: [JSONValue] = []
    private var alternatives: [JSONValue] = []
    private var offsets: [JSONValue] = []

    mutating func append(_ piece: CompletionPiece) {
        for answered in piece.logprobs {
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

    var json: JSONValue {
        [
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
