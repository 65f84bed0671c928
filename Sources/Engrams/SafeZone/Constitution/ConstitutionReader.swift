public import ModelFormats

extension Constitution {
    /// Reads a constitution, whoever wrote it. Every key must be known, every number in range.
    ///
    /// - Parameters:
    ///   - yaml: the file's bytes, `Limit.bytes` at most.
    ///   - name: what to call the file in an error.
    /// - Throws: `ModelFormatError`, which names the file, the line and the key.
    /// - Complexity: O(bytes).
    public init(yaml: [UInt8], name: String) throws(ModelFormatError) {
        var reader = try ConstitutionReader(yaml: yaml, name: name)
        let draft = try reader.draft()
        let files = try reader.files()
        for number in SafeZone.numbers where draft.zone[number.name] == nil {
            throw reader.missing("safe_zone.\(number.name)")
        }
        guard !files.isEmpty else { throw reader.missing("files") }
        try reader.finish()
        self.init(
            files: files, zone: try reader.zone(draft.zone), protectedTokens: draft.protectedTokens,
            protectedLatents: draft.protectedLatents, probes: draft.probes)
    }
}

extension ConstitutionDraft {
    /// Reads a draft; the parts that only a seal can state (`files`) are checked and left out.
    /// - Parameters and errors: as of `Constitution.init(yaml:name:)`.
    public init(yaml: [UInt8], name: String) throws(ModelFormatError) {
        var reader = try ConstitutionReader(yaml: yaml, name: name)
        self = try reader.draft()
        _ = try reader.files()
        try reader.finish()
        _ = try reader.zone(zone)
    }
}

/// Takes a constitution's fields out of its file.
struct ConstitutionReader {
    private typealias Limit = Constitution.Limit
    private var root: YAMLFields
    private let name: String

    init(yaml: [UInt8], name: String) throws(ModelFormatError) {
        guard yaml.count <= Limit.bytes else {
            throw .outOfBounds(
                file: name, location: "the file's size", found: "\(yaml.count) bytes",
                allowed: "at most \(Limit.bytes) bytes", remedy: "This is no constitution.")
        }
        self.name = name
        root = try YAMLFields(try YAMLNode.parse(yaml, file: name), file: name)
        let format = try root.text("format", limit: 64)
        let version = try root.integer("format_version", in: 0...1_000_000)
        guard format == Constitution.formatName, version == Constitution.formatVersion else {
            throw .unsupported(
                file: name, found: "another format or version",
                supported: "format: \(Constitution.formatName), format_version: "
                    + "\(Constitution.formatVersion)",
                remedy: "State both keys, or fetch a constitution for this version of Hebb.")
        }
    }

    func missing(_ key: String) -> ModelFormatError { root.missing(key) }

    func finish() throws(ModelFormatError) {
        try root.finish(allowed: "format, format_version, files, safe_zone, protected, probes")
    }

    mutating func files() throws(ModelFormatError) -> [String: String] {
        guard let node = root.node("files") else { return [:] }
        var fields = try YAMLFields(node, place: "files", file: name)
        let entries = fields.takeAll()
        guard entries.count <= Limit.files else {
            throw root.malformed(
                node, "files", "it names \(entries.count) files", "At most \(Limit.files).")
        }
        var files: [String: String] = [:]
        for entry in entries {
            let parts = entry.key.split(separator: "/", omittingEmptySubsequences: false)
            guard parts.count <= 2, parts.allSatisfy({ !$0.isEmpty && !$0.hasPrefix(".") }) else {
                throw fields.malformed(
                    entry.value, entry.key, "a sealed file lies in the core's folder or one below",
                    "Name it by its path there, such as sae/cfg.json.")
            }
            let digest = try fields.text(of: entry.value, name: entry.key, limit: 64)
            let isHexadecimal = digest.utf8.allSatisfy {
                (0x30...0x39).contains($0) || (0x61...0x66).contains($0)
            }
            guard digest.utf8.count == 64, isHexadecimal else {
                throw fields.malformed(
                    entry.value, entry.key, "this is no SHA-256",
                    "Write its 64 hexadecimal digits, a to f small, in double quotes.")
            }
            files[entry.key] = digest
        }
        return files
    }

    mutating func draft() throws(ModelFormatError) -> ConstitutionDraft {
        var draft = ConstitutionDraft()
        if let node = root.node("safe_zone") {
            var fields = try YAMLFields(node, place: "safe_zone", file: name)
            for number in SafeZone.numbers {
                let found =
                    number.isWhole
                    ? try fields.integer(number.name, in: 0...Int(Int32.max)).map(Double.init)
                    : try fields.number(number.name, in: 0...1e9)
                if let found { draft.zone[number.name] = found }
            }
            try fields.finish(allowed: SafeZone.numbers.map(\.name).joined(separator: ", "))
        }
        if let node = root.node("protected") {
            var fields = try YAMLFields(node, place: "protected", file: name)
            draft.protectedTokens = try tokens(&fields)
            draft.protectedLatents = try latents(&fields)
            try fields.finish(allowed: "tokens, latents")
        }
        draft.probes = try probes()
        return draft
    }

