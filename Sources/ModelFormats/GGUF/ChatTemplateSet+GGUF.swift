extension ChatTemplateSet {
    private static let key = "tokenizer.chat_template"
    private static let maximumNames = 64

    /// Reads `tokenizer.chat_template`, and the further ones that `tokenizer.chat_templates` names.
    ///
    /// - Returns: nil where the file has no template.
    init?(
        gguf metadata: GGUFMetadata, limits: ChatTemplateLimits = ChatTemplateLimits()
    ) throws(ModelFormatError) {
        var texts: [(name: String, text: String, file: String)] = []
        if let text = try metadata.string(Self.key) {
            texts.append((Self.defaultName, text, metadata.file))
        }
        for name in try Self.furtherNames(metadata) {
            guard let text = try metadata.string("\(Self.key).\(name)") else { continue }
            texts.append((name, text, metadata.file))
        }
        guard !texts.isEmpty else { return nil }
        try self.init(texts, specialTokens: try Self.specialTokens(metadata), limits: limits)
    }

    private static func furtherNames(
        _ metadata: GGUFMetadata
    ) throws(ModelFormatError) -> [String] {
        let key = "tokenizer.chat_templates"
        guard let listed = try metadata.array(key) else { return [] }
        guard listed.count <= maximumNames else {
            throw metadata.outOfBounds(key, "\(listed.count) names", "at most \(maximumNames)")
        }
        var names: [String] = []
        try listed.forEachString { (_, bytes) throws(ModelFormatError) in
            let name = String(decoding: bytes, as: UTF8.self)
            if name != defaultName { names.append(name) }
        }
        return names
    }

    /// `bos_token` and its like, as templates know them: names of tokens that keys give by number.
    private static func specialTokens(
        _ metadata: GGUFMetadata
    ) throws(ModelFormatError) -> [String: String] {
        var variables: [Int: [String]] = [:]
        for (name, variable) in [
            ("bos", "bos_token"), ("eos", "eos_token"), ("unknown", "unk_token"),
            ("padding", "pad_token"), ("seperator", "sep_token"), ("mask", "mask_token"),
        ] {
            if let id = try metadata.integer("tokenizer.ggml.\(name)_token_id", in: 0...Int.max) {
                variables[id, default: []].append(variable)
            }
        }
        var tokens: [String: String] = [:]
        try metadata.array("tokenizer.ggml.tokens")?.forEachString {
            (index, bytes) throws(ModelFormatError) in
            for variable in variables[index] ?? [] {
                tokens[variable] = String(decoding: bytes, as: UTF8.self)
            }
        }
        return tokens
    }
}
