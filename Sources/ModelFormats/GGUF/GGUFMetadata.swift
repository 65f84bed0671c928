/// The metadata of a GGUF file: typed, bounded reading by key, with errors that name file and key.
///
/// Strings and arrays stay in the file until they are asked for, since a vocabulary is most of a
/// file's head.
public struct GGUFMetadata: ConfigValues {
    static let maximumKeys = 65_536
    /// The longest string that is handed out, bytes; chat templates have some ten thousand.
    static let maximumStringBytes = 4_194_304

    let file: String
    private let storage: ByteStorage
    private let values: [ExactString: GGUFValue]

    init(
        file: String, storage: ByteStorage, values: [ExactString: GGUFValue]
    ) {
        self.file = file
        self.storage = storage
        self.values = values
    }

    /// All keys, sorted by their code points.
    public var keys: [String] {
        values.keys.map(\.text).sorted {
            $0.unicodeScalars.lexicographicallyPrecedes($1.unicodeScalars)
        }
    }

    func has(_ key: String) -> Bool { values[ExactString(key)] != nil }

    func require<Value>(_ key: String, _ value: Value?) throws(ModelFormatError) -> Value {
        guard let value else {
            throw .missing(
                file: file, item: "the key \(key)",
                remedy: "The file is of another kind or was converted by an old program: "
                    + "convert the model again.")
        }
        return value
    }

    func integer(_ key: String, in range: ClosedRange<Int>) throws(ModelFormatError) -> Int? {
        switch values[ExactString(key)] {
        case nil: return nil
        case .integer(let value): return try checked(value, key, in: range)
        case .number(let value):
            guard let exact = Int(exactly: value) else {
                throw outOfBounds(key, "\(value)", "an integer, \(range)")
            }
            return try checked(exact, key, in: range)
        case .some(let value): throw wrongType(key, value, expected: "an integer")
        }
    }

