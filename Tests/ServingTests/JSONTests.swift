import Testing

@testable import Serving

struct JSONTests {
    @Test(
        "What is read is written again as it was",
        arguments: [
            "null", "true", "[]", "{}", "[1,-2,3.5,\"a\"]", "{\"b\":1,\"a\":{\"c\":[null,false]}}",
            "\"tab\\t quote\\\" back\\\\ line\\n\"", "\"é 😀 漢\"", "9007199254740993", "0.1",
            "1e-07",
            "5e-324", "1.7976931348623157e+308",
        ])
    func roundTrip(text: String) throws {
        let value = try JSONParser.parse(Array(text.utf8))
        #expect(String(decoding: value.serialized(), as: UTF8.self) == text)
    }

    @Test("A double is written to the last digit")
    func precision() throws {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<1000 {
            let value = Double(bitPattern: UInt64.random(in: 0..<(0x7ff << 52), using: &generator))
            let text = JSONValue.number(value).serialized()
            let back = try JSONParser.parse(text)
            guard case .number(let number) = back else {
                guard case .integer(let whole) = back else {
                    Issue.record("\(back)")
                    return
                }
                #expect(Double(whole) == value)
                continue
            }
            #expect(number.bitPattern == value.bitPattern)
        }
        #expect(JSONValue.number(.nan).serialized() == Array("null".utf8))
    }

    @Test("Escapes are read, surrogate pairs joined")
    func escapes() throws {
        let text = #""\u0041\ud83d\ude00\/\b\f\u0000""#
        #expect(try JSONParser.parse(Array(text.utf8)) == "A😀/\u{8}\u{c}\0")
    }

    @Test(
        "Malformed JSON is refused where it goes wrong",
        arguments: [
            ("", 0), ("{", 1), ("[1,]", 3), ("{\"a\" 1}", 5), ("{a:1}", 1), ("[01]", 2),
            ("[1.]", 3), ("[+1]", 1), ("tru", 3), ("\"a", 2), ("[1] 2", 4), ("\"\u{1}\"", 1),
            (#""\x""#, 2), (#""\ud800""#, 3), (#""\ud800\u0041""#, 3), ("[1e999]", 1),
            ("{\"a\":1,}", 7), ("nan", 1), ("\u{feff}1", 0),
        ])
    func malformed(text: String, offset: Int) {
        #expect { try JSONParser.parse(Array(text.utf8)) } throws: { error in
            (error as? JSONSyntaxError)?.offset == offset
        }
    }

    @Test(
        "Invalid UTF-8 is refused where it goes wrong",
        arguments: [
            ([0x22, 0xff, 0x22], 1), ([0x22, 0xc3, 0xa9, 0xc0, 0xaf, 0x22], 3),
            ([0x22, 0xed, 0xa0, 0x80, 0x22], 1), ([0x22, 0xe2, 0x82], 1),
        ] as [([UInt8], Int)])
    func invalidUTF8(bytes: [UInt8], offset: Int) {
        #expect { try JSONParser.parse(bytes) } throws: { error in
            error as? JSONSyntaxError
                == JSONSyntaxError(reason: "the text is not valid UTF-8", offset: offset)
        }
    }

    @Test("Depth is bounded, whatever opens it", arguments: ["[", "{\"a\":"])
    func depth(opening: String) throws {
        let deep = String(repeating: opening, count: 100_000)
        #expect(throws: JSONSyntaxError.self) { try JSONParser.parse(Array(deep.utf8)) }
        let shallow =
            String(repeating: "[", count: JSONParser.maximumDepth)
            + String(repeating: "]", count: JSONParser.maximumDepth)
        #expect(throws: Never.self) { try JSONParser.parse(Array(shallow.utf8)) }
    }

    @Test("The number of values is bounded")
    func valueCount() {
        let many = "[" + String(repeating: "1,", count: JSONParser.maximumValues) + "1]"
        #expect(throws: JSONSyntaxError.self) { try JSONParser.parse(Array(many.utf8)) }
    }

    @Test(
        "Times are RFC 3339, in every century",
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (951_782_400, "2000-02-29T00:00:00.000Z"),
            (1_700_000_000.25, "2023-11-14T22:13:20.250Z"), (-1, "1969-12-31T23:59:59.000Z"),
            (4_102_444_799.9999, "2100-01-01T00:00:00.000Z"),
            (4_107_542_399, "2100-02-28T23:59:59.000Z"),
            (253_402_300_799, "9999-12-31T23:59:59.000Z"),
            (253_402_300_799.999, "9999-12-31T23:59:59.000Z"),
            (253_402_300_800, "9999-12-31T23:59:59.000Z"), (1e300, "9999-12-31T23:59:59.000Z"),
            (.infinity, "9999-12-31T23:59:59.000Z"), (-1e300, "0000-01-01T00:00:00.000Z"),
            (-62_167_219_200, "0000-01-01T00:00:00.000Z"), (.nan, "1970-01-01T00:00:00.000Z"),
        ] as [(Double, String)])
    func times(seconds: Double, text: String) {
        #expect(RFC3339.text(seconds) == text)
    }
}
