/// Reads the lines of a YAML document one after the other, by their indentation.
struct YAMLBlockParser {
    private struct Line {
        let number: Int
        /// Spaces before the text.
        var indent: Int
        /// Without them, and without what only ends the line.
        var text: ArraySlice<UInt8>

        var beginsItem: Bool {
            text.first == UInt8(ascii: "-")
                && (text.count == 1 || text[text.startIndex + 1] == UInt8(ascii: " "))
        }
    }

    let file: String
    private var lines: [Line] = []
    private var next = 0

    init(file: String) { self.file = file }

    mutating func document(_ bytes: [UInt8]) throws(ModelFormatError) -> YAMLNode {
        lines = try split(bytes)
        next = 0
        guard let first = lines.first else {
            throw malformed(1, "nothing is in it")
        }
        let root = try node(depth: 0)
        if next < lines.count {
            let line = lines[next]
            throw malformed(
                line.number,
                "it is indented by \(line.indent), which fits none of the lines above")
        }
        guard first.indent == 0 else {
            throw malformed(first.number, "the first line must not be indented")
        }
        return root
    }

    func malformed(_ line: Int, _ problem: String) -> ModelFormatError {
        .malformed(
            file: file, location: "line \(line)", problem: problem,
            remedy: "Write it in YAML's block style, one value a line.")
    }

