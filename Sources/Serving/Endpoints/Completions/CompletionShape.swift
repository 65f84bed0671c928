/// In which of OpenAI's two forms a completion is asked for and answered.
enum CompletionShape: Sendable {
    /// `/v1/completions`: a text goes on.
    case text
    /// `/v1/chat/completions`: a conversation is answered.
    case chat

    /// The most tokens of a chat's answer where the request says nothing.
    static let chatTokens = 1024

    /// Of the OpenAPI document.
    var requestSchema: String {
        switch self {
        case .text: "CreateCompletion"
        case .chat: "CreateChatCompletion"
        }
    }

    var idPrefix: String {
        switch self {
        case .text: "cmpl-"
        case .chat: "chatcmpl-"
        }
    }

    /// What the answer calls itself.
    func object(isChunk: Bool) -> String {
        switch self {
        case .text: "text_completion"
        case .chat: isChunk ? "chat.completion.chunk" : "chat.completion"
        }
    }

    /// Words of OpenAI's and other servers' that would change the answer.
    var unsupported: [String] {
        let others = [
            "grammar", "json_schema", "guided_json", "guided_regex", "guided_choice",
            "guided_grammar", "min_tokens", "ignore_eos",
        ]
        switch self {
        case .text: return others + ["response_format"]
        case .chat:
            return others + [
                "functions", "function_call", "audio", "web_search_options",
                "continue_final_message",
            ]
        }
    }
}
