/// The checked header of a safetensors file.
///
/// Format: u64 little-endian N; N bytes of JSON that start with `{` and may end in spaces; the
/// buffer. Each member is a tensor `{dtype, shape, data_offsets: [begin, end]}` with offsets
/// relative to the buffer, or `__metadata__`, string to string.
struct SafetensorsHeader {
    struct Entry: Sendable {
        let name: String
        let type: TensorType
        let shape: [Int]
        /// Elements: the product of `shape`, 1 for rank 0.
        let count: Int
        /// Where the tensor's bytes are, relative to the buffer.
        let range: Range<Int>
    }

    static let maximumTensors = 1_000_000
    static let maximumRank = 32

    /// Sorted by position in the file.
    let entries: [Entry]
    let metadata: [String: String]
    /// Where the buffer begins in the file: 8 + N.
    let bufferStart: Int

    /// Checks everything that the format promises: no count, offset or product is used before it
    /// went through checked arithmetic.
    ///
    /// - Parameters:
    ///   - bytes: the whole file.
    ///   - file: its name, for errors.
    ///   - maximumBytes: the longest header that is read at all.
    /// - Complexity: O(n log n) in the number of tensors; does not touch the buffer.
    init(
        _ bytes: UnsafeRawBufferPointer, file: String, maximumBytes: Int
    ) throws(ModelFormatError) {
        let length = try Self.headerLength(bytes, file: file, maximumBytes: maximumBytes)
        bufferStart = 8 + length
        var scanner = JSONScanner(
            bytes: Array(bytes[8..<bufferStart]), file: file, part: "header")
        guard scanner.bytes.first == UInt8(ascii: "{") else {
            throw scanner.failure("the header does not start with \"{\"")
        }
        var entries: [Entry] = []
        var metadata: [String: String] = [:]
        var names: Set<ExactString> = []
        try scanner.members { (scanner, name, offset) throws(ModelFormatError) in
            guard names.insert(ExactString(name)).inserted else {
                throw scanner.failure("the name \(quoted(name)) is there twice", at: offset)
            }
            guard names.count <= Self.maximumTensors else {
                throw scanner.failure("more than \(Self.maximumTensors) tensors", at: offset)
            }
            if name == "__metadata__" {
                metadata = try Self.metadata(&scanner)
            } else {
                entries.append(try Self.entry(&scanner, name: name))
            }
        }
        try scanner.end()
        entries.sort {
            ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound)
        }
        try Self.checkLayout(entries, bufferCount: bytes.count - bufferStart, file: file)
        self.entries = entries
        self.metadata = metadata
    }

    private static func headerLength(
        _ bytes: UnsafeRawBufferPointer, file: String, maximumBytes: Int
    ) throws(ModelFormatError) -> Int {
        guard bytes.count >= 8 else {
            throw malformed(
                file, "file size", "\(bytes.count) bytes, a safetensors file has at least 8")
        }
        let length = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
        // Only where the length makes no sense: 0x80 0x02 is also the honest length 640.
        let looksLikePickle =
            bytes.starts(with: [0x50, 0x4b, 0x03, 0x04]) || bytes.starts(with: [0x80, 0x02])
        if looksLikePickle, length > UInt64(bytes.count - 8) { throw pickleRefusal(file: file) }
        guard length <= UInt64(maximumBytes) else {
            throw .outOfBounds(
                file: file, location: "the header's length (bytes 0...7)", found: "\(length) bytes",
                allowed: "at most \(maximumBytes) bytes in a file of this kind",
                remedy: "The file is damaged, of another kind, or no safetensors file: check which "
                    + "it is, and fetch or export it again.")
        }
        guard length <= UInt64(bytes.count - 8) else {
            throw malformed(
                file, "header length",
                "\(length) bytes are announced, \(bytes.count - 8) are left in the file")
        }
        return Int(length)
    }

    private static func metadata(
        _ scanner: inout JSONScanner
    ) throws(ModelFormatError) -> [String: String] {
        var metadata: [String: String] = [:]
        try scanner.members { (scanner, key, offset) throws(ModelFormatError) in
            guard metadata.updateValue(try scanner.string(), forKey: key) == nil else {
                throw scanner.failure("the key \(quoted(key)) is there twice", at: offset)
            }
        }
        return metadata
    }

    private static func entry(
        _ scanner: inout JSONScanner, name: String
    ) throws(ModelFormatError) -> Entry {
        var typeName: String?
        var shape: [Int]?
        var offsets: [Int]?
        try scanner.members { (scanner, key, offset) throws(ModelFormatError) in
            switch key {
            case "dtype" where typeName == nil: typeName = try scanner.string()
            case "shape" where shape == nil: shape = try sizes(&scanner, limit: maximumRank)
            case "data_offsets" where offsets == nil: offsets = try sizes(&scanner, limit: 2)
            default:
                throw scanner.failure(
                    "the key \(quoted(key)) of tensor \(quoted(name)) is unknown or there twice",
                    at: offset)
            }
        }
        // Only a failure spells it: a file has thousands.
        var place: String { "tensor \(quoted(name))" }
        guard let typeName, let shape, let offsets, offsets.count == 2 else {
            throw malformed(
                scanner.file, place, "it needs dtype, shape and a data_offsets of two numbers")
        }
        guard let type = TensorType(rawValue: typeName) else {
            throw .unsupported(
                file: scanner.file, found: "\(place) of type \(quoted(typeName))",
                supported: TensorType.allCases.map(\.rawValue).joined(separator: ", "),
                remedy: "Convert the model to F32, F16 or BF16.")
        }
        guard offsets[0] <= offsets[1] else {
            throw malformed(
                scanner.file, place, "data_offsets run backwards: \(offsets[0]) to \(offsets[1])")
        }
        let count = try elementCount(shape, file: scanner.file, place: place)
        let (byteCount, overflow) = count.multipliedReportingOverflow(by: type.byteCount)
        guard !overflow, byteCount == offsets[1] - offsets[0] else {
            throw malformed(
                scanner.file, place,
                "shape \(shape) of \(typeName) does not fill data_offsets "
                    + "\(offsets[0]) to \(offsets[1])")
        }
        return Entry(
            name: name, type: type, shape: shape, count: count, range: offsets[0]..<offsets[1])
    }

    private static func sizes(
        _ scanner: inout JSONScanner, limit: Int
    ) throws(ModelFormatError) -> [Int] {
        var sizes: [Int] = []
        try scanner.elements { (scanner) throws(ModelFormatError) in
            guard sizes.count < limit else {
                throw scanner.failure("more than \(limit) numbers in a list of sizes")
            }
            sizes.append(try scanner.unsignedInteger())
        }
        return sizes
    }

    /// The product of a shape. Overflow is refused even where a later factor is 0: the reference
    /// refuses it too, and a size that no one can state is no size.
    private static func elementCount(
        _ shape: [Int], file: String, place: @autoclosure () -> String
    ) throws(ModelFormatError) -> Int {
        var count = 1
        for size in shape {
            let (product, overflow) = count.multipliedReportingOverflow(by: size)
            guard !overflow else {
                throw malformed(file, place(), "the product of shape \(shape) overflows")
            }
            count = product
        }
        return count
    }

    /// No overlap, no hole, and the last offset is the end of the file.
    private static func checkLayout(
        _ entries: [Entry], bufferCount: Int, file: String
    ) throws(ModelFormatError) {
        var end = 0
        for entry in entries {
            var place: String { "tensor \(quoted(entry.name))" }
            guard entry.range.upperBound <= bufferCount else {
                throw malformed(
                    file, place,
                    "ends at \(entry.range.upperBound), the buffer has \(bufferCount) bytes")
            }
            guard entry.range.lowerBound == end else {
                let fault = entry.range.lowerBound < end ? "overlaps the one before" : "has a hole"
                throw malformed(
                    file, place,
                    "\(fault): it begins at \(entry.range.lowerBound), the one before ends at \(end)"
                )
            }
            end = entry.range.upperBound
        }
        guard end == bufferCount else {
            throw malformed(
                file, "end of file", "the tensors end at \(end), the buffer at \(bufferCount)")
        }
    }

    private static func malformed(
        _ file: String, _ location: String, _ problem: String
    ) -> ModelFormatError {
        .malformed(
            file: file, location: location, problem: problem,
            remedy: "The file is truncated, damaged or hostile: fetch or export it again.")
    }

    /// PyTorch's zip and pickle files run code when they are read.
    static func pickleRefusal(file: String) -> ModelFormatError {
        .unsupported(
            file: file, found: "a PyTorch pickle (.pt, .bin), which can run code when it is read,",
            supported: "safetensors",
            remedy: "Convert it with safetensors.torch.save_file on a machine you trust.")
    }
}
