import Foundation
import Testing

@testable import ModelFormats

/// What Fixtures/make_controls.py asked the reference.
@Suite("Control tokens and templates")
struct ControlTokenTests {
    private static func fixture() throws -> JSONObject { try Fixture.json("controls.json") }

    /// The fixture's tokenizer.json, with another post-processor where one is given.
    private static func json(processor: String = "null") throws -> [UInt8] {
        let root =
            try JSONSerialization.jsonObject(
                with: Data(Fixture.bytes("controls.json"))) as? [String: Any]
        var document = try #require(root?["tokenizer"] as? [String: Any])
        document["post_processor"] = try JSONSerialization.jsonObject(
            with: Data(processor.utf8), options: .fragmentsAllowed)
        return Array(try JSONSerialization.data(withJSONObject: document))
    }

    private static func processors() throws -> [(json: String, prefix: [Int], suffix: [Int])] {
        let root =
            try JSONSerialization.jsonObject(
                with: Data(Fixture.bytes("controls.json"))) as? [String: Any]
        return try #require(root?["processors"] as? [[String: Any]]).map { entry in
            let processor = try JSONSerialization.data(
                withJSONObject: #require(entry["processor"]))
            return (
                String(decoding: processor, as: UTF8.self),
                try #require(entry["prefix"] as? [Int]), try #require(entry["suffix"] as? [Int])
            )
        }
    }

    @Test("A post-processor puts before and behind a text what the reference's does")
    func postProcessors() throws {
        var (read, refused) = (0, 0)
        for (processor, prefix, suffix) in try Self.processors() {
            let templates = processor.components(separatedBy: "TemplateProcessing").count - 1
            do {
                let tokenizer = try Tokenizer(json: Self.json(processor: processor))
                #expect(tokenizer.sequencePrefix.map(\.index) == prefix)
                #expect(tokenizer.sequenceSuffix.map(\.index) == suffix)
                read += 1
            } catch {
                // The reference's own answer to a chain of templates is of no use.
                #expect(templates > 1 && "\(error)".contains("several templates"))
                refused += 1
            }
        }
        #expect(read == 9 && refused == 2)
    }

    @Test("Names of control tokens are letters in a text and tokens in a template")
    func texts() throws {
        let tokenizer = try Tokenizer(json: Self.json())
        let rows = try #require(try Self.fixture()["texts"]?.arrayValue)
        #expect(rows.count > 400)
        var differing = 0
        for row in rows {
            let row = try #require(row.arrayValue)
            let text = try #require(row[0].stringValue)
            let ids = row[1...2].map { $0.arrayValue?.compactMap(\.integerValue) ?? [] }
            let parsed = tokenizer.encode(text, parsingSpecialTokens: true)
            let plain = tokenizer.encode(text)
            #expect(parsed.map(\.index) == ids[0])
            #expect(plain.map(\.index) == ids[1])
            #expect(!plain.contains(where: tokenizer.specialTokens.contains))
            if parsed != plain { differing += 1 }
        }
        #expect(differing > 100)
    }

    @Test("Word characters and spaces beside an added token are the reference's, of its Unicode")
    func neighbours() throws {
        let tokenizer = try Tokenizer(json: Self.json())
        let word = try #require(tokenizer.token(named: "[word]"))
        let left = try #require(tokenizer.token(named: "[left]"))
        let words = try Self.codePoints("words")
        let spaces = try Self.codePoints("spaces")
        var wrong: [String] = []
        for value in 0...UInt32(0x10ffff) {
            guard let scalar = Unicode.Scalar(value) else { continue }
            let isWord = !tokenizer.encode("\(scalar)[word]").contains(word)
            // Only spaces are taken along, and asking is dear.
            let isSpace =
                !isWord && scalar.properties.isWhitespace
                && tokenizer.encode("\(scalar)[left]") == [left]
            if isWord != words.contains(value) || isSpace != spaces.contains(value) {
                wrong.append(String(value, radix: 16))
            }
        }
        #expect(wrong.isEmpty, "\(wrong.count): \(wrong.prefix(20))")
    }

