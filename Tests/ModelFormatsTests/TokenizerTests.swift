import Testing

@testable import ModelFormats

@Suite("Byte-level BPE")
struct TokenizerTests {
    /// A tokenizer.json with the letters of all bytes, the merges given, and changes to the root.
    private static func json(
        merges: String = "[]", extraVocabulary: [String] = [], model: String = "",
        preTokenizer: String = "{\"type\":\"ByteLevel\",\"add_prefix_space\":false}",
        decoder: String = "{\"type\":\"ByteLevel\"}", root: String = ""
    ) -> [UInt8] {
        let names = ByteAlphabet.letters.map { String($0) } + extraVocabulary
        let vocabulary = names.enumerated().map { "\(JSONText.string($1)):\($0)" }
            .joined(separator: ",")
        return Array(
            """
            {"pre_tokenizer":\(preTokenizer),"decoder":\(decoder),\(root)
            "model":{"type":"BPE",\(model)"vocab":{\(vocabulary)},"merges":\(merges)}}
            """.utf8)
    }

    @Test("The families name their special tokens and templates")
    func templates() throws {
        let llama3 = try Fixture.tokenizer("llama3")
        let begin = try #require(llama3.token(named: "<|begin_of_text|>"))
        #expect(llama3.sequencePrefix == [begin] && llama3.sequenceSuffix.isEmpty)
        #expect(llama3.specialTokens.contains(begin))
        #expect(llama3.vocabularySize == 1502)
        let gpt2 = try Fixture.tokenizer("gpt2")
        #expect(gpt2.sequencePrefix.isEmpty && gpt2.vocabularySize == 1500)
        #expect(gpt2.token(named: "<|endoftext|>") == TokenID(0) && gpt2.token(named: "?!?") == nil)
        #expect(gpt2.bytes(of: TokenID(0)) == Array("<|endoftext|>".utf8))
        #expect(gpt2.bytes(of: TokenID(1500)) == [] && gpt2.bytes(of: TokenID(rawValue: -1)) == [])
        let qwen = try Fixture.tokenizer("qwen")
        let think = try #require(qwen.token(named: "<think>"))
        #expect(!qwen.specialTokens.contains(think) && qwen.decode([think]) == "<think>")
    }

    @Test("Names of control tokens in a text are text, but for templates")
    func specialTokens() throws {
        let tokenizer = try Fixture.tokenizer("qwen")
        let text = "a<|im_end|>b<think>"
        let end = try #require(tokenizer.token(named: "<|im_end|>"))
        let think = try #require(tokenizer.token(named: "<think>"))
        let parsed = tokenizer.encode(text, parsingSpecialTokens: true)
        #expect(parsed.contains(end) && parsed.contains(think))
        let plain = tokenizer.encode(text)
        #expect(!plain.contains(end) && plain.contains(think))
        #expect(tokenizer.decode(plain) == text)
        #expect(tokenizer.decode(parsed) == "ab<think>")
        #expect(tokenizer.decode(parsed, skippingSpecialTokens: false) == text)
        #expect(tokenizer.encode(bytes: Array(text.utf8)) == plain)
    }

    @Test(
        "Every text without normalisation decodes to itself",
        arguments: ["gpt2", "llama3", "smollm"])
    func losslessness(family: String) throws {
        let tokenizer = try Fixture.tokenizer(family)
        for line in try Fixture.lines().prefix(3_000) {
            let text = String(decoding: line, as: UTF8.self)
            let tokens = tokenizer.encode(text)
            #expect(ExactString(tokenizer.decode(tokens)) == ExactString(text))
        }
        #expect(tokenizer.encode("").isEmpty && tokenizer.encode(bytes: []).isEmpty)
        #expect(tokenizer.decode([]).isEmpty)
    }

    @Test("Both spellings of merges mean the same, and lower ranks merge first")
    func merges() throws {
        let vocabulary = ["ab", "bc", "abc"]
        for merges in [
            #"["b c","a b","a bc"]"#, #"[["b","c"],["a","b"],["a","bc"]]"#,
        ] {
            let tokenizer = try Tokenizer(
                json: Self.json(merges: merges, extraVocabulary: vocabulary))
            #expect(tokenizer.encode("abc").map(\.index) == [258])
            #expect(tokenizer.encode("abab").map(\.index) == [256, 256])
            #expect(tokenizer.encode("bcab").map(\.index) == [257, 256])
        }
    }

    @Test("A merged piece is the same whether it is long or short, first or repeated")
    func longPieces() throws {
        let tokenizer = try Fixture.tokenizer("gpt2")
        let short = tokenizer.encode(String(repeating: "a", count: 1_000))
        #expect(tokenizer.decode(short).utf8.count == 1_000)
        let words = String(repeating: " memory", count: 500)
        let once = tokenizer.encode(" memory")
        #expect(tokenizer.encode(words) == (0..<500).flatMap { _ in once })
    }

    /// A quadratic merge would take hours even for the smaller size.
    @Test("Long runs of one letter, and long texts, take seconds", .timeLimit(.minutes(1)))
    func longTexts() throws {
        #if DEBUG
            let size = 1 << 17
        #else
            let size = 1 << 20
        #endif
        let tokenizer = try Fixture.tokenizer("llama3")
        let run = String(repeating: "a", count: size)
        #expect(tokenizer.decode(tokenizer.encode(run)) == run)
        let line = "The memory of a token is 42 synapses; naïve 的 code: let x = [1, 2]\n"
        let text = String(repeating: line, count: size / line.utf8.count)
        #expect(ExactString(tokenizer.decode(tokenizer.encode(text))) == ExactString(text))
        let spaces = String(repeating: " ", count: size)
        #expect(tokenizer.decode(tokenizer.encode(spaces)) == spaces)
    }

