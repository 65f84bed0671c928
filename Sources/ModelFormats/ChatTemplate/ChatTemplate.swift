/// A model's chat template: makes the text that the model reads out of messages, as
/// `transformers.apply_chat_template` does.
///
/// Templates are strangers' programs in Jinja. They run in an interpreter of our own that can
/// reach nothing but its arguments, within `limits`.
public struct ChatTemplate: Sendable {
    /// The template's text.
    public let text: String
    /// `bos_token` and its like: variables that hold the tokenizer's special tokens.
    public let specialTokens: [String: String]
    public let limits: ChatTemplateLimits
    private let statements: [JinjaStatement]

    /// - Parameters:
    ///   - text: Jinja, as `chat_template.jinja`, `tokenizer_config.json` or a GGUF file has it.
    ///   - file: where it is from, for errors.
    /// - Throws: where the text breaks Jinja's grammar, or has statements that are not supported.
    ///   Filters, tests and functions are looked for when they are reached, as Jinja does it.
    public init(
        _ text: String, specialTokens: [String: String] = [:], file: String = "chat template",
        limits: ChatTemplateLimits = ChatTemplateLimits()
    ) throws(ModelFormatError) {
        self.text = text
        self.specialTokens = specialTokens
        self.limits = limits
        do throws(ChatTemplateError) {
            statements = try JinjaParser.parse(text, limits: limits)
        } catch {
            throw .malformed(
                file: file,
                location: error.line.map { "line \($0) of the chat template" }
                    ?? "the chat template",
                problem: error.message,
                remedy: "Correct the template, or give one of your own.")
        }
    }

    /// Renders a conversation.
    ///
    /// As transformers has it, members of messages that are null count as absent, and a message's
    /// reasoning is there under both its names.
    ///
    /// - Parameters:
    ///   - messages: objects with `role` and `content`, in OpenAI's form.
    ///   - tools: descriptions of functions, in OpenAI's form; nil where the model has none.
    ///   - documents: objects with `title` and `text`.
    ///   - addsGenerationPrompt: whether the text ends in what the model's answer begins with.
    ///   - variables: others that the template knows, like `enable_thinking`; they come before
    ///     the special tokens.
    ///   - now: what `strftime_now` tells.
    /// - Throws: what the template raises, and what stops it.
    /// - Complexity: as the template has it, within `limits`; 4 bytes a character, several times.
    public func render(
        messages: [ChatValue], tools: [ChatValue]? = nil, documents: [ChatValue]? = nil,
        addsGenerationPrompt: Bool = false, variables: [ChatValue.Member] = [], now: ChatMoment
    ) throws(ChatTemplateError) -> RenderedChat {
        var input = ChatInput(limits: limits)
        var values: [String: JinjaValue] = [:]
        for name in JinjaInterpreter.globals { values[name] = .callable(.function(name)) }
        for (name, token) in specialTokens { values[name] = .string(token) }
        for variable in variables {
            values[variable.name] = try input.value(variable.value, .variable)
        }
        values["messages"] = try input.messages(messages)
        values["tools"] = try input.list(tools, .tool)
        values["documents"] = try input.list(documents, .document)
        values["add_generation_prompt"] = .bool(addsGenerationPrompt)
        let interpreter = JinjaInterpreter(variables: values, now: now, limits: limits)
        let rendered = RenderedChat(
            try interpreter.render(statements), sources: input.sources)
        guard rendered.text.utf8.count <= limits.outputBytes else {
            throw ChatTemplateError(.limit, "over \(limits.outputBytes) bytes of output")
        }
        return rendered
    }
}
