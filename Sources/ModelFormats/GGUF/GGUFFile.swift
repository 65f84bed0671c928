import Kernels

/// One GGUF file, versions 2 and 3, little-endian, mapped or in memory: its metadata and where its
/// tensors lie.
///
/// Format: "GGUF"; u32 version; u64 tensors; u64 keys; the metadata, each a name, a type, a value;
/// the table of tensors, each a name, u32 dimensions, their sizes from the innermost outwards, u32
/// type, u64 offset; padding to the alignment; the tensors' bytes. Everything is checked at once
/// but the weights themselves. Nothing is allocated for a count that the file's size does not bear
/// out.
public final class GGUFFile: Sendable {
    static let maximumTensors = 65_536
    static let maximumNameBytes = 256
    static let maximumRank = 4
    static let maximumAlignment = 65_536

    /// A tensor as the table has it.
    struct Tensor: Sendable {
        let name: String
        let type: GGUFTensorType
        /// Outermost first, as elsewhere in this program: the file has it the other way round.
        let shape: [Int]
        /// Where its bytes are in the file; empty where the size of the type is not known.
        let range: Range<Int>
    }

    /// The file's path, or the name that `init(bytes:name:)` was given. For errors.
    public let name: String
    public let version: Int
    public let metadata: GGUFMetadata
    /// In the order of the table.
    let tensors: [Tensor]
    let storage: ByteStorage

    /// Maps a file read-only.
    ///
    /// - Throws: `ModelFormatError` when the file cannot be mapped or breaks any rule of the format.
    /// - Complexity: reads the head only.
    public convenience init(path: String) throws(ModelFormatError) {
        try self.init(storage: ByteStorage(mapping: path), name: path)
    }

    /// Reads a file that is in memory. Copies `bytes` once.
    public convenience init(bytes: [UInt8], name: String) throws(ModelFormatError) {
        try self.init(storage: ByteStorage(copying: bytes), name: name)
    }

    private init(storage: ByteStorage, name: String) throws(ModelFormatError) {
        var cursor = GGUFCursor(storage.bytes, file: name)
        version = try Self.version(&cursor)
        let tensorCount = try cursor.count(
            "the number of tensors", minimumBytes: 8 + 1 + 4 + 4 + 8, atMost: Self.maximumTensors)
        let keyCount = try cursor.count(
            "the number of keys", minimumBytes: 8 + 1 + 4 + 1, atMost: GGUFMetadata.maximumKeys)
        var values: [ExactString: GGUFValue] = [:]
        for index in 0..<keyCount {
            let place = cursor.offset
            let key = try cursor.name(
                "the name of key \(index)", atMost: GGUFCursor.maximumKeyBytes)
            let type = try cursor.type("the type of key \(quoted(key))")
            let value = try cursor.value(of: type, "the value of key \(quoted(key))")
            guard values.updateValue(value, forKey: ExactString(key)) == nil else {
                throw cursor.malformed("key \(quoted(key))", "it is there twice", at: place)
            }
        }
        metadata = GGUFMetadata(file: name, storage: storage, values: values)
        let alignment = try metadata.integer(
            "general.alignment", in: 1...Self.maximumAlignment)
        tensors = try GGUFTensorTable.read(
            &cursor, count: tensorCount, alignment: alignment ?? 32)
        self.storage = storage
        self.name = name
    }

    private static func version(_ cursor: inout GGUFCursor) throws(ModelFormatError) -> Int {
        let magic = try cursor.next(UInt32.self, "the four bytes \"GGUF\"")
        // "GGUF" as a little-endian number.
        guard magic == 0x4655_4747 else {
            throw .malformed(
                file: cursor.file, location: "byte 0", problem: "the file does not begin with GGUF",
                remedy: "Give a GGUF file, or the folder of a model that was saved as safetensors.")
        }
        let version = try cursor.next(UInt32.self, "the version")
        func refusal(_ found: String, _ remedy: String) -> ModelFormatError {
            .unsupported(
                file: cursor.file, found: found, supported: "GGUF versions 2 and 3, little-endian",
                remedy: remedy)
        }
        switch version {
        case 2, 3: return Int(version)
        case 1:
            throw refusal("GGUF version 1", "Fetch a newer file of this model: nobody writes it.")
        case 0x0200_0000, 0x0300_0000:
            throw refusal(
                "a big-endian GGUF file", "Convert it with gguf-py's gguf-convert-endian.")
        default:
            throw refusal("GGUF version \(version)", GGUFCursor.remedy)
        }
    }
}
