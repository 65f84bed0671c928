import EngramStorage
import Engrams
import Foundation
public import ModelFormats
import OuterCortex

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

extension Conversation {
    /// OpenAI's developers are the system to a template that does not know them.
    fileprivate func adapted(to template: ChatTemplate) -> Conversation {
        guard !template.text.contains("developer") else { return self }
        var adapted = self
        adapted.messages = messages.map { message in
            guard case .object(var members) = message, message["role"] == .string("developer")
            else { return message }
            for index in members.indices where members[index].name == "role" {
                members[index].value = .string("system")
            }
            return .object(members)
        }
        return adapted
    }
}

extension Scheduler {
    /// By what the template says.
    static func toolForm(of cortex: Cortex) -> ToolForm? {
        guard let text = cortex.chatTemplates?.template(hasTools: true)?.text,
            text.contains("tools")
        else { return nil }
        return text.contains("<tool_call>") ? .tagged : .other
    }

    /// How a core without a chat template reads a conversation: a line a message.
    private static let plainTemplate = try? ChatTemplate(
        "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}")

    /// A conversation as the core's template has it, within the bounds.
    /// - Parameter isPrompt: whether it ends in what the model's answer begins with.
    func encoded(
        _ conversation: Conversation, isPrompt: Bool, for user: UserID
    ) async throws -> EncodedChat {
        let (bytes, limit) = (conversation.byteCount, configuration.textBytesMaximum)
        guard bytes <= limit else { throw ServiceError.textTooLarge(bytes: bytes, limit: limit) }
        let own = cortex.chatTemplates?.template(
            hasTools: conversation.tools?.isEmpty == false)
        // What is only learned has no need of what a model answers to.
        guard let template = own ?? (isPrompt ? nil : Self.plainTemplate) else {
            throw ServiceError.chatUnavailable(
                model: model.name, fault: cortex.chatFault?.description)
        }
        let conversation = conversation.adapted(to: template)
        let moment = ChatMoment(Date(timeIntervalSince1970: now()))
        return try await atDesk(for: user, .ofText(bytes: bytes)) { [cortex] in
            do {
                let rendered = try template.render(
                    messages: conversation.messages, tools: conversation.tools,
                    addsGenerationPrompt: isPrompt, variables: conversation.variables, now: moment)
                return cortex.tokenizer.encode(rendered)
            } catch let error as ChatTemplateError {
                throw ServiceError.conversationRefused(reason: error.description)
            }
        }
    }
}
