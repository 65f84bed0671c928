/// Writes safetensors deterministically: the same input gives the same bytes, so that a file's
/// hash can name its content.
///
/// Metadata keys are sorted by their code points, tensors stand in the order given, and the header
/// is padded with spaces to a multiple of 8 bytes, which aligns the first tensor.
public enum SafetensorsWriter {
    /// One tensor to write.
    public struct Entry: Sendable {
        public let name: String
        public let type: TensorType
        /// Row-major; empty for a scalar.
        public let shape: [Int]
        /// Little-endian elements, exactly as they go to the file.
        public let bytes: [UInt8]

        public init(name: String, type: TensorType, shape: [Int], bytes: [UInt8]) {
            self.name = name
            self.type = type
            self.shape = shape
            self.bytes = bytes
        }

        /// F32.
        public static func floats(_ name: String, shape: [Int], _ values: [Float]) -> Entry {
            Entry(name: name, type: .f32, shape: shape, bytes: littleEndian(values))
        }

        /// I32.
        public static func integers32(_ name: String, shape: [Int], _ values: [Int32]) -> Entry {
            Entry(name: name, type: .i32, shape: shape, bytes: littleEndian(values))
        }

        /// I64.
        public static func integers64(_ name: String, shape: [Int], _ values: [Int64]) -> Entry {
            Entry(name: name, type: .i64, shape: shape, bytes: littleEndian(values))
        }

        #if _endian(big)
            #error("Safetensors are little-endian; this writer copies memory as it is.")
        #endif
        private static func littleEndian<Element: BitwiseCopyable>(_ values: [Element]) -> [UInt8] {
            values.withUnsafeBytes { Array($0) }
        }
    }

    /// The bytes of a whole file.
    ///
    /// - Parameter maximumHeaderBytes: what readers of a file of this kind take.
    /// - Throws: `ModelFormatError.malformed` when two tensors share a name, a name is
    ///   `__metadata__`, a shape has a negative size or does not match its bytes, or the header
    ///   would be too long.
    /// - Complexity: O(bytes); allocates the result.
    public static func serialize(
        _ entries: [Entry], metadata: [String: String] = [:],
        maximumHeaderBytes: Int = SafetensorsFile.maximumHeaderBytes
    ) throws(ModelFormatError) -> [UInt8] {
        var header = "{"
        if !metadata.isEmpty {
            let members = metadata.sorted {
                $0.key.unicodeScalars.lexicographicallyPrecedes($1.key.unicodeScalars)
            }
            header += "\"__metadata__\":{"
            header += members.map { JSONText.string($0) + ":" + JSONText.string($1) }
                .joined(separator: ",")
            header += "}"
        }
        var names: Set<ExactString> = []
        var end = 0
        for entry in entries {
            guard names.insert(ExactString(entry.name)).inserted, entry.name != "__metadata__"
            else { throw refusal(entry, "the name is there twice or is reserved") }
            try check(entry)
            if header.utf8.count > 1 { header += "," }
            header += JSONText.string(entry.name) + ":{\"dtype\":\"\(entry.type.rawValue)\""
            header += ",\"shape\":[" + entry.shape.map(String.init).joined(separator: ",")
            header += "],\"data_offsets\":[\(end),\(end + entry.bytes.count)]}"
            end += entry.bytes.count
        }
        header += "}"
        header += String(repeating: " ", count: (8 - header.utf8.count % 8) % 8)
        guard header.utf8.count <= maximumHeaderBytes else {
            throw .outOfBounds(
                file: "safetensors to write", location: "the header's length",
                found: "\(header.utf8.count) bytes",
                allowed: "at most \(maximumHeaderBytes) bytes",
                remedy: "Write fewer tensors or less metadata into one file.")
        }
        var result: [UInt8] = []
        result.reserveCapacity(8 + header.utf8.count + end)
        withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) {
            result.append(contentsOf: $0)
        }
        result.append(contentsOf: header.utf8)
        for entry in entries { result.append(contentsOf: entry.bytes) }
        return result
    }

    private static func check(_ entry: Entry) throws(ModelFormatError) {
        var expected = entry.type.byteCount
        guard entry.shape.count <= SafetensorsHeader.maximumRank else {
            throw refusal(entry, "rank \(entry.shape.count)")
        }
        for size in entry.shape {
            let (product, overflow) = expected.multipliedReportingOverflow(by: size)
            guard size >= 0, !overflow else { throw refusal(entry, "shape \(entry.shape)") }
            expected = product
        }
        guard expected == entry.bytes.count else {
            throw refusal(
                entry, "shape \(entry.shape) needs \(expected) bytes, \(entry.bytes.count) given")
        }
    }

    private static func refusal(_ entry: Entry, _ problem: String) -> ModelFormatError {
        .malformed(
            file: "safetensors to write", location: "tensor \(quoted(entry.name))",
            problem: problem, remedy: "This is a defect of the program that writes: report it.")
    }
}
