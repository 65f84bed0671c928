import Engrams
import Foundation
import ModelFormats
import OuterCortex

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

extension Engine {
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
        return try await offload(for: user, .ofText(bytes: bytes)) { [cortex] in
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
