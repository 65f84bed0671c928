import Kernels
import Testing

@testable import ModelFormats

@Suite("YAML in block style")
struct YAMLTests {
    private func parse(_ text: String) throws -> YAMLNode {
        try YAMLNode.parse(Array(text.utf8), file: "test.yaml")
    }

    private func text(_ value: String, line: Int, quoted: Bool = false) -> YAMLNode {
        YAMLNode(content: .scalar(value, isQuoted: quoted), line: line)
    }

    @Test("Mappings, sequences, quotes and comments are read, with their lines")
    func reads() throws {
        let document = try parse(
            """
            # about
            name: plain words  # and a remark
            "quoted": "a \\"b\\" \\\\ \\n \\u00e9 \\U0001F600 # no remark"
            single: 'it''s'
            nothing:
            empty: []
            none: {}
            list:
            - 1
            - two: 2
              three: "3"
            -
              deep:
                  deeper: x-y
            inner:
              - a#b
            """)
        guard case .mapping(let entries) = document.content else {
            Issue.record("no mapping")
            return
        }
        #expect(
            entries.map(\.key) == [
                "name", "quoted", "single", "nothing", "empty", "none", "list", "inner",
            ])
        #expect(entries[0].value == text("plain words", line: 2))
        #expect(
            entries[1].value == text("a \"b\" \\ \n é 😀 # no remark", line: 3, quoted: true))
        #expect(entries[2].value == text("it's", line: 4, quoted: true))
        #expect(entries[3].value.content == .nothing)
        #expect(entries[4].value.content == .sequence([]))
        #expect(entries[5].value.content == .mapping([]))
        guard case .sequence(let items) = entries[6].value.content else {
            Issue.record("no sequence")
            return
        }
        #expect(items[0] == text("1", line: 9))
        let two = YAMLNode.Entry(key: "two", value: text("2", line: 10), line: 10)
        let three = YAMLNode.Entry(key: "three", value: text("3", line: 11, quoted: true), line: 11)
        #expect(items[1].content == .mapping([two, three]))
        let deeper = YAMLNode.Entry(key: "deeper", value: text("x-y", line: 14), line: 14)
        let deep = YAMLNode(content: .mapping([deeper]), line: 14)
        #expect(items[2].content == .mapping([.init(key: "deep", value: deep, line: 13)]))
        #expect(entries[7].value.content == .sequence([text("a#b", line: 16)]))
    }

    @Test(
        "What is not the block style is refused with its line",
        arguments: [
            ("a: &x 1\nb: 2", 1), ("a: 1\nb: *x", 2), ("a: !!int 1", 1), ("a: |\n  text", 1),
            ("a: [1, 2]", 1), ("a: {b: 1}", 1), ("---\na: 1", 1), ("a: 1\na: 2", 2),
            ("a: 1\n  b: 2", 2), (" a: 1", 1), ("a: \"open", 1), ("a: \"x\" y", 1),
            ("a: \"\\q\"", 1), ("a: \"\\ud800\"", 1), ("a: \"\\u12\"", 1), ("a: \"\\u+123\"", 1),
            ("a: b: c", 1), ("a: b:", 1), ("just words", 1), ("a:\n\tb: 1", 2), ("a: \u{2028}", 1),
            ("ä: 1", 1), ("a: 1\n- b", 2), ("", 1), ("# only this", 1), ("a: 'x", 1),
            ("? a", 1), ("a: %x", 1), ("a: 1\rb: 2", 1), ("a: \u{FEFF}x", 1),
        ])
    func refuses(source: String, line: Int) {
        let error = #expect(throws: ModelFormatError.self) { try parse(source) }
        #expect(error?.description.contains("line \(line)") == true, "\(error?.description ?? "")")
        #expect(error?.description.hasPrefix("test.yaml") == true)
    }

    @Test("Bytes that are no UTF-8 are refused")
    func notText() {
        #expect(throws: ModelFormatError.self) {
            try YAMLNode.parse([0x61, 0x3A, 0x20, 0xFF], file: "test.yaml")
        }
    }

    @Test("Nesting ends at its limit, whatever it is made of")
    func depth() throws {
        func nested(_ levels: Int) -> String {
            (0..<levels).map { String(repeating: " ", count: $0) + "k:" }.joined(separator: "\n")
        }
        _ = try parse(nested(YAMLNode.depthLimit))
        #expect(throws: ModelFormatError.self) { try parse(nested(YAMLNode.depthLimit + 1)) }
        #expect(throws: ModelFormatError.self) {
            try parse(String(repeating: "- ", count: 100_000) + "x")
        }
    }

    @Test("A text is read back as it was written")
    func roundTrip() throws {
        var generator = SeededGenerator(seed: 3)
        let odd = ["\"\\\n\r\t\0", "\u{85}\u{2028}\u{FEFF}", "é 漢 😀 ñ", " a: b # c ", "-", "'"]
        let random = (0..<200).map { _ in
            String(
                String.UnicodeScalarView(
                    (0..<12).compactMap { _ in
                        Unicode.Scalar(UInt32(generator.next() % 0x30000))
                    }))
        }
        for original in odd + random {
            let node = try parse("key: \(YAMLText.string(original))")
            guard case .mapping(let entries) = node.content,
                case .scalar(let text, true) = entries[0].value.content
            else {
                Issue.record("\(original.debugDescription) is no text")
                continue
            }
            #expect(text.unicodeScalars.elementsEqual(original.unicodeScalars))
        }
    }

    @Test("No bytes at all make it fail in another way than by its error")
    func survives() {
        var generator = SeededGenerator(seed: 17)
        let pieces = [
            "a: 1\n", "- ", "  ", "\n", "\"", "'", "#", ": ", "\\", "[]", "{}", "é", "\r", "k:",
            "x", "- - ", "\\u00", "&", "*", "\u{0}", "---\n",
        ].map { Array($0.utf8) }
        var refused = 0
        for _ in 0..<20_000 {
            var bytes: [UInt8] = []
            for _ in 0..<(1 + generator.next() % 24) {
                bytes += pieces[Int(generator.next() % UInt64(pieces.count))]
            }
            if generator.next() % 4 == 0 {
                bytes[Int(generator.next() % UInt64(bytes.count))] = UInt8(generator.next() % 256)
            }
            do {
                _ = try YAMLNode.parse(bytes, file: "fuzz")
            } catch {
                refused += 1
            }
        }
        #expect(refused > 1000 && refused < 20_000)
    }
}
