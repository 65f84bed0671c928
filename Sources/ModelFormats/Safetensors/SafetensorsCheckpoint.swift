/// The weights of a model's folder: `model.safetensors`, or `model.safetensors.index.json` with
/// the shards that it names.
public struct SafetensorsCheckpoint: Sendable {
    private static let singleName = "model.safetensors"
    private static let indexName = "model.safetensors.index.json"
    private static let maximumIndexBytes = 100_000_000
    private static let maximumShards = 4_096

    /// Paths of the files that hold the weights, in the order of their names.
    public let files: [String]
    /// The metadata of the single file or of the first shard.
    public let metadata: [String: String]
    /// The tensors' names, sorted by their code points.
    public let names: [String]

    private let folder: String
    private let homes: [ExactString: SafetensorsFile]

    /// Maps every file of the checkpoint and checks all headers.
    ///
    /// - Throws: `ModelFormatError` when there are no safetensors (a pickle is refused by name), a
    ///   shard is missing, lies outside of the folder or lacks a tensor that the index promises.
    public init(folder: String) throws(ModelFormatError) {
        self.folder = folder
        var homes: [ExactString: SafetensorsFile] = [:]
        switch try Self.layout(of: folder) {
        case .single(let single):
            let file = try SafetensorsFile(path: single)
            for name in file.names { homes[ExactString(name)] = file }
            files = [single]
            metadata = file.metadata
            names = file.names
        case .sharded(let index):
            let (shards, map) = try Self.readIndex(index)
            var opened: [String: SafetensorsFile] = [:]
            for shard in shards {
                opened[shard] = try SafetensorsFile(path: FolderPath.join(folder, shard))
            }
            for (tensor, shard) in map {
                guard let file = opened[shard], file.contains(tensor) else {
                    throw .missing(
                        file: FolderPath.join(folder, shard), item: "tensor \(quoted(tensor))",
                        remedy: "\(Self.indexName) promises it there: fetch the model again.")
                }
                homes[ExactString(tensor)] = file
            }
            files = shards.map { FolderPath.join(folder, $0) }
            metadata = shards.first.flatMap { opened[$0]?.metadata } ?? [:]
            names = map.map(\.tensor).sorted {
                $0.unicodeScalars.lexicographicallyPrecedes($1.unicodeScalars)
            }
        }
        self.homes = homes
    }

    /// What `files` would be, and the index where there are shards. Reads no weights.
    ///
    /// - Throws: `ModelFormatError` as `init` does, as far as it concerns the index.
    public static func paths(
        in folder: String
    ) throws(ModelFormatError) -> (files: [String], index: String?) {
        switch try layout(of: folder) {
        case .single(let path): return ([path], nil)
        case .sharded(let index):
            return (try readIndex(index).shards.map { FolderPath.join(folder, $0) }, index)
        }
    }

    private enum Layout {
        case single(String)
        case sharded(index: String)
    }

    private static func layout(of folder: String) throws(ModelFormatError) -> Layout {
        let single = FolderPath.join(folder, singleName)
        if FolderPath.isFile(single) { return .single(single) }
        let index = FolderPath.join(folder, indexName)
        if FolderPath.isFile(index) { return .sharded(index: index) }
        throw nothingToRead(in: folder)
    }

    public func contains(_ name: String) -> Bool {
        homes[ExactString(name)] != nil
    }

    /// A view of one tensor. Copies nothing.
    ///
    /// - Throws: `ModelFormatError.missing`.
    public func tensor(_ name: String) throws(ModelFormatError) -> SafetensorsFile.Tensor {
        guard let file = homes[ExactString(name)] else {
            throw .missing(
                file: folder, item: "tensor \(quoted(name))",
                remedy: "The checkpoint has \(names.count) tensors; check that config.json and "
                    + "weights are of the same model.")
        }
        return try file.tensor(name)
    }

    private static func readIndex(
        _ path: String
    ) throws(ModelFormatError) -> (shards: [String], map: [(tensor: String, shard: String)]) {
        let bytes = try ByteStorage.contents(of: path, limit: maximumIndexBytes)
        let root = try JSONScanner.parse(bytes, file: path)
        guard let weightMap = root.objectValue?["weight_map"]?.objectValue else {
            throw .missing(
                file: path, item: "the object weight_map", remedy: "Fetch the model again.")
        }
        var map: [(tensor: String, shard: String)] = []
        var shards: Set<String> = []
        for (tensor, value) in weightMap.members {
            guard let shard = value.stringValue, FolderPath.isPlainName(shard),
                shard.hasSuffix(".safetensors")
            else {
                throw .malformed(
                    file: path, location: "weight_map[\(quoted(tensor))]",
                    problem: "\(quoted(value.stringValue ?? value.kind)) is not the plain name of "
                        + "a .safetensors file in the same folder",
                    remedy: "A shard may not lie elsewhere: fetch the model from its source.")
            }
            shards.insert(shard)
            map.append((tensor, shard))
        }
        guard shards.count <= maximumShards else {
            throw .outOfBounds(
                file: path, location: "the number of shards", found: "\(shards.count)",
                allowed: "at most \(maximumShards)", remedy: "Merge the shards.")
        }
        return (shards.sorted(), map)
    }

    private static func nothingToRead(in folder: String) -> ModelFormatError {
        let pickles = ["pytorch_model.bin", "pytorch_model.bin.index.json", "model.pt"]
        if let name = pickles.first(where: { FolderPath.isFile(FolderPath.join(folder, $0)) }) {
            return SafetensorsHeader.pickleRefusal(file: FolderPath.join(folder, name))
        }
        return .missing(
            file: folder, item: "\(singleName) or \(indexName)",
            remedy: "Give the folder of a model that was saved as safetensors.")
    }
}
