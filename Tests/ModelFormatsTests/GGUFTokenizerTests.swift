import Testing

@testable import ModelFormats

/// Against what `Fixtures/make_gguf_tokenizers.py` has from the package tokenizers and llama.cpp.
@Suite("Tokenizers of GGUF files")
struct GGUFTokenizerTests {
    static let families = [
        "gpt-2", "smollm", "llama-bpe", "dbrx", "qwen2", "qwen35", "tekken", "gpt-4o",
        "deepseek-v3", "deepseek-coder", "falcon", "default",
    ]
    static let kinds = ["llama", "metaspace", "words", "gemma"]

    /// The bytes of a golden file with the value of a string key changed.
    static func file(_ name: String, pre: String? = nil, model: String? = nil) throws -> [UInt8] {
        var bytes = try Fixture.bytes("gguf/\(name).gguf")
        for (key, old, new) in [("pre", "gpt-2", pre), ("model", "gpt2", model)] {
            guard let new else { continue }
            let head = Array("tokenizer.ggml.\(key)".utf8) + GGUFBytes.number(UInt32(8))
            let wanted = head + GGUFBytes.text(old)
            let place = try #require(
                (0..<bytes.count - wanted.count).first {
                    bytes[$0] == wanted[0] && bytes[$0..<$0 + wanted.count].elementsEqual(wanted)
                })
            bytes.replaceSubrange(place..<place + wanted.count, with: head + GGUFBytes.text(new))
        }
        return bytes
    }

    static func tokenizer(_ bytes: [UInt8], embeddingRows: Int? = nil) throws -> Tokenizer {
        try GGUFModel(bytes: bytes, name: "f.gguf").tokenizer(embeddingRows: embeddingRows)
    }

    /// Every 42nd line, as the script has them.
    static func lines() throws -> [String] {
        let lines = try Fixture.lines()
        return stride(from: 0, to: lines.count, by: 42).map {
            var line = String(decoding: lines[$0], as: UTF8.self)
            line.unicodeScalars.removeAll { $0 == "\0" }
            return line
        }
    }

    private func check(_ tokenizer: Tokenizer, _ name: String) throws {
        let lines = try Self.lines()
        let checksums = try Fixture.words("gguf/\(name).crc")
        #expect(lines.count == 500 && checksums.count == 500)
        let first = try #require(Fixture.json("gguf/expected.json")[name]?.arrayValue)
        for (index, line) in lines.enumerated() {
            let tokens = tokenizer.encode(line)
            var checksum = CRC32()
            for token in tokens { checksum.append(token) }
            #expect(checksum.value == checksums[index], "line \(index) of \(name)")
            if index < first.count {
                #expect(tokens.map(\.index) == first[index].arrayValue?.compactMap(\.integerValue))
            }
        }
    }

    @Test("A family cuts texts as its models' own tokenizer does", arguments: families)
    func byteLevel(family: String) throws {
        try check(try Self.tokenizer(Self.file("bpe", pre: family)), "bpe.\(family)")
    }

    @Test("A family cuts texts of few characters of many classes likewise", arguments: families)
    func cuts(family: String) throws {
        let metadata = try GGUFModel(bytes: Self.file("bpe", pre: family), name: "f").metadata
        let preTokenizer = try PreTokenizer.family(of: metadata).preTokenizer
        let document = try Fixture.json("gguf/cuts.json")
        let texts = try #require(document["texts"]?.arrayValue).compactMap(\.stringValue)
        let checksums = try #require(document[family]?.arrayValue).compactMap(\.integerValue)
        #expect(texts.count == 600 && checksums.count == 600)
        for (text, expected) in zip(texts, checksums) {
            var buffer: [UInt8] = []
            var ends: [Int] = []
            preTokenizer.append(
                Array(text.utf8)[...], beginsText: true, to: &buffer, ends: &ends)
            var checksum = CRC32()
            for end in ends {
                let before = String(decoding: buffer[..<end], as: UTF8.self)
                checksum.append(TokenID(before.unicodeScalars.count))
            }
            #expect(checksum.value == UInt32(expected), "\(text.debugDescription)")
        }
    }

    @Test(
        "A family has one pattern, in GGUF and in tokenizer.json",
        arguments: ["tekken", "gpt-4o", "qwen35", "deepseek-v3", "llama-bpe", "qwen2"])
    func patterns(family: String) throws {
        let metadata = try GGUFModel(bytes: Self.file("bpe", pre: family), name: "f").metadata
        let document = try #require(try Fixture.json("gguf/patterns.json")[family]?.objectValue)
        let fields = JSONFields(file: "patterns.json", object: document, path: "")
        let read = try PreTokenizer(byteLevel: fields, file: "patterns.json")
        #expect(try read == PreTokenizer.family(of: metadata).preTokenizer)
    }

    @Test("SentencePiece's BPE merges by scores as llama.cpp does", arguments: [true, false])
    func scores(addsSpace: Bool) throws {
        var bytes = try Self.file("spm")
        let key = Array("tokenizer.ggml.add_space_prefix".utf8) + GGUFBytes.number(UInt32(7))
        let place = try #require(
            (0..<bytes.count - key.count).first {
                bytes[$0] == key[0] && bytes[$0..<$0 + key.count].elementsEqual(key)
            })
        bytes[place + key.count] = addsSpace ? 1 : 0
        let tokenizer = try Self.tokenizer(bytes)
        #expect(tokenizer.addsLeadingSpace == addsSpace)
        try check(tokenizer, addsSpace ? "spm.prefix" : "spm.bare")
    }

    @Test(
        "tokenizer.json of Llama 2, TinyLlama and Gemma is read as tokenizers reads it",
        arguments: kinds)
    func sentencePiece(kind: String) throws {
        let tokenizer = try Tokenizer(json: Self.sentencePieceJSON(kind))
        try check(tokenizer, "spm.\(kind)")
        #expect(tokenizer.addsLeadingSpace == (kind != "gemma"))
        let expected = try Fixture.json("gguf/expected.json")
        let texts = try #require(expected["texts"]?.objectValue?[kind]?.arrayValue)
        for (line, text) in zip(try Self.lines(), texts.compactMap(\.stringValue)) {
            var decoded = tokenizer.decode(tokenizer.encode(line), skippingSpecialTokens: false)
            if tokenizer.addsLeadingSpace, decoded.utf8.first == UInt8(ascii: " ") {
                decoded = String(decoding: decoded.utf8.dropFirst(), as: UTF8.self)
            }
            #expect(ExactString(decoded) == ExactString(text))
        }
    }

    /// The shared model with the parts of one kind.
    static func sentencePieceJSON(_ kind: String) throws -> [UInt8] {
        let heads = try #require(Fixture.json("gguf/expected.json")["heads"]?.objectValue)
        let head = try #require(heads[kind]?.stringValue)
        return Array("{\(head),\"model\":".utf8) + (try Fixture.bytes("gguf/spm.json")) + [0x7d]
    }

    @Test(
        "Tokens add the bytes that llama.cpp says, whole characters or parts",
        arguments: ["bpe", "spm"])
    func decoding(name: String) throws {
        let tokenizer = try Self.tokenizer(Self.file(name))
        let cases = try #require(Fixture.json("gguf/expected.json")["decode.\(name)"]?.arrayValue)
        #expect(cases.count == 120)
        for entry in cases.compactMap(\.arrayValue) {
            let tokens = try #require(entry[0].arrayValue).compactMap(\.integerValue).map(
                TokenID.init)
            let bytes = tokenizer.decodedBytes(tokens)
            let hex = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
            #expect(hex == entry[1].stringValue)
            var decoder = StreamingDecoder(tokenizer)
            let parts = tokens.map { decoder.append($0) }.joined() + decoder.finish()
            #expect(ExactString(parts) == ExactString(String(decoding: bytes, as: UTF8.self)))
        }
    }

    @Test("Every text is its tokens decoded, whatever bytes it has", arguments: ["bpe", "spm"])
    func roundTrip(name: String) throws {
        let tokenizer = try Self.tokenizer(Self.file(name))
        for line in try Self.lines() where !line.isEmpty && !line.contains("▁") {
            let decoded = tokenizer.decode(tokenizer.encode(line), skippingSpecialTokens: false)
            // Each stretch between user-defined tokens has a space of the tokenizer's own before it.
            if name == "bpe"
                || line.utf8.allSatisfy({ $0 != 10 }) && !line.contains("think>")
                    && !line.contains("    ")
            {
                let own = tokenizer.addsLeadingSpace ? " " : ""
                #expect(ExactString(decoded) == ExactString(own + line))
            }
        }
    }

    @Test("Names of control tokens in a text from people are text, whatever the file calls them")
    func controlTokens() throws {
        let spm = try Self.tokenizer(Self.file("spm"))
        let end = try #require(spm.token(named: "<|im_end|>"))
        #expect(spm.specialTokens.contains(end))
        #expect(!spm.encode("a<|im_end|>").contains(end))
        #expect(spm.encode("a<|im_end|>", parsingSpecialTokens: true).contains(end))
        let think = try #require(spm.token(named: "<think>"))
        #expect(spm.encode("a<think>").contains(think) && !spm.specialTokens.contains(think))
        #expect(spm.sequencePrefix.map(\.index) == [1] && spm.sequenceSuffix.isEmpty)
        let bpe = try Self.tokenizer(Self.file("bpe"))
        #expect(bpe.sequencePrefix.isEmpty)
        #expect(
            try Self.tokenizer(Self.file("bpe", pre: "llama3")).sequencePrefix.map(\.index) == [0])
        #expect(!bpe.encode("<|endoftext|>").contains(TokenID(0)))
        // A user-defined token that looks like a control token is one.
        var file = Self.tiny()
        file.set(
            "tokenizer.ggml.token_type", Self.tinyNames.map { $0.hasPrefix("<") ? 4 : 1 } as [Int32]
        )
        let tiny = try Self.tokenizer(file.bytes)
        #expect(tiny.specialTokens == [TokenID(3)])
    }

    @Test("A model stops at the tokens whose names say so, named by a key or not")
    func turnEnds() throws {
        for (kind, ends) in [(3, [4]), (4, [])] as [(Int32, [Int])] {
            var file = Self.tiny()
            file.set("tokenizer.ggml.token_type", [1, 1, 1, 1, kind, 1])
            let metadata = try GGUFModel(bytes: file.bytes, name: "f").metadata
            #expect(try TokenizerSource.turnEnds(metadata).map(\.index) == ends)
        }
        let spm = try GGUFModel(bytes: Self.file("spm"), name: "f").metadata
        let tokenizer = try Self.tokenizer(Self.file("spm"))
        let names = ["</s>", "<|im_end|>"].compactMap(tokenizer.token(named:))
        #expect(try TokenizerSource.turnEnds(spm) == names)
        #expect(
            try TokenizerSource.turnEnds(
                GGUFModel(bytes: GGUFBytes.small.bytes, name: "f").metadata
            ).isEmpty)
    }

    static let tinyNames = ["a", "b", "ab", "<|user|>", "</s>", "Ġ"]

    /// Keys of a small byte-level tokenizer without kinds of tokens.
    static func tiny(names: [String] = tinyNames, merges: [String] = ["a b"]) -> GGUFBytes {
        var file = GGUFBytes()
        file.set("tokenizer.ggml.model", "gpt2")
        file.set("tokenizer.ggml.pre", "gpt-2")
        file.set("tokenizer.ggml.tokens", names)
        file.set("tokenizer.ggml.merges", merges)
        return file
    }

    @Test("What is damaged, missing or unknown in a tokenizer is refused by its key")
    func refusals() throws {
        func refusal(_ change: @escaping (inout GGUFBytes) -> Void, rows: Int? = nil) -> String {
            var file = Self.tiny()
            change(&file)
            do {
                _ = try Self.tokenizer(file.bytes, embeddingRows: rows)
                return "accepted"
            } catch { return "\(error)" }
        }
        func remove(_ key: String) -> (inout GGUFBytes) -> Void {
            { file in file.keys.removeAll { $0.name == "tokenizer.ggml.\(key)" } }
        }
        #expect(refusal { _ in } == "accepted")
        #expect(try Self.tokenizer(Self.tiny().bytes).encode("abba").map(\.index) == [2, 1, 0])
        for key in ["model", "pre", "tokens", "merges"] {
            #expect(refusal(remove(key)).contains("the key tokenizer.ggml.\(key) is missing"))
        }
        #expect(refusal { $0.keys[0].value = GGUFBytes.text("bert") }.contains(#""bert""#))
        let unknown = refusal { $0.keys[1].value = GGUFBytes.text("nobody\u{1b}") }
        #expect(unknown.contains(#"nobody\u{1B}"#) && unknown.contains("smollm"))
        #expect(
            refusal { $0 = Self.tiny(names: ["a", "b", "a"]) }.contains("is the token 0 already"))
        #expect(refusal { $0 = Self.tiny(merges: ["a c"]) }.contains("merges[0]"))
        #expect(refusal { $0 = Self.tiny(merges: ["ab"]) }.contains("merges[0]"))
        #expect(
            refusal { $0.set("tokenizer.ggml.token_type", [1, 1] as [Int32]) }.contains(
                "token_type"))
        #expect(refusal { $0.set("tokenizer.ggml.eos_token_id", 6) }.contains("eos_token_id"))
        #expect(refusal({ _ in }, rows: 5).contains("5 rows"))
        let scored = { (file: inout GGUFBytes) in
            file.keys[0].value = GGUFBytes.text("llama")
            file.set("tokenizer.ggml.unknown_token_id", 1)
        }
        #expect(refusal(scored).contains("tokenizer.ggml.scores is missing"))
        for scores in [[1, 2], [0, 1, 2, 3, 4, .nan]] as [[Float]] {
            let text = refusal { file in
                scored(&file)
                file.set("tokenizer.ggml.scores", scores)
            }
            #expect(text.contains("tokenizer.ggml.scores"))
        }
        let bytes = refusal { file in
            file.keys[0].value = GGUFBytes.text("llama")
            file.set("tokenizer.ggml.scores", [0, 0, 0, 0, 0, 0] as [Float])
        }
        #expect(bytes.contains("no token for the byte"))
    }

    @Test("A long run of one letter takes seconds, by scores too", .timeLimit(.minutes(1)))
    func longRuns() throws {
        #if DEBUG
            let size = 1 << 17
        #else
            let size = 1 << 20
        #endif
        let tokenizer = try Self.tokenizer(Self.file("spm"))
        let run = String(repeating: "e", count: size)
        #expect(tokenizer.decode(tokenizer.encode(run)) == " " + run)
    }
}