    @Test("A byte without a letter is left out, or becomes the unknown token")
    func unknownBytes() throws {
        let head =
            "{\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false},"
            + "\"decoder\":{\"type\":\"ByteLevel\"},\"model\":{\"type\":\"BPE\","
        func tokens(_ options: String) throws -> [Int] {
            let text = head + options + "\"vocab\":{\"a\":0,\"?\":1},\"merges\":[]}}"
            return try Tokenizer(json: Array(text.utf8)).encode("axxa").map(\.index)
        }
        #expect(try tokens("") == [0, 0])
        #expect(try tokens("\"unk_token\":\"?\",") == [0, 1, 1, 0])
        #expect(try tokens("\"unk_token\":\"?\",\"fuse_unk\":true,") == [0, 1, 0])
    }

    @Test("What is not byte-level BPE of a known kind is refused by name")
    func refusals() throws {
        let cases: [(json: [UInt8], reason: String)] = [
            (Self.json(preTokenizer: "null"), "without pre_tokenizer"),
            (Self.json(preTokenizer: "{\"type\":\"Metaspace\"}"), "Metaspace"),
            (Self.json(preTokenizer: "{\"type\":\"Sequence\",\"pretokenizers\":[]}"), "ByteLevel"),
            (
                Self.json(
                    preTokenizer: #"{"type":"Split","pattern":{"Regex":"\\d{1,7}|x"},"#
                        + #""behavior":"Isolated","invert":false}"#), #"\\d{1,7}|x"#
            ),
            (
                Self.json(
                    preTokenizer: #"{"type":"Split","pattern":{"String":" "},"#
                        + #""behavior":"Isolated","invert":false}"#), "fixed string"
            ),
            (Self.json(decoder: "null"), "decoder"),
            (Self.json(decoder: "{\"type\":\"Metaspace\"}"), "Metaspace"),
            (Self.json(root: "\"normalizer\":{\"type\":\"Lowercase\"},"), "Lowercase"),
            (Self.json(root: "\"normalizer\":{\"type\":\"NFKC\"},"), "NFKC"),
            (Self.json(root: "\"post_processor\":{\"type\":\"BertProcessing\"},"), "BertProc"),
            (Self.json(model: "\"byte_fallback\":true,"), "byte_fallback"),
            (Self.json(model: "\"dropout\":0.1,"), "dropout"),
            (Self.json(model: "\"end_of_word_suffix\":\"</w>\","), "</w>"),
            (Self.json(model: "\"unk_token\":\"[UNK]\","), "[UNK]"),
            (Self.json(merges: "[\"a b\"]"), "merges[0]"),
            (Self.json(merges: "[\"ab\"]"), "merges"),
            (Self.json(merges: "[\"a b c\"]"), "merges"), (Self.json(merges: "[1]"), "merges[0]"),
            (Self.json(extraVocabulary: ["a"]), "twice"),
            (Self.json(root: #""added_tokens":[{"id":5,"content":"<s>"}],"#), "partners"),
            (Self.json(root: #""added_tokens":[{"id":300,"content":"a"}],"#), "partners"),
            (Self.json(root: #""added_tokens":[{"id":-1,"content":"<s>"}],"#), "-1"),
            (Self.json(root: #""added_tokens":[{"id":999999999,"content":"<s>"}],"#), "999999999"),
            (Array("{}".utf8), "pre_tokenizer"), (Array("[]".utf8), "an array"), ([], "end"),
        ]
        for (json, reason) in cases {
            let error = #expect(throws: ModelFormatError.self) { try Tokenizer(json: json) }
            let text = try #require(error).description
            #expect(text.contains(reason))
            #expect(text.hasPrefix("tokenizer.json: "))
        }
    }

    @Test("A damaged tokenizer.json is refused or read, never a crash")
    func mutations() throws {
        let template =
            #""post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":"#
            + #"{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],"special_tokens":"#
            + #"{"<s>":{"id":"<s>","ids":[259],"tokens":["<s>"]}}},"#
        let added =
            #""added_tokens":[{"id":259,"content":"<s>","special":true,"lstrip":true,"#
            + #""rstrip":true,"single_word":true,"normalized":true}],"#
        let original = Self.json(
            merges: #"["a b",["b","c"],"ab c"]"#, extraVocabulary: ["ab", "bc", "abc"],
            model: "\"ignore_merges\":true,", root: added + template)
        var generator = TestGenerator(seed: 3)
        var accepted = 0
        for _ in 0..<1_000 {
            var bytes = original
            for _ in 0..<Int.random(in: 1...2, using: &generator) {
                // Half of the damage goes to what is not the long vocabulary.
                let limit = Bool.random(using: &generator) ? bytes.count : min(bytes.count, 450)
                let place = Int.random(in: 0..<limit, using: &generator)
                switch Int.random(in: 0..<3, using: &generator) {
                case 0: bytes[place] = UInt8.random(in: 0...255, using: &generator)
                case 1: bytes[place] = Array("019-\"{}[]:,".utf8).randomElement(using: &generator)!
                default: bytes.removeSubrange(place..<min(place + 3, bytes.count))
                }
            }
            guard let tokenizer = try? Tokenizer(json: bytes) else { continue }
            accepted += 1
            let text = "abc <s> cab \u{0}<s>é"
            let tokens =
                tokenizer.encode(text) + tokenizer.encode(text, parsingSpecialTokens: true)
            _ = tokenizer.decode(tokens, skippingSpecialTokens: false)
            #expect(tokens.allSatisfy { $0.index >= 0 && $0.index < tokenizer.vocabularySize })
        }
        #expect(accepted > 20)
    }
}
