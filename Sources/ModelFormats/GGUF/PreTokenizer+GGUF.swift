extension PreTokenizer {
    /// A family of byte-level tokenizers, as `tokenizer.ggml.pre` names it.
    struct Family {
        let splits: [SplitPattern]
        /// A piece that is a token as a whole is not merged.
        var ignoresMerges = false
        /// Whether a start token goes before a text where the file does not say.
        var addsStart = false

        var preTokenizer: PreTokenizer {
            PreTokenizer(splits: splits, splitsLikeGPT2: false)
        }
    }

    /// The names that llama.cpp's converter gives the tokenizers it knows, in groups of one pattern.
    ///
    /// Left out are the tokenizers of encoders, and patterns that `SplitPattern` does not have:
    /// bloom and its kin, deepseek-llm, chameleon, exaone-moe, superbpe, tiny_aya, kimi-k2 …
    private static let groups: [(names: [String], family: Family)] = [
        (
            [
                "gpt-2", "phi-2", "mpt", "olmo", "jais", "trillion", "granite-docling", "exaone4",
                "gigachat", "a.x-4.0", "mellum",
            ], Family(splits: [.gpt2])
        ),
        (
            [
                "smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b",
                "mellum2",
            ], Family(splits: [.digits(individual: true), .gpt2])
        ),
        (
            [
                "llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0",
                "lfm2",
            ],
            Family(splits: [.llama3(digitsAPiece: 3)], ignoresMerges: true, addsStart: true)
        ),
        (["dbrx", "smaug-bpe", "chatglm-bpe"], Family(splits: [.llama3(digitsAPiece: 3)])),
        (["glm4", "glm5"], Family(splits: [.llama3(digitsAPiece: 3)], ignoresMerges: true)),
        (
            [
                "qwen2", "deepseek-r1-qwen", "stablelm2", "hunyuan", "megrez", "kormo",
                "solar-open", "grok-2",
            ], Family(splits: [.llama3(digitsAPiece: 1)])
        ),
        (["qwen35"], Family(splits: [.llama3(digitsAPiece: 1, joinsMarks: true)])),
        (
            ["tekken"],
            Family(
                splits: [.cased(digitsAPiece: 1, keepsContractions: false)], ignoresMerges: true,
                addsStart: true)
        ),
        (
            ["gpt-4o", "llama4", "kanana2"],
            Family(splits: [.cased(digitsAPiece: 3, keepsContractions: true)])
        ),
        (
            ["deepseek-v3", "hunyuan-dense", "joyai-llm"],
            Family(splits: [.runs(of: .number, atMost: 3), .runs(of: .japanese), .deepSeek3])
        ),
        (
            ["deepseek-coder"],
            Family(splits: [
                .runs(of: .newline, atMost: 1), .runs(of: .letter, takesSpace: true),
                .runs(of: .punctuation, takesSpace: true), .runs(of: .eastern),
                .digits(individual: true),
            ])
        ),
        (["falcon"], Family(splits: [.runs(of: [.sign, .backtick]), .gpt2, .threeDigits])),
        (
            ["default"],
            Family(splits: [
                .runs(of: .sign), .gpt2, .digits(individual: false), .threeDigits,
            ])
        ),
    ]

    /// The family that a file names.
    ///
    /// A family that is guessed would cut words where the model has never seen them cut, and nothing
    /// would say so: an unknown one is refused.
    static func family(of metadata: GGUFMetadata) throws(ModelFormatError) -> Family {
        let key = "tokenizer.ggml.pre"
        let name = try metadata.require(key, try metadata.string(key))
        guard let group = groups.first(where: { $0.names.contains(name) }) else {
            throw .unsupported(
                file: metadata.file, found: "\(key) = \(quoted(name))",
                supported: groups.flatMap(\.names).sorted().joined(separator: ", "),
                remedy: "Use the model's Hugging Face folder, whose tokenizer.json says it all.")
        }
        return group.family
    }
}
