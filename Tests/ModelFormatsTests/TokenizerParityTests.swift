import Testing

@testable import ModelFormats

@Suite("Parity with the tokenizers package")
struct TokenizerParityTests {
    static let families = ["gpt2", "llama3", "qwen", "smollm", "flags"]

    @Test("Every line has the reference's tokens", arguments: families)
    func everyLine(family: String) throws {
        let tokenizer = try Fixture.tokenizer(family)
        let lines = try Fixture.lines()
        let expected = try Fixture.words("tokenizers/\(family).crc")
        #expect(lines.count >= 20_000)
        #expect(lines.count == expected.count)
        var wrong: [Int] = []
        for (index, line) in lines.enumerated() {
            var checksum = CRC32()
            for token in tokenizer.encode(bytes: line, parsingSpecialTokens: true) {
                checksum.append(token)
            }
            if checksum.value != expected[index] { wrong.append(index) }
        }
        #expect(wrong.count == 0, "the first: \(wrong.prefix(10))")
    }

    @Test("A sample of lines has the reference's tokens one by one", arguments: families)
    func sample(family: String) throws {
        let tokenizer = try Fixture.tokenizer(family)
        let lines = try Fixture.lines()
        let document = try Fixture.json("tokenizers/\(family).expected.json")
        for (index, ids) in try #require(document["ids"]?.arrayValue).enumerated() {
            let expected = ids.arrayValue?.compactMap(\.integerValue)
            let tokens = tokenizer.encode(bytes: lines[index * 40], parsingSpecialTokens: true)
            #expect(tokens.map(\.index) == expected)
        }
    }

    @Test("Names of control tokens are text, token by token the reference's", arguments: families)
    func plain(family: String) throws {
        let tokenizer = try Fixture.tokenizer(family)
        let lines = try Fixture.lines()
        let document = try Fixture.json("tokenizers/\(family).expected.json")
        for (index, ids) in try #require(document["plain"]?.arrayValue).enumerated() {
            let tokens = tokenizer.encode(bytes: lines[index * 20])
            #expect(tokens.map(\.index) == ids.arrayValue?.compactMap(\.integerValue))
        }
    }

    @Test("Tokens that break characters decode to the reference's text", arguments: families)
    func decoding(family: String) throws {
        let tokenizer = try Fixture.tokenizer(family)
        let document = try Fixture.json("tokenizers/\(family).expected.json")
        let cases = try #require(document["decode"]?.arrayValue).compactMap(\.arrayValue)
        #expect(cases.count == 400)
        for entry in cases {
            let tokens = try #require(entry[0].arrayValue).compactMap(\.integerValue)
                .map { TokenID($0) }
            let plain = try #require(entry[1].stringValue)
            let full = try #require(entry[2].stringValue)
            #expect(ExactString(tokenizer.decode(tokens)) == ExactString(plain))
            #expect(
                ExactString(tokenizer.decode(tokens, skippingSpecialTokens: false))
                    == ExactString(full))
        }
    }

    @Test("Scalars are classed as Oniguruma and Rust class them")
    func classes() throws {
        let document = try Fixture.json("classes.json")
        let classes: [(String, ScalarClass)] = [
            ("letter", .letter), ("number", .number), ("numeric", .number),
            ("space", .space),
        ]
        for (name, wanted) in classes {
            let expected = try Self.codePoints(document[name])
            var actual = Set<UInt32>()
            for value in 0...UInt32(0x10ffff) {
                guard let scalar = Unicode.Scalar(value) else { continue }
                if !ScalarClass(scalar).isDisjoint(with: wanted) { actual.insert(value) }
            }
            // Rust knows the 13 numbers that Unicode 17 added, Oniguruma does not; no stage of ours.
            let newer: Set<UInt32> =
                name == "numeric" ? Set(0x11de0...0x11de9).union(0x16ff4...0x16ff6) : []
            let difference = actual.symmetricDifference(expected).subtracting(newer).sorted()
            let first = difference.prefix(40).map { String($0, radix: 16) }
            #expect(difference.count == 0, "\(name): \(first)")
        }
    }

    @Test("Contractions fold case as Oniguruma does")
    func folding() throws {
        let folded = try #require(try Fixture.json("classes.json")["folded"]?.objectValue)
        #expect(try Self.codePoints(folded["s"]) == [0x53, 0x73, 0x17f])
        for letter in "tmdrevl" {
            let scalar = try #require(letter.unicodeScalars.first)
            #expect(
                try Self.codePoints(folded[String(letter)]) == [scalar.value - 32, scalar.value])
        }
    }

    @Test("The normal form is the reference's")
    func normalForms() throws {
        let cases = try #require(
            try JSONScanner.parse(Fixture.bytes("nfc.json"), file: "nfc.json").arrayValue)
        #expect(cases.count > 1_000)
        for entry in cases {
            let pair = try #require(entry.arrayValue).compactMap(\.stringValue)
            let normal = TextNormalizer.nfc.normalize(Array(pair[0].utf8)[...])
            #expect(normal == Array(pair[1].utf8))
        }
    }

    private static func codePoints(_ value: JSONValue?) throws -> Set<UInt32> {
        var result = Set<UInt32>()
        for range in try #require(value?.arrayValue) {
            let bounds = try #require(range.arrayValue).compactMap(\.integerValue)
            result.formUnion((bounds[0]...bounds[1]).map { UInt32($0) })
        }
        return result
    }
}
