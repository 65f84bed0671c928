/// Writes GGUF version 3 (llama.cpp's format), alignment 32, F32 tensors: enough for adapters and
/// control vectors. The same input gives the same bytes.
enum GGUFWriter {
    enum Value: Sendable {
        case text(String)
        case unsigned(UInt32)
        case float(Float)
    }

    struct Tensor: Sendable {
        var name: String
        /// As NumPy has it, row-major: the file lists it from the innermost dimension outwards.
        var shape: [Int]
        var values: [Float]
    }

    private static let alignment = 32

    /// - Precondition: Each tensor's values are as many as its shape says.
    static func serialize(
        _ metadata: [(key: String, value: Value)], _ tensors: [Tensor]
    ) -> [UInt8] {
        var bytes = Array("GGUF".utf8)
        append(UInt32(3), to: &bytes)
        append(UInt64(tensors.count), to: &bytes)
        append(UInt64(metadata.count), to: &bytes)
        for (key, value) in metadata {
            append(key, to: &bytes)
            switch value {
            case .unsigned(let number):
                append(UInt32(4), to: &bytes)
                append(number, to: &bytes)
            case .float(let number):
                append(UInt32(6), to: &bytes)
                append(number.bitPattern, to: &bytes)
            case .text(let text):
                append(UInt32(8), to: &bytes)
                append(text, to: &bytes)
            }
        }
        var offset = 0
        for tensor in tensors {
            precondition(
                tensor.values.count == tensor.shape.reduce(1, *), "values of the tensor's shape")
            append(tensor.name, to: &bytes)
            append(UInt32(tensor.shape.count), to: &bytes)
            for size in tensor.shape.reversed() { append(UInt64(size), to: &bytes) }
            // 0 is F32.
            append(UInt32(0), to: &bytes)
            append(UInt64(offset), to: &bytes)
            offset += padded(4 * tensor.values.count)
        }
        pad(&bytes)
        for tensor in tensors {
            tensor.values.withUnsafeBytes { bytes.append(contentsOf: $0) }
            pad(&bytes)
        }
        return bytes
    }

    private static func padded(_ count: Int) -> Int {
        (count + alignment - 1) / alignment * alignment
    }

    private static func pad(_ bytes: inout [UInt8]) {
        bytes += [UInt8](repeating: 0, count: padded(bytes.count) - bytes.count)
    }

    private static func append(_ text: String, to bytes: inout [UInt8]) {
        append(UInt64(text.utf8.count), to: &bytes)
        bytes += Array(text.utf8)
    }

    private static func append(_ number: some FixedWidthInteger, to bytes: inout [UInt8]) {
        withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
    }
}