    /// The zone that has all these numbers, within the ranges in which its bounds hold.
    func zone(_ stated: [String: Double]) throws(ModelFormatError) -> SafeZone {
        do {
            return try SafeZone().with(stated)
        } catch {
            throw .malformed(
                file: name, location: "safe_zone", problem: "\(error)",
                remedy: "Choose a number within the range.")
        }
    }

    private func tokens(
        _ fields: inout YAMLFields
    ) throws(ModelFormatError) -> [Constitution.Token] {
        var tokens: [Constitution.Token] = []
        for (index, node) in try fields.list("tokens", limit: Limit.protected).enumerated() {
            var item = try YAMLFields(node, place: "protected.tokens[\(index)]", file: name)
            guard let text = try item.text("text", limit: Limit.textBytes) else {
                throw item.missing("text")
            }
            guard let id = try item.integer("id", in: 0...Int(Int32.max)) else {
                throw item.missing("id")
            }
            try item.finish(allowed: "text, id")
            guard !tokens.contains(where: { $0.id == Int32(id) }) else {
                throw fields.malformed(
                    node, "tokens[\(index)]", "token \(id) is there twice", "Remove one.")
            }
            tokens.append(.init(text: text, id: Int32(id)))
        }
        return tokens
    }

    private func latents(_ fields: inout YAMLFields) throws(ModelFormatError) -> [Int32] {
        var latents: [Int32] = []
        for (index, node) in try fields.list("latents", limit: Limit.protected).enumerated() {
            let latent = Int32(
                try fields.integer(of: node, name: "latents[\(index)]", in: 0...Int(Int32.max)))
            guard !latents.contains(latent) else {
                throw fields.malformed(
                    node, "latents[\(index)]", "latent \(latent) is there twice", "Remove one.")
            }
            latents.append(latent)
        }
        return latents
    }

    private mutating func probes() throws(ModelFormatError) -> [Probe] {
        var probes: [Probe] = []
        for (index, node) in try root.list("probes", limit: Limit.probes).enumerated() {
            var fields = try YAMLFields(node, place: "probes[\(index)]", file: name)
            let probe = try probe(&fields)
            try fields.finish(allowed: "name, prompt, required, forbidden, margin")
            guard !probes.contains(where: { $0.name == probe.name }) else {
                throw root.malformed(
                    node, "probes[\(index)].name", "another probe has this name", "Change one.")
            }
            probes.append(probe)
        }
        return probes
    }

    private func probe(_ fields: inout YAMLFields) throws(ModelFormatError) -> Probe {
        guard let name = try fields.text("name", limit: Limit.nameBytes) else {
            throw fields.missing("name")
        }
        guard Self.isName(name) else {
            throw .malformed(
                file: self.name, location: "line \(fields.line), \(fields.place).name",
                problem: "a name is made of letters, digits, spaces and the characters . _ -",
                remedy: "Choose another name.")
        }
        guard let prompt = try fields.text("prompt", limit: Limit.textBytes) else {
            throw fields.missing("prompt")
        }
        let required = try fields.text("required", limit: Limit.textBytes)
        let forbidden = try fields.text("forbidden", limit: Limit.textBytes)
        guard required != nil || forbidden != nil else {
            throw fields.missing("required (or forbidden)")
        }
        guard required != forbidden else {
            throw .malformed(
                file: self.name, location: "line \(fields.line), \(fields.place)",
                problem: "the required and the forbidden continuation are the same",
                remedy: "Change one.")
        }
        // A margin below 0 makes sense only of a difference: of one continuation it would demand
        // that adaptation improve it, and the frozen core could never pass.
        let isDifference = required != nil && forbidden != nil
        let margins = (isDifference ? -Limit.margin : 0)...Limit.margin
        guard let margin = try fields.number("margin", in: margins) else {
            throw fields.missing("margin")
        }
        return Probe(
            name: name, prompt: prompt, required: required, forbidden: forbidden, margin: margin)
    }

    /// A probe's name goes into logs, errors and metrics as it is.
    private static func isName(_ name: String) -> Bool {
        !name.isEmpty && !name.hasPrefix(" ") && !name.hasSuffix(" ")
            && name.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: " ._-".utf8.contains(byte)
                }
            }
    }
}
