import Foundation
public import ModelFormats

/// What a person says and asks, as a core's chat has it.
struct ChatReading: Sendable {
    /// A conversation's tokens, and which of them are the person's words.
    struct Tokens: Sendable {
        var tokens: [TokenID]
        var said: [Range<Int>] = []
    }

    let template: ChatTemplate
    let tokenizer: Tokenizer

    /// One message that tells something.
    func lesson(_ say: String) throws -> Tokens {
        try tokens(of: say, isPrompt: false)
    }

    /// A question in a conversation of its own, and how its answer begins.
    func question(_ ask: String, lead: String = "") throws -> Tokens {
        var tokens = try tokens(of: ask, isPrompt: true)
        tokens.tokens += tokenizer.encode(lead)
        return tokens
    }

    /// An answer behind its lead.
    func answer(_ answer: String) -> [TokenID] { tokenizer.encode(" " + answer) }

    private func tokens(of message: String, isPrompt: Bool) throws -> Tokens {
        let rendered = try template.render(
            messages: [.message(role: "user", content: message)], addsGenerationPrompt: isPrompt,
            now: ChatMoment(year: 2026, month: 1, day: 1))
        let chat = tokenizer.encode(rendered)
        return Tokens(tokens: chat.tokens, said: chat.spans.map(\.range))
    }
}

extension ChatTemplate {
    /// The chat of a core that has no template: a line a message.
    public static func plain() throws -> ChatTemplate {
        try ChatTemplate(
            """
            {% for message in messages %}{{ message.role }}: {{ message.content }}
            {% endfor %}{% if add_generation_prompt %}assistant: {% endif %}
            """)
    }
}
