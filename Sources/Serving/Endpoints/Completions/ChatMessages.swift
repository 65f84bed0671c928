import ModelFormats
import Scheduling

/// Reads `messages` and what goes with them, in OpenAI's form.
enum ChatMessages {
    static let maximumMessages = 4096

    static func conversation(_ fields: JSONFields) throws(RequestError) -> Conversation {
        var conversation = Conversation(messages: try messages(fields))
        if let variables = try fields.object("chat_template_kwargs") {
            conversation.variables = variables.names.compactMap { name in
                variables.value(name).map { .init(name, ChatValue($0)) }
            }
        }
        return conversation
    }

    /// The messages, each with a role that there is and something to say.
    static func messages(_ fields: JSONFields) throws(RequestError) -> [ChatValue] {
        guard let messages = try fields.objects("messages") else {
            throw .missing(parameter: fields.path("messages"))
        }
        guard (1...maximumMessages).contains(messages.count) else {
            throw .outOfRange(
                parameter: fields.path("messages"), found: "\(messages.count) messages",
                allowed: "1 to \(maximumMessages)")
        }
        var values: [ChatValue] = []
        for message in messages { values.append(try value(message)) }
        return values
    }

    private enum Role: String, CaseIterable { case system, developer, user, assistant, tool }

    private static func value(_ message: JSONFields) throws(RequestError) -> ChatValue {
        guard
            let role = try message.choice(
                "role", of: Role.self, allowed: Role.allCases.map(\.rawValue))
        else { throw .missing(parameter: message.path("role")) }
        var members: [ChatValue.Member] = [.init("role", .string(role.rawValue))]
        let calls = try message.objects("tool_calls") ?? []
        if let content = try content(message) {
            guard !content.isEmpty || role != .user else {
                throw .outOfRange(
                    parameter: message.path("content"), found: "an empty text",
                    allowed: "something to say")
            }
            members.append(.init("content", .string(content)))
        } else {
            guard role == .assistant, !calls.isEmpty else {
                throw .missing(parameter: message.path("content"))
            }
            members.append(.init("content", .string("")))
        }
        for name in ["name", "tool_call_id", "reasoning_content"] {
            if let text = try message.string(name) { members.append(.init(name, .string(text))) }
        }
        if !calls.isEmpty, let value = message.value("tool_calls") {
            members.append(.init("tool_calls", Self.parsed(ChatValue(value))))
        }
        return .object(members)
    }

    /// Calls with their arguments as the values that OpenAI's clients send as texts: templates write
    /// them as JSON once.
    private static func parsed(_ calls: ChatValue) -> ChatValue {
        switch calls {
        case .array(let values): .array(values.map(parsed))
        case .object(let members):
            .object(
                members.map { member in
                    guard member.name == "arguments", case .string(let text) = member.value,
                        let json = try? JSONParser.parse(Array(text.utf8)), case .object = json
                    else { return .init(member.name, parsed(member.value)) }
                    return .init(member.name, ChatValue(json))
                })
        default: calls
        }
    }

    /// A text, or the texts of its parts, each on a line of its own; nil for none.
    private static func content(_ message: JSONFields) throws(RequestError) -> String? {
        switch message.value("content") {
        case nil: return nil
        case .string(let text)?: return text
        case .array?:
            var texts: [String] = []
            for part in try message.objects("content") ?? [] {
                let type = try part.string("type") ?? "text"
                guard type == "text" || type == "refusal", let text = try part.string(type) else {
                    throw .unsupported(
                        parameter: part.path("type"), reason: "only parts of text are read")
                }
                texts.append(text)
            }
            return texts.joined(separator: "\n")
        case let other?:
            throw message.wrongType("content", expected: "a string or an array", found: other)
        }
    }
}

extension ChatValue {
    init(_ json: JSONValue) {
        self =
            switch json {
            case .null: .null
            case .bool(let flag): .bool(flag)
            case .integer(let number): .integer(number)
            case .number(let number): .number(number)
            case .string(let text): .string(text)
            case .array(let elements): .array(elements.map { ChatValue($0) })
            case .object(let members):
                .object(members.map { Member($0.name, ChatValue($0.value)) })
            }
    }
}