    @Test("Marks and letters that are newer than the reference's tables keep their places")
    func normalForms() throws {
        let cases = try #require(try Self.fixture()["normal"]?.arrayValue)
        #expect(cases.count > 300)
        for entry in cases {
            let pair = try #require(entry.arrayValue).compactMap(\.stringValue)
            let normal = TextNormalizer.nfc.normalize(Array(pair[0].utf8)[...])
            #expect(normal == Array(pair[1].utf8))
        }
    }

    @Test("An added token beyond the embedding is text; a vocabulary beyond it is refused by name")
    func embedding() throws {
        let json = try Self.json()
        let whole = try Tokenizer(json: json)
        let size = whole.vocabularySize
        #expect(whole.namesBeyondEmbedding.isEmpty)
        // The three last ones are added: <think>, [word], [left].
        let cut = try Tokenizer(json: json, embeddingRows: size - 2)
        #expect(cut.namesBeyondEmbedding == ["[word]", "[left]"])
        #expect(cut.vocabularySize == size - 2)
        #expect(cut.token(named: "[left]") == nil)
        let text = "a [left]<think>[word]"
        for parses in [true, false] {
            let tokens = cut.encode(text, parsingSpecialTokens: parses)
            #expect(tokens.allSatisfy { $0.index < size - 2 })
            #expect(tokens.contains { $0.index == size - 3 })
            #expect(cut.decode(tokens) == text)
        }
        let error = #expect(throws: ModelFormatError.self) {
            try Tokenizer(json: json, embeddingRows: size - 4)
        }
        let reason = try #require(error).description
        #expect(reason.contains("tokenizer.json") && reason.contains("vocab_size"))
        #expect(reason.contains("\(size - 4)") && reason.contains("\(size - 5)"))
    }

    @Test("A template that names a token beyond the embedding, or no text, is refused")
    func templates() throws {
        func processor(_ ids: String, _ single: String) -> String {
            #"{"type":"TemplateProcessing","single":[\#(single)],"special_tokens":"#
                + #"{"s":{"id":"s","ids":[\#(ids)],"tokens":["s"]}}}"#
        }
        let start = #"{"SpecialToken":{"id":"s","type_id":0}}"#
        let text = #"{"Sequence":{"id":"A","type_id":0}}"#
        let size = try Tokenizer(json: Self.json()).vocabularySize
        let good = try Tokenizer(
            json: Self.json(processor: processor("1,\(size - 3)", "\(start),\(text)")),
            embeddingRows: size - 2)
        #expect(good.sequencePrefix.map(\.index) == [1, size - 3])
        for wrong in [
            processor("\(size - 2)", "\(start),\(text)"), processor("-1", "\(start),\(text)"),
            processor("0", start), processor("0", "\(text),\(start),\(text)"),
        ] {
            #expect(throws: ModelFormatError.self) {
                try Tokenizer(json: Self.json(processor: wrong), embeddingRows: size - 2)
            }
        }
    }

    @Test("A text opens with the tokenizer's prefix, else with a start or an end token")
    func openings() throws {
        let prefixed = try Fixture.tokenizer("llama3")
        let bare = try Fixture.tokenizer("gpt2")
        func config(_ members: String) throws -> ModelConfig {
            try ModelConfig(
                json: Data(
                    """
                    {"model_type":"gpt2","n_embd":8,"n_layer":1,"n_head":2,"n_positions":32,
                    "vocab_size":1500\(members)}
                    """.utf8))
        }
        let both = try config(#","bos_token_id":7,"eos_token_id":[9,8]"#)
        #expect(prefixed.opening(for: both) == prefixed.sequencePrefix)
        #expect(bare.opening(for: both) == [TokenID(7)])
        #expect(bare.opening(for: try config(#","eos_token_id":[9,8]"#)) == [TokenID(9)])
        #expect(bare.opening(for: try config("")).isEmpty)
    }

    private static func codePoints(_ name: String) throws -> Set<UInt32> {
        var result = Set<UInt32>()
        for range in try #require(try fixture()[name]?.arrayValue) {
            let bounds = try #require(range.arrayValue).compactMap(\.integerValue)
            result.formUnion((bounds[0]...bounds[1]).map { UInt32($0) })
        }
        return result
    }
}