    func number(_ key: String, in range: ClosedRange<Double>) throws(ModelFormatError) -> Double? {
        let number: Double
        switch values[ExactString(key)] {
        case nil: return nil
        case .integer(let value): number = Double(value)
        case .number(let value): number = value
        case .some(let value): throw wrongType(key, value, expected: "a number")
        }
        guard range.contains(number) else {
            throw outOfBounds(key, "\(number)", "\(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    func bool(_ key: String) throws(ModelFormatError) -> Bool? {
        switch values[ExactString(key)] {
        case nil: return nil
        case .bool(let value): return value
        case .some(let value): throw wrongType(key, value, expected: "a boolean")
        }
    }

    func string(_ key: String) throws(ModelFormatError) -> String? {
        switch values[ExactString(key)] {
        case nil: return nil
        case .string(let range):
            guard range.count <= Self.maximumStringBytes else {
                throw outOfBounds(
                    key, "\(range.count) bytes", "at most \(Self.maximumStringBytes)")
            }
            guard let text = String(validating: storage.bytes[range], as: UTF8.self) else {
                throw malformed(key, "the string is no UTF-8")
            }
            return text
        case .some(let value): throw wrongType(key, value, expected: "a string")
        }
    }

    func array(_ key: String) throws(ModelFormatError) -> GGUFArray? {
        switch values[ExactString(key)] {
        case nil: return nil
        case .array(let place): return GGUFArray(place, metadata: self, key: key, storage: storage)
        case .some(let value): throw wrongType(key, value, expected: "an array")
        }
    }

    private func checked(
        _ value: Int, _ key: String, in range: ClosedRange<Int>
    ) throws(ModelFormatError) -> Int {
        guard range.contains(value) else {
            throw outOfBounds(key, "\(value)", "\(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    func unsupported(_ key: String, _ found: String, supported: String) -> ModelFormatError {
        .unsupported(
            file: file, found: "\(key) = \(found)", supported: supported,
            remedy: "Use a model of a supported kind.")
    }

    func outOfBounds(_ key: String, _ found: String, _ allowed: String) -> ModelFormatError {
        .outOfBounds(
            file: file, location: "key \(key)", found: found, allowed: allowed,
            remedy: GGUFCursor.remedy)
    }

    func malformed(_ key: String, _ problem: String) -> ModelFormatError {
        .malformed(
            file: file, location: "key \(key)", problem: problem, remedy: GGUFCursor.remedy)
    }

    private func wrongType(
        _ key: String, _ value: GGUFValue, expected: String
    ) -> ModelFormatError {
        malformed(key, "\(value.kind) where \(expected) must be")
    }
}

/// An array of the metadata, where it lies in the file.
struct GGUFArray {
    let count: Int
    /// Bytes of all elements, lengths of strings included.
    var byteCount: Int { place.range.count }
    private let place: GGUFArrayPlace
    private let metadata: GGUFMetadata
    private let key: String
    private let storage: ByteStorage

    init(_ place: GGUFArrayPlace, metadata: GGUFMetadata, key: String, storage: ByteStorage) {
        count = place.count
        self.place = place
        self.metadata = metadata
        self.key = key
        self.storage = storage
    }

    /// Calls `body` with each string's bytes, which need not be UTF-8, in order. Copies nothing.
    func forEachString(
        _ body: (Int, UnsafeRawBufferPointer) throws(ModelFormatError) -> Void
    ) throws(ModelFormatError) {
        guard place.element == .string else { throw wrongElement("strings") }
        // The same walk as when the file was opened, so it cannot fail.
        var offset = place.range.lowerBound
        for index in 0..<count {
            let length = storage.bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            let start = offset + 8
            offset = start + Int(UInt64(littleEndian: length))
            try body(index, UnsafeRawBufferPointer(rebasing: storage.bytes[start..<offset]))
        }
    }

    /// Every element as an `Int`.
    ///
    /// - Parameter limit: the most elements that are accepted.
    func integers(atMost limit: Int) throws(ModelFormatError) -> [Int] {
        try check(limit)
        return switch place.element {
        case .uint8: map(UInt8.self) { Int($0) }
        case .int8: map(Int8.self) { Int($0) }
        case .uint16: map(UInt16.self) { Int($0) }
        case .int16: map(Int16.self) { Int($0) }
        case .uint32: map(UInt32.self) { Int($0) }
        case .int32: map(Int32.self) { Int($0) }
        case .int64: map(Int64.self) { Int($0) }
        case .uint64: map(UInt64.self) { Int(clamping: $0) }
        case .bool: map(UInt8.self) { $0 == 0 ? 0 : 1 }
        default: throw wrongElement("integers")
        }
    }

    /// Every element as a `Float`; integers are rounded to one.
    ///
    /// - Parameter limit: the most elements that are accepted.
    func floats(atMost limit: Int) throws(ModelFormatError) -> [Float] {
        try check(limit)
        return switch place.element {
        case .float32: map(UInt32.self) { Float(bitPattern: $0) }
        case .float64: map(UInt64.self) { Float(Double(bitPattern: $0)) }
        case .string, .array: throw wrongElement("numbers")
        default: try integers(atMost: limit).map { Float($0) }
        }
    }

    private func check(_ limit: Int) throws(ModelFormatError) {
        guard count <= limit else {
            throw metadata.outOfBounds(key, "\(count) elements", "at most \(limit)")
        }
    }

    private func wrongElement(_ expected: String) -> ModelFormatError {
        metadata.malformed(key, "an array of \(place.element) where \(expected) must be")
    }

    private func map<Bits: FixedWidthInteger & BitwiseCopyable, Element>(
        _: Bits.Type, _ transform: (Bits) -> Element
    ) -> [Element] {
        (0..<count).map { index in
            let offset = place.range.lowerBound + index * MemoryLayout<Bits>.size
            let bits = storage.bytes.loadUnaligned(fromByteOffset: offset, as: Bits.self)
            return transform(Bits(littleEndian: bits))
        }
    }
}
