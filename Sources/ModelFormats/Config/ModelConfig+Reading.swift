extension ModelConfig {
    /// What sizes are accepted: several times the largest public models', so that products of sizes
    /// stay far below 2^63.
    enum Limit {
        static let vocabulary = 16_777_216
        static let hidden = 131_072
        static let intermediate = 1_048_576
        static let layers = 1_024
        static let heads = 2_048
        static let headSize = 4_096
        static let context = 16_777_216
        static let epsilons = 1e-12...0.1
    }

    /// What every family has, under its keys, then what only this one has.
    init(_ fields: ConfigFields, _ architecture: Architecture) throws(ModelFormatError) {
        let (keys, defaults) = (architecture.keys, architecture.defaults)
        family = architecture.family
        vocabularySize = try fields.vocabularySize(architecture)
        hiddenSize = try fields.size(keys.hidden, Limit.hidden)
        layerCount = try fields.size(keys.layers, Limit.layers)
        headCount = try fields.size(keys.heads, Limit.heads)
        contextLength = try fields.size(keys.context, Limit.context)
        let inner = defaults.innerFactor.map { [hiddenSize] in $0 * hiddenSize }
        intermediateSize =
            if let stated = try fields.integer(keys.intermediate, in: 1...Limit.intermediate) {
                stated
            } else if let inner {
                inner
            } else {
                try fields.size(keys.intermediate, Limit.intermediate)
            }
        keyValueHeadCount =
            try fields.integer(keys.keyValueHeads, in: 1...headCount) ?? headCount
        guard headCount % keyValueHeadCount == 0 else {
            throw fields.indivisible(keys.heads, headCount, keyValueHeadCount)
        }
        if let size = try fields.integer(keys.headSize, in: 2...Limit.headSize)
            ?? defaults.headSize
        {
            headSize = size
        } else {
            guard hiddenSize % headCount == 0 else {
                throw fields.indivisible(keys.hidden, hiddenSize, headCount)
            }
            headSize = hiddenSize / headCount
        }
        normEpsilon = Float(
            try fields.number(keys.epsilon, in: Limit.epsilons) ?? defaults.epsilon)
        rope = try RopeParameters(fields, keys.ropeTheta, fallback: defaults.ropeTheta)
        if rope != nil, headSize % 2 != 0 { throw fields.indivisible(keys.headSize, headSize, 2) }
        windowRope = nil
        rotarySize =
            try fields.integer(keys.rotarySize, in: 2...max(2, headSize)) ?? headSize
        guard rope == nil || rotarySize % 2 == 0 else {
            throw fields.indivisible(keys.rotarySize, rotarySize, 2)
        }
        if case .each(let factors)? = rope?.scaling, factors.count != rotarySize / 2 {
            throw .outOfBounds(
                file: fields.values.file, location: "tensor \"rope_freqs.weight\"",
                found: "\(factors.count) factors", allowed: "\(rotarySize / 2), one a pair",
                remedy: "Fetch the model again.")
        }
        windows = Array(repeating: nil, count: layerCount)
        attentionScale = 1 / Float(headSize).squareRoot()
        embeddingScale = 1
        isParallel = false
        tiesEmbeddings = try fields.ties(architecture)
        attentionBias = try fields.hasBias(
            architecture.attentionInput[0], keys.attentionBias, architecture,
            fallback: defaults.attentionBias)
        attentionOutputBias = try fields.hasBias(
            .attentionOutput, keys.attentionBias, architecture, fallback: defaults.attentionBias)
        mlpBias = try fields.hasBias(
            .down, keys.mlpBias, architecture, fallback: defaults.mlpBias)
        activation = try Activation(fields, keys.activation, fallback: defaults.activation)
        startOfText = try fields.tokens(keys.startOfText, vocabularySize).first
        endOfText = []
        for key in keys.endOfText {
            for token in try fields.tokens(key, vocabularySize) where !endOfText.contains(token) {
                endOfText.append(token)
            }
        }
        if let count = try fields.integer(keys.experts, in: 0...Limit.layers), count > 0 {
            throw fields.values.unsupported(
                fields.name(keys.experts) ?? "", "\(count)", supported: "dense models")
        }
        let value = try fields.integer(keys.valueSize, in: 1...Limit.headSize)
        if let value, value != headSize, let name = fields.name(keys.valueSize) {
            throw fields.values.unsupported(
                name, "\(value)", supported: "\(headSize), the size of keys")
        }
        try architecture.complete(&self, fields)
    }

    /// Whether a projection has a bias.
    public func hasBias(_ kind: ProjectionKind) -> Bool {
        switch kind {
        case .query, .key, .value, .queryKeyValue: attentionBias
        case .attentionOutput: attentionOutputBias
        case .gate, .up, .down: mlpBias
        }
    }
}

