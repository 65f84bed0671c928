/// A model in a GGUF file, or in several of which each has some of the tensors
/// (`NAME-00001-of-00003.gguf`).
public struct GGUFModel: ModelSource {
    private static let maximumShards = 1_024

    public let name: String
    public let naming = TensorNaming.gguf
    public let files: [String]
    public let tensorNames: Set<String>
    public let metadata: GGUFMetadata
    private let homes: [ExactString: (file: Int, tensor: Int)]
    private let shards: [GGUFFile]

    /// Maps the file, and its siblings where it is one of several, and checks all heads.
    ///
    /// - Throws: `ModelFormatError` when a file is damaged, a sibling is missing or is of another
    ///   model, or two of them have a tensor of one name.
    public init(_ path: String) throws(ModelFormatError) {
        let paths = try Self.files(of: path)
        var shards: [GGUFFile] = []
        for path in paths { shards.append(try GGUFFile(path: path)) }
        try self.init(shards, files: paths, name: path)
    }

    /// Reads a single file that is in memory.
    public init(bytes: [UInt8], name: String) throws(ModelFormatError) {
        try self.init([GGUFFile(bytes: bytes, name: name)], files: [name], name: name)
    }

    private init(_ shards: [GGUFFile], files: [String], name: String) throws(ModelFormatError) {
        var homes: [ExactString: (file: Int, tensor: Int)] = [:]
        for (number, shard) in shards.enumerated() {
            try Self.check(shard, number: number, of: shards.count)
            for (index, tensor) in shard.tensors.enumerated() {
                let home = (number, index)
                guard homes.updateValue(home, forKey: ExactString(tensor.name)) == nil else {
                    throw .malformed(
                        file: shard.name, location: "tensor \(quoted(tensor.name))",
                        problem: "another file of the model has it too", remedy: GGUFCursor.remedy)
                }
            }
        }
        let total = try shards[0].metadata.integer("split.tensors.count", in: 0...Int.max)
        guard total == nil || total == homes.count || shards.count == 1 else {
            throw shards[0].metadata.outOfBounds(
                "split.tensors.count", "\(homes.count) tensors in all files",
                "\(total ?? 0), as the first file says")
        }
        self.shards = shards
        self.files = files
        self.name = name
        self.homes = homes
        tensorNames = Set(homes.keys.map(\.text))
        metadata = shards[0].metadata
    }

    /// A file's own word on its place among the others.
    private static func check(
        _ shard: GGUFFile, number: Int, of count: Int
    ) throws(ModelFormatError) {
        let said = try shard.metadata.integer("split.count", in: 0...maximumShards) ?? 1
        guard max(1, said) == count else {
            throw .malformed(
                file: shard.name, location: "key split.count",
                problem: "the model is said to have \(said) files, the name says \(count)",
                remedy: "Give the files their names back: NAME-00001-of-00003.gguf and so on.")
        }
        let place = try shard.metadata.integer("split.no", in: 0...maximumShards) ?? 0
        guard place == number else {
            throw .malformed(
                file: shard.name, location: "key split.no",
                problem:
                    "it is file \(place) of the model, counted from 0, the name says \(number)",
                remedy: "Give the files their names back: NAME-00001-of-00003.gguf and so on.")
        }
    }

    /// The paths of a model's files, of which `path` is any one. Reads nothing.
    public static func files(of path: String) throws(ModelFormatError) -> [String] {
        guard let (stem, count) = split(path) else { return [path] }
        guard (1...maximumShards).contains(count) else {
            throw .outOfBounds(
                file: path, location: "the number of files in its name", found: "\(count)",
                allowed: "1 to \(maximumShards)", remedy: "Merge them with llama-gguf-split.")
        }
        let paths = (1...count).map { "\(stem)-\(padded($0))-of-\(padded(count)).gguf" }
        if let missing = paths.first(where: { !FolderPath.isFile($0) }) {
            throw .missing(
                file: path, item: missing, remedy: "The model has \(count) files: fetch them all.")
        }
        return paths
    }

    /// "a/b-00002-of-00003.gguf" is ("a/b", 3).
    private static func split(_ path: String) -> (stem: String, count: Int)? {
        let name = Array(path.utf8)
        let tail = Array("-00000-of-00000.gguf".utf8)
        guard name.count > tail.count else { return nil }
        let end = name.suffix(tail.count)
        let zero = UInt8(ascii: "0")
        for (found, wanted) in zip(end, tail) {
            let isRight = wanted == zero ? (zero...zero + 9).contains(found) : found == wanted
            guard isRight else { return nil }
        }
        let digits = end.dropLast(5).suffix(5)
        return (
            String(decoding: name.dropLast(tail.count), as: UTF8.self),
            digits.reduce(0) { $0 * 10 + Int($1 - zero) }
        )
    }

    private static func padded(_ number: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, 5 - digits.count)) + digits
    }

    public func config() throws(ModelFormatError) -> ModelConfig {
        var config = try ModelConfig(metadata: metadata, of: self)
        for token in try TokenizerSource.turnEnds(metadata)
        where token.index < config.vocabularySize && !config.endOfText.contains(token) {
            config.endOfText.append(token)
        }
        return config
    }

    public func tokenizer(embeddingRows: Int?) throws(ModelFormatError) -> Tokenizer {
        Tokenizer(try TokenizerSource(gguf: metadata, embeddingRows: embeddingRows))
    }

    public func chatTemplates() throws(ModelFormatError) -> ChatTemplateSet? {
        try ChatTemplateSet(gguf: metadata)
    }

    public func tensor(_ name: String) throws(ModelFormatError) -> ModelTensor {
        guard let (file, index) = homes[ExactString(name)] else {
            throw .missing(
                file: self.name, item: "tensor \(quoted(name))",
                remedy: "The file has \(homes.count) tensors; check that it is a whole model.")
        }
        let shard = shards[file]
        let tensor = shard.tensors[index]
        return ModelTensor(
            name: tensor.name, file: shard.name, shape: tensor.shape,
            encoding: tensor.type.encoding, typeName: tensor.type.name, storage: shard.storage,
            range: tensor.range)
    }
}
