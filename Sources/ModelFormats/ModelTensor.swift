public import Kernels

/// One weight of a model where it lies in its file, whatever the file's format: row-major, the
/// outermost dimension first.
public struct ModelTensor: Sendable {
    public let name: String
    /// The file that it is in, for errors.
    public let file: String
    /// [outputs, inputs] of a matrix that is applied to inputs.
    public let shape: [Int]
    /// Nil for a type that no weight has.
    public let encoding: WeightEncoding?
    /// What the file calls the type of the elements, for errors.
    public let typeName: String
    private let storage: ByteStorage
    private let range: Range<Int>

    /// - Precondition: `range` lies in `storage` and has the bytes that shape and encoding ask for,
    ///   whole blocks to a row.
    init(
        name: String, file: String, shape: [Int], encoding: WeightEncoding?, typeName: String,
        storage: ByteStorage, range: Range<Int>
    ) {
        precondition(
            range.lowerBound >= 0 && range.upperBound <= storage.bytes.count,
            "ModelTensor: bytes outside of the file")
        if let encoding {
            precondition(
                (shape.last ?? 1) % encoding.blockElements == 0
                    && range.count == encoding.byteCount(elements: shape.reduce(1, *)),
                "ModelTensor: bytes of another size")
        }
        self.name = name
        self.file = file
        self.shape = shape
        self.encoding = encoding
        self.typeName = typeName
        self.storage = storage
        self.range = range
    }

    public init(_ tensor: SafetensorsFile.Tensor) {
        let encoding: WeightEncoding? =
            switch tensor.type {
            case .f32: .float32
            case .f16: .float16
            case .bf16: .bfloat16
            default: nil
            }
        self.init(
            name: tensor.name, file: tensor.file, shape: tensor.shape, encoding: encoding,
            typeName: tensor.type.rawValue, storage: tensor.storage, range: tensor.range)
    }

    /// Elements: the product of `shape`.
    public var count: Int { shape.reduce(1, *) }

    /// The bytes where they lie in the file, at any alignment; valid inside `body` and for as long
    /// as somebody holds this tensor.
    public func withUnsafeBytes<Result>(
        _ body: (UnsafeRawBufferPointer) throws -> Result
    ) rethrows -> Result {
        try withExtendedLifetime(storage) {
            try body(UnsafeRawBufferPointer(rebasing: storage.bytes[range]))
        }
    }

    /// Says that the bytes will hardly be read again: their pages leave memory, and come back from
    /// the file where they are.
    public func releasePages() { storage.releasePages(range) }

    /// Every element in single precision.
    ///
    /// - Precondition: `encoding` is known.
    /// - Complexity: O(count); allocates the result.
    public func floats() -> [Float] {
        guard let encoding else { preconditionFailure("floats() of type \(typeName)") }
        var values = [Float](repeating: 0, count: count)
        withUnsafeBytes { bytes in
            var all = values.mutableSpan
            MatrixKernels.widen(bytes.bytes, encoding, into: &all)
        }
        return values
    }

    /// Whether this holds the values of `other`, rounded to its own encoding where that is another.
    ///
    /// - Complexity: O(count); compares bytes where the encodings are one, else allocates both as
    ///   `Float`.
    public func isCopy(of other: ModelTensor) -> Bool {
        guard let encoding, let second = other.encoding, shape == other.shape else { return false }
        if encoding == second {
            return withUnsafeBytes { mine in
                other.withUnsafeBytes { mine.elementsEqual($0) }
            }
        }
        // BF16, the coarsest plain encoding, keeps 8 bits of the significand; the smallest F16 is
        // 2^-24. Of a quantised one no element says how it was rounded.
        guard !encoding.isQuantized, !second.isQuantized else { return false }
        return zip(floats(), other.floats()).allSatisfy {
            abs($0 - $1) <= abs($1) * 0x1p-8 + 0x1p-24
        }
    }

    /// False when any element is NaN or infinite: of a quantised one, when a scale or a minimum of a
    /// block is, since they are multiplied with small integers only.
    ///
    /// - Complexity: O(bytes); allocates nothing.
    /// - Precondition: `encoding` is known.
    public func hasOnlyFiniteValues() -> Bool {
        guard let encoding else { preconditionFailure("finiteness of type \(typeName)") }
        return withUnsafeBytes { bytes in
            switch encoding {
            case .float32: bytes.exponentsAreFinite(mask: 0x7f80_0000 as UInt32)
            case .bfloat16: bytes.exponentsAreFinite(mask: 0x7f80 as UInt16)
            case .float16: bytes.exponentsAreFinite(mask: 0x7c00 as UInt16)
            default:
                encoding.scaleOffsets.allSatisfy {
                    bytes.exponentsAreFinite(
                        mask: 0x7c00 as UInt16, first: $0, stride: encoding.blockBytes)
                }
            }
        }
    }
}

extension WeightEncoding {
    /// Where in a block its F16 numbers are.
    fileprivate var scaleOffsets: [Int] {
        switch self {
        case .float32, .float16, .bfloat16: []
        case .q4_0, .q5_0, .q8_0: [0]
        case .q4_1, .q5_1, .q4_K, .q5_K: [0, 2]
        case .q6_K: [208]
        }
    }
}

extension UnsafeRawBufferPointer {
    /// Whether none of the IEEE numbers at `first`, `first + stride`, … is NaN or infinite: an
    /// exponent of all ones is that in every format.
    @inline(__always)
    func exponentsAreFinite<Bits: FixedWidthInteger & BitwiseCopyable>(
        mask: Bits, first: Int = 0, stride: Int = MemoryLayout<Bits>.size
    ) -> Bool {
        // No early exit: the loop without a branch is the one that vectorises.
        var broken: Bits = 0
        for index in 0..<count / stride {
            let bits = loadUnaligned(fromByteOffset: index * stride + first, as: Bits.self)
            broken |= bits & mask == mask ? 1 : 0
        }
        return broken == 0
    }
}
