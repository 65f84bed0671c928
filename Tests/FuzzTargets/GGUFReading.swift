import ModelFormats

enum GGUFReading {
    static func read(_ input: [UInt8]) throws -> Bool {
        guard let model = try? GGUFModel(bytes: input, name: "input") else { return false }
        for name in model.tensorNames.sorted() {
            let tensor = try must("tensor \(name)") { try model.tensor(name) }
            let byteCount = tensor.withUnsafeBytes { $0.count }
            try expect(byteCount <= input.count, "tensor \(name) is larger than its file")
            guard tensor.encoding != nil else { continue }
            _ = tensor.hasOnlyFiniteValues()
            try expect(tensor.floats().count == tensor.count, "tensor \(name) has another count")
        }
        _ = try? model.config()
        _ = try? model.chatTemplates()
        guard let tokenizer = try? model.tokenizer(embeddingRows: nil) else { return true }
        let texts = [Array(TokenizerReading.text.utf8), input]
        try TokenizerReading.use(tokenizer, texts)
        let rows = max(1, tokenizer.vocabularySize - 1)
        try expect(
            (try? model.tokenizer(embeddingRows: rows)) == nil || tokenizer.vocabularySize == 1,
            "a token has no row")
        return true
    }

    static func seeds() -> [[UInt8]] {
        let letters = ["a", "b", "c", "ab", "abc", "Ġ", "Ġab", "1", "<|x|>", "<y>"]
        var bytes = FileBytes()
        bytes.put("general.architecture", "llama")
        bytes.put("llama.block_count", 1)
        bytes.put("llama.embedding_length", 32)
        bytes.put("llama.feed_forward_length", 32)
        bytes.put("llama.attention.head_count", 2)
        bytes.put("llama.context_length", 64)
        bytes.put("tokenizer.ggml.model", "gpt2")
        bytes.put("tokenizer.ggml.pre", "smollm")
        bytes.put("tokenizer.ggml.tokens", letters)
        bytes.put("tokenizer.ggml.token_type", [1, 1, 1, 1, 1, 1, 1, 1, 3, 4])
        bytes.put("tokenizer.ggml.merges", ["a b", "ab c", "Ġ ab"])
        bytes.put("tokenizer.ggml.bos_token_id", 8)
        bytes.put("tokenizer.chat_template", "{{ messages }}")
        var pieces = FileBytes()
        let names = (0...255).map { (byte: UInt8) in
            let digits = String(byte, radix: 16, uppercase: true)
            return "<0x" + (byte < 16 ? "0" : "") + digits + ">"
        }
        pieces.put("tokenizer.ggml.model", "llama")
        pieces.put("tokenizer.ggml.tokens", names + ["▁", "a", "▁a", "e", "é", "<s>", "\n\n"])
        pieces.put(
            "tokenizer.ggml.scores",
            scores: [Float](repeating: 0, count: 256) + [-1, -3, -2, -4, -5, 0, 0])
        pieces.put(
            "tokenizer.ggml.token_type", [Int32](repeating: 6, count: 256) + [1, 1, 1, 1, 1, 3, 4])
        pieces.put("tokenizer.ggml.bos_token_id", 261)
        var tensors = FileBytes()
        tensors.put("general.alignment", 8)
        tensors.put("split.count", 1)
        // Nested arrays: [[1, 2]] of bytes.
        tensors.put(
            "nested", type: 9,
            [9, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1, 2])
        for (index, type) in ([0, 1, 30, 2, 8, 26] as [UInt32]).enumerated() {
            tensors.put(
                "t\(index)", dimensions: [32, 1], type: type,
                byteCount: [128, 64, 64, 18, 34, 0][index])
        }
        return [bytes.file(version: 3), pieces.file(version: 2), tensors.file(version: 3)]
    }
}

/// The parts of a GGUF file of alignment 8, put together.
private struct FileBytes {
    private var keys: [UInt8] = []
    private var keyCount: UInt64 = 0
    private var table: [UInt8] = []
    private var tensorCount: UInt64 = 0
    private var data: [UInt8] = []

    mutating func put(_ key: String, type: UInt32, _ value: [UInt8]) {
        keys += Self.text(key) + Self.number(type) + value
        keyCount += 1
    }

    mutating func put(_ key: String, _ text: String) { put(key, type: 8, Self.text(text)) }
    mutating func put(_ key: String, _ value: UInt32) { put(key, type: 4, Self.number(value)) }
    mutating func put(_ key: String, _ texts: [String]) {
        put(key, type: 9, Self.array(8, texts.map(Self.text)))
    }
    mutating func put(_ key: String, _ numbers: [Int32]) {
        put(key, type: 9, Self.array(5, numbers.map { Self.number($0) }))
    }
    mutating func put(_ key: String, scores numbers: [Float]) {
        put(key, type: 9, Self.array(6, numbers.map { Self.number($0.bitPattern) }))
    }

    mutating func put(_ name: String, dimensions: [UInt64], type: UInt32, byteCount: Int) {
        table += Self.text(name) + Self.number(UInt32(dimensions.count))
        for size in dimensions { table += Self.number(size) }
        table += Self.number(type) + Self.number(UInt64(data.count))
        data += (0..<(byteCount + 7) / 8 * 8).map { UInt8($0 % 61) }
        tensorCount += 1
    }

    func file(version: UInt32) -> [UInt8] {
        var file = Array("GGUF".utf8) + Self.number(version) + Self.number(tensorCount)
        file += Self.number(keyCount) + keys + table
        while file.count % 8 != 0 { file.append(0) }
        return file + data
    }

    private static func array(_ type: UInt32, _ elements: [[UInt8]]) -> [UInt8] {
        number(type) + number(UInt64(elements.count)) + elements.joined()
    }

    private static func text(_ text: String) -> [UInt8] {
        number(UInt64(text.utf8.count)) + Array(text.utf8)
    }

    private static func number(_ value: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }
}
