import Testing

@testable import ModelFormats

@Suite("Streaming decoding")
struct StreamingDecoderTests {
    /// Some tokens of each kind: single bytes, which break characters, and any.
    private static func tokens(
        _ tokenizer: Tokenizer, _ generator: inout TestGenerator
    ) -> [TokenID] {
        let limit = Bool.random(using: &generator) ? 270 : tokenizer.vocabularySize
        return (0..<Int.random(in: 0...24, using: &generator)).map { _ in
            TokenID(Int.random(in: 0..<limit, using: &generator))
        }
    }

    @Test(
        "The parts put together are the whole, for any tokens",
        arguments: TokenizerParityTests.families)
    func concatenation(family: String) throws {
        let tokenizer = try Fixture.tokenizer(family)
        var generator = TestGenerator(seed: 11)
        for round in 0..<3_000 {
            let tokens = Self.tokens(tokenizer, &generator)
            let isSkipping = round % 2 == 0
            var decoder = StreamingDecoder(tokenizer, skippingSpecialTokens: isSkipping)
            var parts = ""
            for token in tokens { parts += decoder.append(token) }
            parts += decoder.finish()
            let whole = tokenizer.decode(tokens, skippingSpecialTokens: isSkipping)
            #expect(ExactString(parts) == ExactString(whole))
            #expect(!decoder.hasPendingBytes && decoder.finish().isEmpty)
        }
    }

    @Test(
        "A token's start is the place in the text of its first byte, broken characters or not",
        arguments: TokenizerParityTests.families)
    func starts(family: String) throws {
        let tokenizer = try Fixture.tokenizer(family)
        var generator = TestGenerator(seed: 13)
        var unfinished = 0
        for _ in 0..<1_500 {
            let tokens = Self.tokens(tokenizer, &generator)
            var decoder = StreamingDecoder(tokenizer)
            var bytes: [UInt8] = []
            for token in tokens {
                if decoder.hasPendingBytes { unfinished += 1 }
                let scalars = String(decoding: bytes, as: UTF8.self).unicodeScalars.count
                let before = decoder.hasPendingBytes ? scalars - 1 : scalars
                _ = decoder.append(token)
                let own = tokenizer.specialTokens.contains(token) ? [] : tokenizer.bytes(of: token)
                guard let first = own.first else {
                    #expect(decoder.tokenStart == before)
                    continue
                }
                let upToIt = String(decoding: bytes + [first], as: UTF8.self)
                #expect(decoder.tokenStart == upToIt.unicodeScalars.count - 1)
                bytes += own
            }
        }
        #expect(unfinished > 500)
    }

    @Test(
        "A text is never cut inside a character: no U+FFFD comes out that did not go in",
        arguments: TokenizerParityTests.families)
    func wholeCharacters(family: String) throws {
        let tokenizer = try Fixture.tokenizer(family)
        let text = "naïve 👩‍💻 的的 🇩🇪 e\u{301} \u{10ffff} 𝔘𝔫𝔦 한국어 ــ العربية\u{0}"
        var decoder = StreamingDecoder(tokenizer)
        for token in tokenizer.encode(text) {
            let part = decoder.append(token)
            #expect(!part.unicodeScalars.contains("\u{fffd}"))
        }
        #expect(!decoder.hasPendingBytes)
    }

    @Test("An unfinished character is held back, then given as U+FFFD")
    func unfinished() throws {
        let tokenizer = try Fixture.tokenizer("gpt2")
        func byte(_ value: UInt8) throws -> TokenID {
            try #require(tokenizer.token(named: String(ByteAlphabet.letters[Int(value)])))
        }
        var decoder = StreamingDecoder(tokenizer)
        #expect(try decoder.append(byte(0xf0)).isEmpty)
        #expect(try decoder.append(byte(0x9f)).isEmpty)
        #expect(try decoder.append(byte(0x98)).isEmpty)
        #expect(decoder.hasPendingBytes)
        #expect(try decoder.append(byte(0x80)) == "😀")
        #expect(try decoder.append(byte(0xe2)).isEmpty)
        #expect(try decoder.append(byte(0x41)) == "\u{fffd}A")
        // A surrogate's second byte is refused at once; waiting for a third would be in vain.
        #expect(try decoder.append(byte(0xed)).isEmpty)
        #expect(try decoder.append(byte(0xa0)) == "\u{fffd}\u{fffd}")
        #expect(try decoder.append(byte(0xc3)).isEmpty)
        #expect(decoder.finish() == "\u{fffd}")
    }

    @Test("Every sequence of up to four bytes of interest is held back exactly while it may grow")
    func prefixes() {
        let interesting: [UInt8] = [
            0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0,
            0xe1,
            0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff,
        ]
        var sequences: [[UInt8]] = [[]]
        for _ in 0..<3 { sequences += sequences.flatMap { s in interesting.map { s + [$0] } } }
        for bytes in Set(sequences) {
            let held = StreamingDecoder.unfinishedCount(bytes)
            let whole = String(decoding: bytes, as: UTF8.self)
            let body = String(decoding: bytes[..<(bytes.count - held)], as: UTF8.self)
            let tail = held > 0 ? "\u{fffd}" : ""
            #expect(ExactString(body + tail) == ExactString(whole))
            // What is held can be completed to one character by some continuation.
            guard held > 0 else { continue }
            let start = Array(bytes[(bytes.count - held)...])
            let completions = [
                [0x80], [0x80, 0x80], [0xa0, 0x80], [0x80, 0x80, 0x80], [0x90, 0x80, 0x80],
            ]
            let isCompletable = completions.contains { completion in
                let text = start + completion.map { UInt8($0) }
                return String(validating: text, as: UTF8.self)?.unicodeScalars.count == 1
            }
            #expect(isCompletable)
        }
    }
}
