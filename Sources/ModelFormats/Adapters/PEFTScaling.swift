/// What `adapter_config.json` says of ranks and scales, with everything refused that would make
/// the adapter more than B·A at its projections.
struct PEFTScaling {
    private let rank: Int
    private let alpha: Double
    private let dividesByRoot: Bool
    private let ranks: [(key: ModuleKey, value: Int)]
    private let alphas: [(key: ModuleKey, value: Double)]

    /// Most keys are plain names, which need no matcher.
    private enum ModuleKey {
        /// Letters, digits and underscores, and dots, each of which stands for any character.
        case name([UInt8])
        case pattern(ModulePattern)
    }

    private static let file = PEFTAdapter.configName
    private static let ranksAllowed = 1...LowRankDelta.maximumRank
    private static let alphasAllowed = 1e-6...1e6

    /// Keys that say nothing about what the adapter computes once it is trained; the tensors' own
    /// names say which modules they change.
    private static let inert: Set = [
        "task_type", "auto_mapping", "peft_version", "base_model_name_or_path", "revision",
        "inference_mode", "target_modules", "exclude_modules", "lora_dropout", "fan_in_fan_out",
        "layers_to_transform", "layers_pattern", "megatron_core", "eva_config", "runtime_config",
        "qalora_group_size", "ensure_weight_tying", "lora_ga_config",
    ]
    private static let read: Set = [
        "peft_type", "r", "lora_alpha", "bias", "use_rslora", "rank_pattern", "alpha_pattern",
        "init_lora_weights",
    ]
    /// Initialisations that leave the base model as it is.
    private static let harmlessStarts: Set = ["gaussian", "eva", "orthogonal"]

    /// A configuration with a rank and an alpha for each of 1,000 modules takes a tenth of it. A
    /// file of small objects takes many times its bytes once it is parsed.
    private static let maximumBytes = 1 << 20

    init(_ json: [UInt8]) throws(ModelFormatError) {
        guard json.count <= Self.maximumBytes else {
            throw .outOfBounds(
                file: Self.file, location: "the file's size", found: "\(json.count) bytes",
                allowed: "at most \(Self.maximumBytes) bytes",
                remedy: "Only r, lora_alpha and their patterns are read: leave the rest out.")
        }
        let fields = try JSONFields(bytes: json, file: Self.file)
        guard let type = try fields.string("peft_type") else { throw fields.missing("peft_type") }
        func refuse(_ key: String, _ found: String, _ supported: String) -> ModelFormatError {
            .unsupported(
                file: Self.file, found: "\(key) = \(found)", supported: supported,
                remedy: "Only plain LoRA can be imported.")
        }
        guard type == "LORA" else { throw refuse("peft_type", quoted(type), "LORA") }
        let bias = try fields.string("bias") ?? "none"
        guard bias == "none" else { throw refuse("bias", quoted(bias), "none") }
        for (key, value) in fields.object.members
        where !Self.inert.contains(key) && !Self.read.contains(key) && !value.isOff {
            throw refuse(quoted(key), value.kind, "this key absent, null, false or empty")
        }
        if let start = fields["init_lora_weights"] {
            if let name = start.stringValue {
                // Others, such as PiSSA, take a part of the base model away first.
                guard Self.harmlessStarts.contains(name) else {
                    throw refuse(
                        "init_lora_weights", quoted(name),
                        "true, false, \(Self.harmlessStarts.sorted().joined(separator: ", "))")
                }
            } else if start.boolValue == nil {
                throw fields.wrongType("init_lora_weights", start, expected: "true or false")
            }
        }
        rank = try fields.require("r", try fields.integer("r", in: Self.ranksAllowed))
        alpha = try fields.require(
            "lora_alpha", try fields.number("lora_alpha", in: Self.alphasAllowed))
        dividesByRoot = try fields.bool("use_rslora") ?? false
        ranks = try Self.pattern(fields, "rank_pattern") { inner, key throws(ModelFormatError) in
            try inner.integer(key, in: Self.ranksAllowed)
        }
        alphas = try Self.pattern(fields, "alpha_pattern") { inner, key throws(ModelFormatError) in
            try inner.number(key, in: Self.alphasAllowed)
        }
    }

    /// r and the factor α/r (or α/√r) of the module at a path.
    func rankAndScale(of path: String) -> (rank: Int, scale: Float) {
        let rank = Self.match(ranks, path) ?? rank
        let alpha = Self.match(alphas, path) ?? alpha
        let divisor = dividesByRoot ? Double(rank).squareRoot() : Double(rank)
        return (rank, Float(alpha / divisor))
    }

    /// The members of a pattern object in the file's order, which is the order they are tried in.
    private static func pattern<Value>(
        _ fields: JSONFields, _ key: String,
        _ value: (JSONFields, String) throws(ModelFormatError) -> Value?
    ) throws(ModelFormatError) -> [(key: ModuleKey, value: Value)] {
        guard let inner = try fields.fields(key) else { return [] }
        var members: [(key: ModuleKey, value: Value)] = []
        var size = 0
        for (name, _) in inner.object.members {
            let moduleKey = try Self.moduleKey(name, of: key, in: fields)
            if case .pattern(let pattern) = moduleKey { size += pattern.size }
            guard size <= patternSizeAllowed else {
                throw .outOfBounds(
                    file: file, location: key, found: "regular expressions of \(size) steps",
                    allowed: "\(patternSizeAllowed) together",
                    remedy: "Write names of modules in place of them.")
            }
            members.append((moduleKey, try inner.require(name, try value(inner, name))))
        }
        return members
    }

    /// What matching all regular expressions of an object may cost a byte of a module's path.
    private static let patternSizeAllowed = 4_096

    private static func moduleKey(
        _ name: String, of key: String, in fields: JSONFields
    ) throws(ModelFormatError) -> ModuleKey {
        let dot = UInt8(ascii: ".")
        if !name.isEmpty, name.utf8.count <= ModulePattern.maximumBytes,
            name.utf8.allSatisfy({ $0 == dot || ByteClass.word.contains($0) })
        {
            return .name(Array(name.utf8))
        }
        do {
            return .pattern(try ModulePattern(name))
        } catch {
            throw .unsupported(
                file: fields.file, found: "\(key) with \(quoted(name)), which \(error.reason),",
                supported: "names of modules and regular expressions without look-around, "
                    + "back-references and flags",
                remedy: "Write one entry for each module.")
        }
    }

    /// The value of the first key that is the path, or ends it after a dot.
    private static func match<Value>(_ members: [(key: ModuleKey, value: Value)], _ path: String)
        -> Value?
    {
        let bytes = Array(path.utf8)
        let dot = UInt8(ascii: ".")
        return members.first { member in
            switch member.key {
            case .pattern(let pattern): return pattern.matches(path)
            case .name(let name):
                let start = bytes.count - name.count
                guard start == 0 || start > 0 && bytes[start - 1] == dot else { return false }
                return zip(name, bytes[start...]).allSatisfy { $0 == dot || $0 == $1 }
            }
        }?.value
    }
}

extension JSONValue {
    /// Null, false, an empty array or an empty object: an option that is not used.
    fileprivate var isOff: Bool {
        switch self {
        case .null: true
        case .bool(let value): !value
        case .array(let values): values.isEmpty
        case .object(let object): object.members.isEmpty
        default: false
        }
    }
}
