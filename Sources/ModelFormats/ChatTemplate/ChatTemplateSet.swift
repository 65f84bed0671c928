/// The chat templates that a model's folder has, by name; most have one.
public struct ChatTemplateSet: Sendable {
    /// The name of the one that is used when no other is asked for.
    public static let defaultName = "default"
    /// The name of the one that is used, where it is there, when the model has tools.
    public static let toolUseName = "tool_use"

    public let templates: [String: ChatTemplate]

    static let maximumConfigBytes = 16 << 20
    private static let templateFileName = "chat_template.jinja"
    private static let configFileName = "tokenizer_config.json"

    /// The one to use; as transformers chooses.
    public func template(hasTools: Bool) -> ChatTemplate? {
        (hasTools ? templates[Self.toolUseName] : nil) ?? templates[Self.defaultName]
    }

    /// Reads `chat_template.jinja` and `tokenizer_config.json`; the former comes first.
    ///
    /// - Returns: nil where the folder has no template.
    public static func read(
        folder: String, limits: ChatTemplateLimits = ChatTemplateLimits()
    ) throws(ModelFormatError) -> ChatTemplateSet? {
        let configPath = FolderPath.join(folder, configFileName)
        let config =
            FolderPath.isFile(configPath)
            ? try ByteStorage.contents(of: configPath, limit: maximumConfigBytes) : nil
        let templatePath = FolderPath.join(folder, templateFileName)
        let template =
            FolderPath.isFile(templatePath)
            ? try ByteStorage.contents(of: templatePath, limit: limits.templateBytes) : nil
        return try ChatTemplateSet(
            config: config, template: template, folder: folder, limits: limits)
    }

    /// - Parameters:
    ///   - config: `tokenizer_config.json`.
    ///   - template: `chat_template.jinja`.
    ///   - folder: where they are from, for errors.
    public init?(
        config: [UInt8]?, template: [UInt8]?, folder: String,
        limits: ChatTemplateLimits = ChatTemplateLimits()
    ) throws(ModelFormatError) {
        var tokens: [String: String] = [:]
        var texts: [(name: String, text: String, file: String)] = []
        if let config {
            let file = FolderPath.join(folder, Self.configFileName)
            let fields = try JSONFields(bytes: config, file: file)
            tokens = Self.specialTokens(fields)
            texts = try Self.templates(fields).map { ($0.name, $0.text, file) }
        }
        if let template {
            let file = FolderPath.join(folder, Self.templateFileName)
            guard let text = String(validating: template, as: UTF8.self) else {
                throw .malformed(
                    file: file, location: "the file", problem: "text that is not UTF-8",
                    remedy: "Fetch it again.")
            }
            texts.removeAll { $0.name == Self.defaultName }
            texts.append((Self.defaultName, text, file))
        }
        try self.init(texts, specialTokens: tokens, limits: limits)
    }

    init?(
        _ texts: [(name: String, text: String, file: String)], specialTokens: [String: String],
        limits: ChatTemplateLimits
    ) throws(ModelFormatError) {
        guard !texts.isEmpty else { return nil }
        var templates: [String: ChatTemplate] = [:]
        for (name, text, file) in texts {
            templates[name] = try ChatTemplate(
                text, specialTokens: specialTokens, file: file, limits: limits)
        }
        self.templates = templates
    }

    /// A string, or a list of named ones.
    private static func templates(
        _ fields: JSONFields
    ) throws(ModelFormatError) -> [(name: String, text: String)] {
        guard let value = fields["chat_template"] else { return [] }
        if let text = value.stringValue { return [(defaultName, text)] }
        guard value.arrayValue != nil else {
            throw fields.wrongType("chat_template", value, expected: "a string or a list")
        }
        var templates: [(name: String, text: String)] = []
        for entry in try fields.objects("chat_template") {
            templates.append(
                (
                    try entry.require("name", entry.string("name")),
                    try entry.require("template", entry.string("template"))
                ))
        }
        return templates
    }

    /// Every member that ends in `_token`: a string, or an object that says more about one.
    private static func specialTokens(_ fields: JSONFields) -> [String: String] {
        var tokens: [String: String] = [:]
        for (name, value) in fields.object.members where name.hasSuffix("_token") {
            tokens[name] = value.stringValue ?? value.objectValue?["content"]?.stringValue
        }
        return tokens
    }
}
