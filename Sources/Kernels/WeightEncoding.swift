/// How the elements of a stored weight are written: plain numbers, or blocks of quantised ones in
/// the layouts of ggml (`ggml-common.h`), as GGUF files have them.
///
/// The elements of a block lie along the inputs, so a quantised row is a whole number of blocks.
public enum WeightEncoding: CaseIterable, Sendable {
    case float32, float16, bfloat16
    // The names that files and people use.
    // swift-format-ignore: AlwaysUseLowerCamelCase
    case q4_0, q4_1, q5_0, q5_1, q8_0
    // swift-format-ignore: AlwaysUseLowerCamelCase
    case q4_K, q5_K, q6_K

    /// Elements a block; 1 for plain numbers.
    public var blockElements: Int {
        switch self {
        case .float32, .float16, .bfloat16: 1
        case .q4_0, .q4_1, .q5_0, .q5_1, .q8_0: 32
        case .q4_K, .q5_K, .q6_K: 256
        }
    }

    /// Bytes a block.
    public var blockBytes: Int {
        switch self {
        case .float32: 4
        case .float16, .bfloat16: 2
        case .q4_0: 18
        case .q4_1: 20
        case .q5_0: 22
        case .q5_1: 24
        case .q8_0: 34
        case .q4_K: 144
        case .q5_K: 176
        case .q6_K: 210
        }
    }

    /// Whether a block shares the scale of its elements, which are small integers.
    public var isQuantized: Bool { blockElements > 1 }

    /// Bytes of so many elements.
    /// - Precondition: whole blocks, and a size that `Int` can hold.
    public func byteCount(elements: Int) -> Int {
        precondition(
            elements >= 0 && elements % blockElements == 0, "\(elements) elements of \(self)")
        return elements / blockElements * blockBytes
    }
}