extension ModelConfig.Activation {
    init(
        _ fields: ConfigFields, _ key: ConfigKey, fallback: ModelConfig.Activation
    ) throws(ModelFormatError) {
        guard let name = fields.name(key), let found = try fields.values.string(name) else {
            self = fallback
            return
        }
        switch found {
        case "silu", "swish": self = .silu
        case "gelu_new", "gelu_pytorch_tanh", "gelu_fast", "gelu_accurate": self = .geluTanh
        case "gelu", "gelu_python": self = .gelu
        case "relu": self = .relu
        default:
            throw fields.values.unsupported(
                name, quoted(found), supported: "silu, gelu_new, gelu_pytorch_tanh, gelu, relu")
        }
    }
}

extension ConfigFields {
    /// A GGUF file's vocabulary is as large as its embedding; what it says of it may be absent.
    fileprivate func vocabularySize(
        _ architecture: Architecture
    ) throws(ModelFormatError) -> Int {
        guard case .gguf(_, let source, _) = kind else {
            return try size(architecture.keys.vocabulary, ModelConfig.Limit.vocabulary)
        }
        let embedding = try source.tensor(architecture.gguf.embedding + ".weight")
        guard let rows = embedding.shape.first, (1...ModelConfig.Limit.vocabulary).contains(rows)
        else {
            throw .outOfBounds(
                file: embedding.file, location: "the shape of tensor \(quoted(embedding.name))",
                found: "\(embedding.shape)",
                allowed: "[tokens, \(name(architecture.keys.hidden) ?? "")], at most "
                    + "\(ModelConfig.Limit.vocabulary) tokens", remedy: "Fetch the model again.")
        }
        return rows
    }

    fileprivate func ties(_ architecture: Architecture) throws(ModelFormatError) -> Bool {
        if case .gguf(_, let source, _) = kind {
            return !source.tensorNames.contains(architecture.gguf.head + ".weight")
        }
        return try bool(architecture.keys.ties) ?? architecture.defaults.ties
    }

    fileprivate func hasBias(
        _ kind: ProjectionKind, _ key: ConfigKey, _ architecture: Architecture, fallback: Bool
    ) throws(ModelFormatError) -> Bool {
        if case .gguf(_, let source, _) = self.kind {
            let name = architecture.gguf.projections[kind] ?? ""
            return source.tensorNames.contains(architecture.gguf.path(0, name) + ".bias")
        }
        return try bool(key) ?? fallback
    }

    /// A token or a list of tokens.
    ///
    /// Ids outside of the vocabulary name no row of the embedding and can neither be read nor
    /// made; small checkpoints keep such ids of their larger siblings, so they count as absent.
    fileprivate func tokens(
        _ key: ConfigKey, _ vocabularySize: Int
    ) throws(ModelFormatError) -> [TokenID] {
        guard let name = name(key) else { return [] }
        if case .huggingFace(let fields) = kind { return try fields.tokens(name, vocabularySize) }
        guard let index = try values.integer(name, in: Int.min...Int.max),
            (0..<vocabularySize).contains(index)
        else { return [] }
        return [TokenID(index)]
    }
}

extension JSONFields {
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
