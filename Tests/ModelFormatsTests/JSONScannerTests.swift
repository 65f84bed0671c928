import Testing

@testable import ModelFormats

@Suite("Strict JSON")
struct JSONScannerTests {
    private static func parse(_ text: String) throws -> JSONValue {
        try JSONScanner.parse(Array(text.utf8), file: "test.json")
    }

    @Test("Values are read exactly")
    func values() throws {
        let text =
            #" {"a":[1,-2,3.5,1e2,true,false,null],"é\n\ud83d\ude00":"\u00e9\/\\\"\b\f\r\t"} "#
        let object = try #require(try Self.parse(text).objectValue)
        let list = try #require(object["a"]?.arrayValue)
        #expect(list[0].integerValue == 1 && list[1].integerValue == -2)
        #expect(list[2].doubleValue == 3.5 && list[3].doubleValue == 100)
        #expect(list[4].boolValue == true && list[5].boolValue == false && list[6].isNull)
        #expect(list[3].integerValue == nil && list[4].integerValue == nil)
        #expect(object["é\n😀"]?.stringValue == "é/\\\"\u{8}\u{c}\r\t")
        #expect(try Self.parse("9223372036854775807").integerValue == .max)
        #expect(try Self.parse("9223372036854775808").integerValue == nil)
        #expect(try Self.parse("-0").doubleValue?.sign == .minus)
    }

    @Test("Keys are told apart by code points, not by what they look like")
    func canonicalEquivalence() throws {
        let object = try #require(try Self.parse("{\"é\":1,\"e\u{301}\":2}").objectValue)
        #expect(object["\u{e9}"]?.integerValue == 1 && object["e\u{301}"]?.integerValue == 2)
    }

    @Test(
        "Text that is not JSON is refused",
        arguments: [
            "", " ", "{", "}", "[1,]", "[,1]", "{\"a\" 1}", "{\"a\":1,}", "{a:1}", "'a'", "nul",
            "truex", "01", "1.", ".5", "+1", "1e", "-", "--1", "0x1", "NaN", "Infinity", "1e999",
            "\"\t\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"", "1 2",
            "{\"a\":1,\"a\":1}", "\u{feff}{}",
        ])
    func refusals(text: String) {
        #expect(throws: ModelFormatError.self) { try Self.parse(text) }
    }

    @Test("Depth and number of values are limited")
    func limits() throws {
        let deepest = JSONScanner.maximumDepth - 1
        _ = try Self.parse(
            String(repeating: "[", count: deepest + 1) + String(repeating: "]", count: deepest + 1))
        let deep = String(repeating: "[", count: 100_000)
        #expect(throws: ModelFormatError.self) { try Self.parse(deep) }
        let objects = String(repeating: "{\"a\":", count: 100_000)
        #expect(throws: ModelFormatError.self) { try Self.parse(objects) }
        var scanner = JSONScanner(bytes: Array("[1,1,1]".utf8), file: "f", maximumValues: 3)
        #expect(throws: ModelFormatError.self) { try scanner.value() }
    }

    @Test("An error says file, place and problem, and cannot carry control characters")
    func errors() throws {
        let error = #expect(throws: ModelFormatError.self) {
            try Self.parse("{\"\\u001b[2J\":1,\"\\u001b[2J\":2}")
        }
        let text = try #require(error).description
        #expect(text.hasPrefix("test.json: JSON byte 15: the key \"\\u{1B}[2J\" is there twice"))
    }

    @Test("What JSONText writes is read back")
    func text() throws {
        let text = "a\"\\/\n\r\t\u{0}\u{1f}\u{7f}é😀\u{2028}"
        #expect(try Self.parse(JSONText.string(text)).stringValue == text)
    }
}
