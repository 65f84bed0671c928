extension ModelConfig {
    /// The five sizes that every family has, under its own names, each within its limit.
    ///
    /// The limits are several times the largest public models'; their products stay far below
    /// 2^63.
    struct Shape {
        static let maximumVocabulary = 16_777_216
        static let maximumHidden = 131_072
        static let maximumIntermediate = 1_048_576
        static let maximumLayers = 1_024
        static let maximumHeads = 2_048
        static let maximumHeadSize = 4_096
        static let epsilons = 1e-12...0.1

        let vocabulary: Int
        let hidden: Int
        let layers: Int
        let heads: Int
        let context: Int

        init(
            _ fields: JSONFields, vocabulary: String, hidden: String, layers: String, heads: String,
            context: String
        ) throws(ModelFormatError) {
            func size(_ key: String, _ limit: Int) throws(ModelFormatError) -> Int {
                try fields.require(key, try fields.integer(key, in: 1...limit))
            }
            self.vocabulary = try size(vocabulary, Self.maximumVocabulary)
            self.hidden = try size(hidden, Self.maximumHidden)
            self.layers = try size(layers, Self.maximumLayers)
            self.heads = try size(heads, Self.maximumHeads)
            self.context = try size(context, ModelConfig.maximumContextLength)
        }

        /// `hidden`/`heads`, which must divide.
        func headSize(_ fields: JSONFields, _ key: String) throws(ModelFormatError) -> Int {
            guard hidden % heads == 0 else { throw fields.indivisible(key, hidden, heads) }
            return hidden / heads
        }
    }
}

extension ModelConfig.Activation {
    init(
        _ fields: JSONFields, _ key: String, fallback: ModelConfig.Activation
    ) throws(ModelFormatError) {
        switch try fields.string(key) {
        case nil: self = fallback
        case "silu", "swish": self = .silu
        case "gelu_new", "gelu_pytorch_tanh", "gelu_fast", "gelu_accurate": self = .geluTanh
        case "gelu", "gelu_python": self = .gelu
        case "relu": self = .relu
        case let other?:
            throw fields.unsupported(
                key, quoted(other), supported: "silu, gelu_new, gelu_pytorch_tanh, gelu, relu")
        }
    }
}

extension JSONFields {
    func indivisible(_ key: String, _ value: Int, _ divisor: Int) -> ModelFormatError {
        .outOfBounds(
            file: file, location: path + key, found: "\(value)",
            allowed: "a multiple of \(divisor)", remedy: "Correct the file.")
    }

    /// A token or a list of tokens.
    ///
    /// Ids outside of the vocabulary name no row of the embedding and can neither be read nor
    /// made; small checkpoints keep such ids of their larger siblings, so they count as absent.
    func tokens(_ key: String, _ vocabularySize: Int) throws(ModelFormatError) -> [TokenID] {
        guard let value = self[key] else { return [] }
        let values = value.arrayValue ?? [value]
        guard values.count <= 1_024 else {
            throw .outOfBounds(
                file: file, location: path + key, found: "\(values.count) tokens",
                allowed: "at most 1024", remedy: "Correct the file.")
        }
        var tokens: [TokenID] = []
        for value in values {
            guard let index = value.integerValue else {
                throw wrongType(key, value, expected: "a token's index or a list of them")
            }
            guard index >= 0, index < vocabularySize else { continue }
            tokens.append(TokenID(index))
        }
        return tokens
    }
}