    private func split(_ bytes: [UInt8]) throws(ModelFormatError) -> [Line] {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw malformed(1, "the file is not UTF-8")
        }
        var number = 1
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x0A: number += 1
            // What other readers take for the end of a line, or do not show.
            case 0..<0x0A, 0x0B, 0x0C, 0x0E..<0x20, 0x7F..<0xA0, 0x2028, 0x2029, 0xFEFF:
                let code = String(scalar.value, radix: 16, uppercase: true)
                throw malformed(
                    number, "the character U+\(code) may not stand here; \\u in quotes writes it")
            default: break
            }
        }
        var lines: [Line] = []
        let pieces = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (index, piece) in pieces.enumerated() {
            var text = piece
            if text.last == UInt8(ascii: "\r") { text.removeLast() }
            guard !text.contains(UInt8(ascii: "\r")) else {
                throw malformed(index + 1, "a carriage return stands inside the line")
            }
            let indent = text.prefix { $0 == UInt8(ascii: " ") }.count
            text.removeFirst(indent)
            while text.last == UInt8(ascii: " ") { text.removeLast() }
            guard let first = text.first, first != UInt8(ascii: "#") else { continue }
            let isMarker = text.elementsEqual("---".utf8) || text.elementsEqual("...".utf8)
            guard indent > 0 || !isMarker else {
                throw .unsupported(
                    file: file, found: "a document marker (line \(index + 1))",
                    supported: "one document without markers", remedy: "Remove the line.")
            }
            lines.append(Line(number: index + 1, indent: indent, text: text))
        }
        return lines
    }

    /// The value that begins with the next line, which is there.
    private mutating func node(depth: Int) throws(ModelFormatError) -> YAMLNode {
        let line = lines[next]
        guard depth < YAMLNode.depthLimit else {
            throw malformed(line.number, "values lie deeper than \(YAMLNode.depthLimit) levels")
        }
        if line.beginsItem { return try sequence(indent: line.indent, depth: depth) }
        return try mapping(indent: line.indent, depth: depth)
    }

    private mutating func sequence(
        indent: Int, depth: Int
    ) throws(ModelFormatError) -> YAMLNode {
        let start = lines[next].number
        var items: [YAMLNode] = []
        while next < lines.count, lines[next].indent == indent, lines[next].beginsItem {
            let line = lines[next]
            let rest = line.text.dropFirst().drop { $0 == UInt8(ascii: " ") }
            if rest.isEmpty || rest.first == UInt8(ascii: "#") {
                next += 1
                items.append(try nested(below: indent, line: line.number, depth: depth))
                continue
            }
            // What follows the dash is a line of its own, further to the right.
            var inner = line
            inner.indent = indent + (rest.startIndex - line.text.startIndex)
            inner.text = rest
            let isCollection = try inner.beginsItem ? true : key(of: inner) != nil
            if isCollection {
                lines[next] = inner
                items.append(try node(depth: depth + 1))
            } else {
                next += 1
                items.append(try scalar(rest, line: line.number))
            }
        }
        return YAMLNode(content: .sequence(items), line: start)
    }

    private mutating func mapping(
        indent: Int, depth: Int
    ) throws(ModelFormatError) -> YAMLNode {
        let start = lines[next].number
        var entries: [YAMLNode.Entry] = []
        var keys: Set<String> = []
        while next < lines.count, lines[next].indent == indent, !lines[next].beginsItem {
            let line = lines[next]
            guard let (name, rest) = try key(of: line) else {
                throw malformed(line.number, "this is no \"key: value\"")
            }
            guard keys.insert(name).inserted else {
                throw malformed(line.number, "the key \(quoted(name)) is there twice")
            }
            next += 1
            let isOpen = rest.isEmpty || rest.first == UInt8(ascii: "#")
            let value =
                isOpen
                ? try nested(below: indent, line: line.number, depth: depth, acceptsItems: true)
                : try scalar(rest, line: line.number)
            entries.append(.init(key: name, value: value, line: line.number))
        }
        return YAMLNode(content: .mapping(entries), line: start)
    }

    /// What lies under a line that ended with its key or dash. The items of a sequence may stand
    /// as far left as their key.
    private mutating func nested(
        below indent: Int, line: Int, depth: Int, acceptsItems: Bool = false
    ) throws(ModelFormatError) -> YAMLNode {
        guard next < lines.count else { return YAMLNode(content: .nothing, line: line) }
        let follower = lines[next]
        let belongs =
            follower.indent > indent
            || (acceptsItems && follower.indent == indent && follower.beginsItem)
        return belongs ? try node(depth: depth + 1) : YAMLNode(content: .nothing, line: line)
    }

    /// The key that a line begins with, and what follows its colon; nil when it has none.
    private func key(
        of line: Line
    ) throws(ModelFormatError) -> (name: String, rest: ArraySlice<UInt8>)? {
        var name: String
        var rest: ArraySlice<UInt8>
        if let quote = line.text.first, [UInt8(ascii: "\""), UInt8(ascii: "'")].contains(quote) {
            (name, rest) = try quotedText(line.text, line: line.number)
        } else {
            let end = line.text.firstIndex { !Self.isPlainKeyByte($0) } ?? line.text.endIndex
            name = String(decoding: line.text[..<end], as: UTF8.self)
            rest = line.text[end...]
        }
        guard rest.first == UInt8(ascii: ":") else { return nil }
        rest.removeFirst()
        guard rest.isEmpty || rest.first == UInt8(ascii: " ") else { return nil }
        guard !name.isEmpty, name.utf8.count <= 256, name.utf8.allSatisfy(Self.isPlainKeyByte)
        else {
            throw malformed(
                line.number, "a key is made of 1 to 256 of the characters A-Z a-z 0-9 _ . / -")
        }
        return (name, rest.drop { $0 == UInt8(ascii: " ") })
    }

    private static func isPlainKeyByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "_./-".utf8.contains(byte)
        }
    }

    private func scalar(
        _ text: ArraySlice<UInt8>, line: Int
    ) throws(ModelFormatError) -> YAMLNode {
        func made(_ content: YAMLNode.Content) -> YAMLNode {
            YAMLNode(content: content, line: line)
        }
        let first = text[text.startIndex]
        if first == UInt8(ascii: "\"") || first == UInt8(ascii: "'") {
            let (value, rest) = try quotedText(text, line: line)
            guard Self.isComment(rest) else {
                throw malformed(line, "something follows the closing quote")
            }
            return made(.scalar(value, isQuoted: true))
        }
        for (brackets, content) in [
            ("[]", YAMLNode.Content.sequence([])), ("{}", YAMLNode.Content.mapping([])),
        ] where text.starts(with: brackets.utf8) && Self.isComment(text.dropFirst(2)) {
            return made(content)
        }
        if let name = Self.foreignSyntax[first] {
            throw .unsupported(
                file: file, found: "\(name) (line \(line))",
                supported: "block mappings and sequences of plain and quoted scalars",
                remedy: "Write the value out, or put a text in double quotes.")
        }
        return made(.scalar(try plain(text, line: line), isQuoted: false))
    }

    private func quotedText(
        _ text: ArraySlice<UInt8>, line: Int
    ) throws(ModelFormatError) -> (value: String, rest: ArraySlice<UInt8>) {
        var scanner = YAMLQuoteScanner(text)
        do {
            return try scanner.scan()
        } catch {
            throw malformed(line, error.problem)
        }
    }

    private func plain(_ text: ArraySlice<UInt8>, line: Int) throws(ModelFormatError) -> String {
        var end = text.endIndex
        var previous: UInt8 = 0
        for index in text.indices {
            let byte = text[index]
            if byte == UInt8(ascii: "#"), previous == UInt8(ascii: " ") {
                end = index
                break
            }
            if previous == UInt8(ascii: ":"), byte == UInt8(ascii: " ") {
                throw malformed(line, "a plain value holds \": \": put it in double quotes")
            }
            previous = byte
        }
        var value = text[..<end]
        while value.last == UInt8(ascii: " ") { value.removeLast() }
        if value.last == UInt8(ascii: ":") {
            throw malformed(line, "a plain value ends with a colon: put it in double quotes")
        }
        return String(decoding: value, as: UTF8.self)
    }

    /// Nothing, or a comment that a space sets off.
    private static func isComment(_ rest: ArraySlice<UInt8>) -> Bool {
        guard let first = rest.first else { return true }
        return first == UInt8(ascii: " ")
            && (rest.first { $0 != UInt8(ascii: " ") } ?? UInt8(ascii: "#")) == UInt8(ascii: "#")
    }

    /// What these characters begin in YAML, where they are a value's first.
    private static let foreignSyntax: [UInt8: String] = [
        UInt8(ascii: "&"): "an anchor", UInt8(ascii: "*"): "an alias", UInt8(ascii: "!"): "a tag",
        UInt8(ascii: "|"): "a text block", UInt8(ascii: ">"): "a folded text block",
        UInt8(ascii: "["): "a flow sequence", UInt8(ascii: "{"): "a flow mapping",
        UInt8(ascii: "%"): "a directive", UInt8(ascii: "@"): "the reserved character @",
        UInt8(ascii: "`"): "the reserved character `", UInt8(ascii: "]"): "a stray ]",
        UInt8(ascii: "}"): "a stray }", UInt8(ascii: ","): "a stray comma",
        UInt8(ascii: "?"): "a complex key", UInt8(ascii: "#"): "a comment without a space before",
    ]
}
