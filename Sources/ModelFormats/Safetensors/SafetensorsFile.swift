/// A parsed and fully checked safetensors file, memory-mapped or in memory.
///
/// The header is checked at once, the numbers are not: call `Tensor.hasOnlyFiniteValues()` where
/// NaN and infinity do harm. The mapping lives as long as the file or any tensor of it.
public final class SafetensorsFile: Sendable {
    /// The file's path, or the name that `init(bytes:name:)` was given. For errors.
    public let name: String
    /// `__metadata__`; empty when there is none.
    public let metadata: [String: String]
    /// The tensors' names, sorted by their code points.
    public let names: [String]

    /// What the reference implementation reads of any file's header, bytes.
    public static let maximumHeaderBytes = 100_000_000

    private let entries: [ExactString: SafetensorsHeader.Entry]
    private let storage: ByteStorage
    private let bufferStart: Int

    /// Maps a file read-only.
    ///
    /// - Throws: `ModelFormatError` when the file cannot be mapped, is a pickle, or breaks any rule
    ///   of the format.
    /// - Complexity: reads the header only.
    public convenience init(path: String) throws(ModelFormatError) {
        if Self.looksLikePickle(path) { throw SafetensorsHeader.pickleRefusal(file: path) }
        try self.init(storage: ByteStorage(mapping: path), name: path)
    }

    /// Reads a file that came over the network. Copies `bytes` once.
    ///
    /// - Parameters:
    ///   - name: what errors call the file.
    ///   - maximumHeaderBytes: what the header of a file of this kind can need; a longer one is
    ///     refused by its length, before anything of it is read. A header costs far more time than
    ///     its bytes: some 100 ms a megabyte.
    public convenience init(
        bytes: [UInt8], name: String, maximumHeaderBytes: Int = SafetensorsFile.maximumHeaderBytes
    ) throws(ModelFormatError) {
        try self.init(
            storage: ByteStorage(copying: bytes), name: name,
            maximumHeaderBytes: maximumHeaderBytes)
    }

    private init(
        storage: ByteStorage, name: String,
        maximumHeaderBytes: Int = SafetensorsFile.maximumHeaderBytes
    ) throws(ModelFormatError) {
        let header = try SafetensorsHeader(
            storage.bytes, file: name, maximumBytes: maximumHeaderBytes)
        self.storage = storage
        self.name = name
        metadata = header.metadata
        bufferStart = header.bufferStart
        names = header.entries.map(\.name).sorted {
            $0.unicodeScalars.lexicographicallyPrecedes($1.unicodeScalars)
        }
        entries = Dictionary(
            uniqueKeysWithValues: header.entries.map { (ExactString($0.name), $0) })
    }

    /// Whether there is a tensor of this name.
    public func contains(_ name: String) -> Bool {
        entries[ExactString(name)] != nil
    }

    /// A view of one tensor. Copies nothing.
    ///
    /// - Throws: `ModelFormatError.missing`.
    public func tensor(_ name: String) throws(ModelFormatError) -> Tensor {
        guard let entry = entries[ExactString(name)] else {
            throw .missing(
                file: self.name, item: "tensor \(quoted(name))",
                remedy: "The file has \(names.count) tensors; check that it is of the right model.")
        }
        let start = bufferStart + entry.range.lowerBound
        return Tensor(
            entry: entry, file: self.name, storage: storage,
            range: start..<start + entry.range.count)
    }

    static func looksLikePickle(_ path: String) -> Bool {
        [".bin", ".pt", ".pth", ".ckpt", ".pkl"].contains { path.lowercased().hasSuffix($0) }
    }
}
