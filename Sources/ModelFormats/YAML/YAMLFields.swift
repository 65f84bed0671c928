/// The fields of a mapping, taken out one by one: what is left at the end is unknown.
public struct YAMLFields {
    public let file: String
    /// Where the mapping stands, such as `probes[2]`; empty for the document.
    public let place: String
    /// Of the mapping's first key.
    public let line: Int
    private var rest: [YAMLNode.Entry]

    /// - Throws: `ModelFormatError` when the node is no mapping; nothing counts as an empty one.
    public init(_ node: YAMLNode, place: String = "", file: String) throws(ModelFormatError) {
        self.file = file
        self.place = place
        line = node.line
        switch node.content {
        case .mapping(let entries): rest = entries
        case .nothing: rest = []
        default:
            throw Self.malformed(
                file, node.line, place, "it must hold keys with values",
                "Write one \"key: value\" a line.")
        }
    }

    public mutating func node(_ key: String) -> YAMLNode? {
        guard let index = rest.firstIndex(where: { $0.key == key }) else { return nil }
        return rest.remove(at: index).value
    }

    /// All that is left, as for a mapping whose keys are names.
    public mutating func takeAll() -> [YAMLNode.Entry] {
        defer { rest = [] }
        return rest
    }

    /// A text: in quotes, or plain where no reader of YAML could take it for something else.
    /// - Parameter limit: UTF-8 bytes.
    public mutating func text(_ key: String, limit: Int) throws(ModelFormatError) -> String? {
        guard let node = node(key) else { return nil }
        return try text(of: node, name: key, limit: limit)
    }

    public func text(
        of node: YAMLNode, name: String, limit: Int
    ) throws(ModelFormatError) -> String {
        guard case .scalar(let text, let isQuoted) = node.content else {
            throw malformed(node, name, "it must be a text", "Put it in double quotes.")
        }
        guard isQuoted || Self.isPlainlyText(text) else {
            throw malformed(
                node, name, "\(quoted(text)) could be something else than a text",
                "Put it in double quotes.")
        }
        guard text.utf8.count <= limit else {
            throw malformed(
                node, name, "it has \(text.utf8.count) bytes", "At most \(limit) are allowed.")
        }
        return text
    }

    public mutating func number(
        _ key: String, in allowed: ClosedRange<Double>
    ) throws(ModelFormatError) -> Double? {
        guard let node = node(key) else { return nil }
        let range = "from \(allowed.lowerBound) to \(allowed.upperBound)"
        guard case .scalar(let text, false) = node.content, text.utf8.count <= 32,
            text.utf8.allSatisfy({ "0123456789+-.eE".utf8.contains($0) }), let value = Double(text),
            allowed.contains(value)
        else {
            throw malformed(
                node, key, "it is no number \(range)", "Write a plain number, such as 1.5.")
        }
        return value
    }

    public mutating func integer(
        _ key: String, in allowed: ClosedRange<Int>
    ) throws(ModelFormatError) -> Int? {
        guard let node = node(key) else { return nil }
        return try integer(of: node, name: key, in: allowed)
    }

    public func integer(
        of node: YAMLNode, name: String, in allowed: ClosedRange<Int>
    ) throws(ModelFormatError) -> Int {
        guard case .scalar(let text, false) = node.content, text.utf8.count <= 20,
            text.utf8.allSatisfy({ "0123456789-".utf8.contains($0) }), let value = Int(text),
            allowed.contains(value)
        else {
            throw malformed(
                node, name,
                "it is no whole number from \(allowed.lowerBound) to \(allowed.upperBound)",
                "Write plain digits.")
        }
        return value
    }

    /// The elements of a list; none where there is no such key.
    public mutating func list(
        _ key: String, limit: Int
    ) throws(ModelFormatError) -> [YAMLNode] {
        guard let node = node(key) else { return [] }
        switch node.content {
        case .nothing: return []
        case .sequence(let items):
            guard items.count <= limit else {
                throw malformed(
                    node, key, "it has \(items.count) entries", "At most \(limit) are allowed.")
            }
            return items
        default:
            throw malformed(node, key, "it must be a list", "Begin each entry with \"- \".")
        }
    }

    public func missing(_ key: String) -> ModelFormatError {
        .missing(
            file: file, item: "\(Self.path(place, key)) (line \(line))", remedy: "Add the key.")
    }

    /// - Throws: When a key was not taken.
    public func finish(allowed: String) throws(ModelFormatError) {
        guard let entry = rest.first else { return }
        throw Self.malformed(
            file, entry.line, Self.path(place, entry.key), "this key is unknown",
            "Allowed are: \(allowed).")
    }

    public func malformed(
        _ node: YAMLNode, _ name: String, _ problem: String, _ remedy: String
    ) -> ModelFormatError {
        Self.malformed(file, node.line, Self.path(place, name), problem, remedy)
    }

    private static func malformed(
        _ file: String, _ line: Int, _ place: String, _ problem: String, _ remedy: String
    ) -> ModelFormatError {
        .malformed(
            file: file, location: place.isEmpty ? "line \(line)" : "line \(line), \(place)",
            problem: problem, remedy: remedy)
    }

    private static func path(_ place: String, _ key: String) -> String {
        place.isEmpty ? key : "\(place).\(key)"
    }

    /// Whether every version of YAML takes plain `text` for a text.
    private static func isPlainlyText(_ text: String) -> Bool {
        let words: Set = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"]
        guard let first = text.unicodeScalars.first, first.properties.isAlphabetic else {
            return false
        }
        return !words.contains(text.lowercased())
    }
}
