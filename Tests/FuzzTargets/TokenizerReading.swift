import ModelFormats

enum TokenizerReading {
    private static let text =
        "A heron's 12345 eels,\n\n\tna\u{ef}ve  cafe\u{301} <|x|> 한\u{11a8} \u{1f600}  "

    static func read(_ input: [UInt8]) throws -> Bool {
        let (json, tail) = parts(of: input)
        guard let tokenizer = try? Tokenizer(json: json) else { return false }
        for bytes in [Array(text.utf8), tail ?? json] {
            for parsesSpecialTokens in [true, false] {
                try check(tokenizer, bytes, parsesSpecialTokens)
            }
        }
        try checkTemplate(of: tokenizer)
        // With a row less than it needs it is refused, or does without the last token.
        let rows = max(1, tokenizer.vocabularySize - 1)
        if let cut = try? Tokenizer(json: json, embeddingRows: rows) {
            try expect(cut.vocabularySize <= rows, "a token has no row")
            for parsesSpecialTokens in [true, false] {
                try check(cut, tail ?? Array(text.utf8), parsesSpecialTokens)
            }
            try checkTemplate(of: cut)
        }
        return true
    }

    private static func checkTemplate(of tokenizer: Tokenizer) throws {
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
        ]
    }

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
