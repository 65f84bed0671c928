public import ModelFormats

/// What a chat template is given: messages and tools in OpenAI's form.
public struct Conversation: Sendable, Equatable {
    /// Objects with `role` and `content`.
    public var messages: [ChatValue]
    /// Descriptions of functions; nil: the model is told of none.
    public var tools: [ChatValue]?
    /// Further variables that the template may know, like `enable_thinking`.
    public var variables: [ChatValue.Member]

    public init(
        messages: [ChatValue], tools: [ChatValue]? = nil, variables: [ChatValue.Member] = []
    ) {
        self.messages = messages
        self.tools = tools
        self.variables = variables
    }

    /// UTF-8 bytes of all texts in it.
    var byteCount: Int {
        messages.reduce(0) { $0 + $1.byteCount } + (tools ?? []).reduce(0) { $0 + $1.byteCount }
            + variables.reduce(0) { $0 + $1.name.utf8.count + $1.value.byteCount }
    }

    /// Another text for another conversation.
    var key: String {
        ChatValue.object([
            .init("messages", .array(messages)),
            .init("tools", tools.map(ChatValue.array) ?? .null),
            .init("variables", .object(variables)),
        ]).key
    }
}

extension ChatValue {
    fileprivate var byteCount: Int {
        switch self {
        case .null, .bool, .integer, .number: 8
        case .string(let text): text.utf8.count
        case .array(let values): values.reduce(8) { $0 + $1.byteCount }
        case .object(let members):
            members.reduce(8) { $0 + $1.name.utf8.count + $1.value.byteCount }
        }
    }

    /// With each text behind its length, so that no two values have one key.
    fileprivate var key: String {
        switch self {
        case .null: "n"
        case .bool(let flag): flag ? "t" : "f"
        case .integer(let number): "i\(number);"
        case .number(let number): "d\(number.bitPattern);"
        case .string(let text): "s\(text.utf8.count):\(text)"
        case .array(let values): "a\(values.count):\(values.map(\.key).joined())"
        case .object(let members):
            "o\(members.count):"
                + members.map { "\($0.name.utf8.count):\($0.name)\($0.value.key)" }.joined()
        }
    }
}

extension ObservedContent {
    var isConversation: Bool { if case .conversation = self { true } else { false } }
}
