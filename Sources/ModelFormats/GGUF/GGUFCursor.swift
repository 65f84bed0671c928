/// Reads the head of a GGUF file from front to back and never a byte behind its end.
struct GGUFCursor {
    /// A name of a key; llama.cpp's own limit.
    static let maximumKeyBytes = 65_535
    /// Arrays of arrays of arrays; llama.cpp reads one level.
    static let maximumDepth = 4

    let bytes: UnsafeRawBufferPointer
    let file: String
    private(set) var offset = 0

    init(_ bytes: UnsafeRawBufferPointer, file: String) {
        self.bytes = bytes
        self.file = file
    }

    var left: Int { bytes.count - offset }

    /// The next little-endian number.
    mutating func next<Number: FixedWidthInteger & BitwiseCopyable>(
        _: Number.Type, _ what: @autoclosure () -> String
    ) throws(ModelFormatError) -> Number {
        let size = MemoryLayout<Number>.size
        guard left >= size else { throw ended(what(), wanted: "\(size) bytes") }
        let number = bytes.loadUnaligned(fromByteOffset: offset, as: Number.self)
        offset += size
        return Number(littleEndian: number)
    }

    /// A count of things of which each takes at least `minimumBytes` in the file: what is left of
    /// the file bounds it, before anything is made for so many.
    mutating func count(
        _ what: @autoclosure () -> String, minimumBytes: Int, atMost limit: Int = .max
    ) throws(ModelFormatError) -> Int {
        let place = offset
        let count = try next(UInt64.self, what())
        let room = min(limit, left / minimumBytes)
        guard count <= UInt64(room) else {
            throw .outOfBounds(
                file: file, location: "\(what()) at byte \(place)", found: "\(count)",
                allowed: limit <= left / minimumBytes
                    ? "at most \(limit)" : "what \(left) bytes that are left can hold",
                remedy: Self.remedy)
        }
        return Int(count)
    }

    /// The bytes of the next string.
    mutating func string(
        _ what: @autoclosure () -> String, atMost limit: Int = .max
    ) throws(ModelFormatError) -> Range<Int> {
        let length = try count("the length of \(what())", minimumBytes: 1, atMost: limit)
        defer { offset += length }
        return offset..<offset + length
    }

    /// A string that must be UTF-8 and not empty: a name.
    mutating func name(
        _ what: @autoclosure () -> String, atMost limit: Int
    ) throws(ModelFormatError) -> String {
        let range = try string(what(), atMost: limit)
        guard !range.isEmpty, let text = String(validating: bytes[range], as: UTF8.self) else {
            throw malformed(what(), "it is empty or no UTF-8", at: range.lowerBound)
        }
        return text
    }

    mutating func value(
        of type: GGUFValueType, _ what: @autoclosure () -> String
    ) throws(ModelFormatError) -> GGUFValue {
        let place = offset
        switch type {
        case .uint8: return .integer(Int(try next(UInt8.self, what())))
        case .int8: return .integer(Int(try next(Int8.self, what())))
        case .uint16: return .integer(Int(try next(UInt16.self, what())))
        case .int16: return .integer(Int(try next(Int16.self, what())))
        case .uint32: return .integer(Int(try next(UInt32.self, what())))
        case .int32: return .integer(Int(try next(Int32.self, what())))
        case .int64: return .integer(Int(try next(Int64.self, what())))
        case .uint64:
            let number = try next(UInt64.self, what())
            return Int(exactly: number).map { .integer($0) } ?? .number(Double(number))
        case .float32:
            return .number(Double(Float(bitPattern: try next(UInt32.self, what()))))
        case .float64: return .number(Double(bitPattern: try next(UInt64.self, what())))
        case .bool:
            let byte = try next(UInt8.self, what())
            guard byte <= 1 else {
                throw malformed(what(), "\(byte) where a boolean is 0 or 1", at: place)
            }
            return .bool(byte == 1)
        case .string: return .string(try string(what()))
        case .array: return .array(try array(what(), depth: 1))
        }
    }

    mutating func type(_ what: @autoclosure () -> String) throws(ModelFormatError) -> GGUFValueType
    {
        let place = offset
        let raw = try next(UInt32.self, what())
        guard let type = GGUFValueType(rawValue: raw) else {
            throw malformed(what(), "\(raw) is no type of a value (0 to 12)", at: place)
        }
        return type
    }

    /// Walks over an array and notes where it is. Makes nothing of its elements.
    private mutating func array(
        _ what: @autoclosure () -> String, depth: Int
    ) throws(ModelFormatError) -> GGUFArrayPlace {
        guard depth <= Self.maximumDepth else {
            throw malformed(what(), "arrays nest deeper than \(Self.maximumDepth)", at: offset)
        }
        let element = try type("the element type of \(what())")
        let count = try count("the count of \(what())", minimumBytes: element.minimumBytes)
        let start = offset
        switch element {
        case .string:
            for _ in 0..<count { _ = try string("a string of \(what())") }
        case .array:
            for _ in 0..<count { _ = try array(what(), depth: depth + 1) }
        default:
            // At most what is left: `count` saw to it.
            offset += count * element.minimumBytes
        }
        return GGUFArrayPlace(element: element, count: count, range: start..<offset)
    }

    func malformed(_ what: String, _ problem: String, at place: Int) -> ModelFormatError {
        .malformed(
            file: file, location: "\(what) at byte \(place)", problem: problem, remedy: Self.remedy)
    }

    private func ended(_ what: String, wanted: String) -> ModelFormatError {
        malformed(what, "the file ends where \(wanted) must be", at: offset)
    }

    static let remedy =
        "The file is truncated, damaged or hostile: fetch it again or convert the model again."
}

/// The types of metadata values, by their numbers in the file.
enum GGUFValueType: UInt32 {
    case uint8, int8, uint16, int16, uint32, int32, float32, bool, string, array
    case uint64, int64, float64

    /// Bytes of a value: of a number exactly, of a string and an array at least.
    var minimumBytes: Int {
        switch self {
        case .uint8, .int8, .bool: 1
        case .uint16, .int16: 2
        case .uint32, .int32, .float32: 4
        case .uint64, .int64, .float64, .string: 8
        case .array: 12
        }
    }
}

/// A metadata value: a number as it is, a string or an array as its place in the file.
enum GGUFValue {
    case integer(Int)
    case number(Double)
    case bool(Bool)
    case string(Range<Int>)
    case array(GGUFArrayPlace)

    /// What the value is, for an error's text.
    var kind: String {
        switch self {
        case .integer: "an integer"
        case .number: "a fractional number"
        case .bool: "a boolean"
        case .string: "a string"
        case .array: "an array"
        }
    }
}

struct GGUFArrayPlace {
    let element: GGUFValueType
    let count: Int
    /// The bytes of all elements.
    let range: Range<Int>
}
