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

    /// - Parameters:
    ///   - piece: a piece's tokens.
    ///   - offset: where its first token begins in the choice's text, Unicode scalars; moved on.
    mutating func append(_ piece: CompletionPiece, offset: inout Int) {
        for (token, top) in piece.logprobs {
            tokens.append(.string(Self.name(token)))
            logprobs.append(.number(token.logprob))
            alternatives.append(
                .object(
                    top.map { .init(name: Self.name($0), value: .number($0.logprob)) }))
            offsets.append(.integer(offset))
            // A character split over tokens counts where it begins: the text of each part alone has
            // a replacement character, which the choice's text has not.
            offset += token.bytes.count { $0 & 0xC0 != 0x80 }
        }
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
