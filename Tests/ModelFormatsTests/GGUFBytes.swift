/// A GGUF file as a test puts it together, byte by byte, right or wrong.
struct GGUFBytes {
    var version: UInt32 = 3
    var magic = Array("GGUF".utf8)
    var keys: [(name: String, type: UInt32, value: [UInt8])] = []
    /// Name, dimensions as the file has them (innermost first), type, offset.
    var tensors: [(name: String, dimensions: [UInt64], type: UInt32, offset: UInt64)] = []
    var data: [UInt8] = []
    var alignment = 32
    var keyCount: UInt64?
    var tensorCount: UInt64?

    var bytes: [UInt8] {
        var bytes = magic + Self.number(version)
        bytes += Self.number(tensorCount ?? UInt64(tensors.count))
        bytes += Self.number(keyCount ?? UInt64(keys.count))
        for key in keys { bytes += Self.text(key.name) + Self.number(key.type) + key.value }
        for tensor in tensors {
            bytes += Self.text(tensor.name) + Self.number(UInt32(tensor.dimensions.count))
            for size in tensor.dimensions { bytes += Self.number(size) }
            bytes += Self.number(tensor.type) + Self.number(tensor.offset)
        }
        while bytes.count % alignment != 0 { bytes.append(0) }
        return bytes + data
    }

    mutating func set(_ name: String, _ text: String) { keys.append((name, 8, Self.text(text))) }
    mutating func set(_ name: String, _ value: UInt32) {
        keys.append((name, 4, Self.number(value)))
    }
    mutating func set(_ name: String, _ value: Bool) { keys.append((name, 7, [value ? 1 : 0])) }
    mutating func set(_ name: String, number value: Float) {
        keys.append((name, 6, Self.number(value.bitPattern)))
    }
    mutating func set(_ name: String, _ values: [String]) {
        let elements = values.flatMap(Self.text)
        keys.append(
            (name, 9, Self.number(UInt32(8)) + Self.number(UInt64(values.count)) + elements))
    }
    mutating func set(_ name: String, _ values: [Float]) {
        let elements = values.flatMap { Self.number($0.bitPattern) }
        keys.append(
            (name, 9, Self.number(UInt32(6)) + Self.number(UInt64(values.count)) + elements))
    }
    mutating func set(_ name: String, _ values: [Int32]) {
        let elements = values.flatMap { Self.number($0) }
        keys.append(
            (name, 9, Self.number(UInt32(5)) + Self.number(UInt64(values.count)) + elements))
    }

    static func number(_ value: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }

    static func text(_ text: String) -> [UInt8] {
        number(UInt64(text.utf8.count)) + Array(text.utf8)
    }

    /// A small model: two tensors that are weights, one of a type that is none, all kinds of values.
    static var small: GGUFBytes {
        var file = GGUFBytes()
        file.set("general.architecture", "llama")
        file.set("general.alignment", 32)
        file.set("llama.block_count", 2)
        file.set("llama.rope.freq_base", number: 10_000)
        file.set("flag", true)
        file.set("words", ["a", "", "bc"])
        file.keys.append(
            (
                "nested", 9,
                number(UInt32(9)) + number(UInt64(1)) + number(UInt32(0)) + number(UInt64(2)) + [
                    1, 2,
                ]
            ))
        file.keys.append(("huge", 10, number(UInt64.max)))
        file.tensors = [
            ("a", [2, 3], 0, 0), ("q", [64, 2], 2, 32), ("ids", [4], 26, 128),
        ]
        file.data = (0..<144).map { UInt8($0) }
        return file
    }
}
