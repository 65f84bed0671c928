/// Which blocks of a family see a window of the text only, where `layer_types` does not say.
enum WindowRule: Sendable {
    /// All blocks; the size where the file does not state one, which an explicit null does (mistral).
    case all(fallback: Int)
    /// Those from `max_window_layers` on, if `use_sliding_window` is on (qwen2, qwen3).
    case upper
    /// All but each `sliding_window_pattern`th (gemma3).
    case pattern(period: Int)
}

extension ConfigFields {
    /// For each block how much it sees; nil: everything.
    ///
    /// A window that reaches over the whole context is none.
    func windows(
        _ rule: WindowRule, _ config: ModelConfig
    ) throws(ModelFormatError) -> [Int?] {
        let none = [Int?](repeating: nil, count: config.layerCount)
        let key = ConfigKey("sliding_window", "attention.sliding_window")
        var size = try integer(key, in: 1...ModelConfig.Limit.context)
        if case .all(let fallback) = rule, case .huggingFace(let json) = kind,
            json.object["sliding_window"] == nil
        {
            size = fallback
        }
        if case .upper = rule, try bool(ConfigKey("use_sliding_window", nil)) != true {
            return none
        }
        guard let size, size < config.contextLength else { return none }
        if let types = try layerTypes(config.layerCount) {
            return types.map { $0 ? size : nil }
        }
        switch rule {
        case .all: return none.map { _ in size }
        case .upper:
            let key = ConfigKey("max_window_layers", nil)
            let first = try integer(key, in: 0...ModelConfig.Limit.layers) ?? 28
            return none.indices.map { $0 >= first ? size : nil }
        case .pattern(let fallback):
            let key = ConfigKey(
                "sliding_window_pattern", "attention.sliding_window_pattern")
            let period = try integer(key, in: 1...ModelConfig.Limit.layers) ?? fallback
            return none.indices.map { ($0 + 1) % period == 0 ? nil : size }
        }
    }

    /// config.json's `layer_types`: whether each block has a window.
    private func layerTypes(_ count: Int) throws(ModelFormatError) -> [Bool]? {
        guard case .huggingFace(let json) = kind, let types = try json.array("layer_types") else {
            return nil
        }
        guard types.count == count else {
            throw .outOfBounds(
                file: json.file, location: "layer_types", found: "\(types.count) types",
                allowed: "\(count), one a block", remedy: "Correct the file.")
        }
        var isWindowed: [Bool] = []
        for type in types {
            switch type.stringValue {
            case "sliding_attention": isWindowed.append(true)
            case "full_attention": isWindowed.append(false)
            case let other:
                throw json.unsupported(
                    "layer_types", quoted(other ?? type.kind),
                    supported: "sliding_attention, full_attention")
            }
        }
        return isWindowed
    }
}
