import ModelFormats

enum TokenizerReading {
    static let text =
        "A heron's 12345 eels,\n\n\tna\u{ef}ve  cafe\u{301} <|x|> 한\u{11a8} \u{1f600}  "

    static func read(_ input: [UInt8]) throws -> Bool {
        let (json, tail) = parts(of: input)
        guard let tokenizer = try? Tokenizer(json: json) else { return false }
        try use(tokenizer, [Array(text.utf8), tail ?? json])
        // With a row less than it needs it is refused, or does without the last token.
        let rows = max(1, tokenizer.vocabularySize - 1)
        if let cut = try? Tokenizer(json: json, embeddingRows: rows) {
            try expect(cut.vocabularySize <= rows, "a token has no row")
            try use(cut, [tail ?? Array(text.utf8)])
        }
        return true
    }

    /// What must hold of any tokenizer that was accepted.
    static func use(_ tokenizer: Tokenizer, _ texts: [[UInt8]]) throws {
        for bytes in texts {
            for parsesSpecialTokens in [true, false] {
                try check(tokenizer, bytes, parsesSpecialTokens)
            }
        }
        let template = tokenizer.sequencePrefix + tokenizer.sequenceSuffix
        try expect(template.allSatisfy(tokenizer.knows), "the template names an unknown token")
    }

    private static func check(
        _ tokenizer: Tokenizer, _ bytes: [UInt8], _ parsesSpecialTokens: Bool
    ) throws {
        let tokens = tokenizer.encode(bytes: bytes, parsingSpecialTokens: parsesSpecialTokens)
        try expect(tokens.allSatisfy(tokenizer.knows), "a token is outside the vocabulary")
        for skips in [true, false] {
            let whole = tokenizer.decode(tokens, skippingSpecialTokens: skips)
            var decoder = StreamingDecoder(tokenizer, skippingSpecialTokens: skips)
            var streamed = ""
            for token in tokens { streamed += decoder.append(token) }
            streamed += decoder.finish()
            try expect(
                streamed.utf8.elementsEqual(whole.utf8), "streaming decodes to another text")
        }
    }

    static func seeds() -> [[UInt8]] {
        let gpt2 = #"{"type":"ByteLevel","add_prefix_space":false,"use_regex":true}"#
        let bare = #"{"type":"ByteLevel","add_prefix_space":true,"use_regex":false}"#
        let llama =
            #"{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"#
            + #""(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|"#
            + #" ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"},"#
            + #""behavior":"Isolated","invert":false},\#(bare)]}"#
        let digits =
            #"{"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":true},"#
            + gpt2 + "]}"
        return [
            seed(gpt2, normalizer: "null", ignoresMerges: false, tail: "the heron <|x|> "),
            seed(llama, normalizer: #"{"type":"NFC"}"#, ignoresMerges: true, tail: "e\u{301} 12"),
            seed(digits, normalizer: "null", ignoresMerges: false, tail: "a1b22 <y> z"),
            sentencePiece,
        ]
    }

    /// Characters with byte fallback, as Llama 2 has it, and Metaspace beside.
    private static let sentencePiece =
        Array(
            #"""
            {"added_tokens":[{"id":8,"content":"<s>","special":true,"normalized":false}],
            "normalizer":{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},
            {"type":"Replace","pattern":{"String":" "},"content":"▁"}]},
            "pre_tokenizer":{"type":"Metaspace","replacement":"▁","prepend_scheme":"first","split":true},
            "decoder":{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},
            "content":" "},{"type":"ByteFallback"},{"type":"Fuse"},
            {"type":"Strip","content":" ","start":1,"stop":0}]},
            "model":{"type":"BPE","unk_token":"?","fuse_unk":true,"byte_fallback":true,
            "vocab":{"?":0,"▁":1,"t":2,"h":3,"th":4,"▁th":5,"<0xC3>":6,"<0xA9>":7},
            "merges":["t h",["▁","th"]]}}
            """#.utf8) + [0] + Array("the thé".utf8)

    /// A small vocabulary with merges, an unknown token and two added tokens.
    private static func seed(
        _ preTokenizer: String, normalizer: String, ignoresMerges: Bool, tail: String
    ) -> [UInt8] {
        let json = """
            {"version":"1.0","added_tokens":[{"id":9,"content":"<|x|>","special":true,
            "lstrip":true,"rstrip":false,"single_word":false,"normalized":false},{"id":10,
            "content":"<y>","special":false,"lstrip":false,"rstrip":true,"single_word":true,
            "normalized":true}],"normalizer":\(normalizer),"pre_tokenizer":\(preTokenizer),
            "post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":
            {"id":"<|x|>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],"special_tokens":
            {"<|x|>":{"id":"<|x|>","ids":[9],"tokens":["<|x|>"]}}},
            "decoder":{"type":"ByteLevel"},"model":{"type":"BPE","unk_token":"?","fuse_unk":true,
            "ignore_merges":\(ignoresMerges),"vocab":{"?":0,"t":1,"h":2,"e":3,"Ġ":4,"th":5,
            "the":6,"Ì":7,"ģ":8,"Ġthe":11},"merges":["t h","th e",["Ġ","the"]]}}
            """
        return Array(json.utf8) + [0] + Array(tail.utf8)
    }
}

extension Tokenizer {
    fileprivate func knows(_ token: TokenID) -> Bool {
        (0..<vocabularySize).contains(token.index)
    }
}
