/// A model's folder as `save_pretrained` writes it: `config.json`, safetensors, `tokenizer.json`.
public struct HuggingFaceFolder: ModelSource {
    public let name: String
    public let files: [String]
    private let checkpoint: SafetensorsCheckpoint

    /// - Throws: as `SafetensorsCheckpoint`.
    /// - Complexity: maps the weights and reads their headers.
    public init(_ path: String) throws(ModelFormatError) {
        name = path
        files = try Self.paths(of: path).files
        checkpoint = try SafetensorsCheckpoint(folder: path)
    }

    static func paths(
        of path: String
    ) throws(ModelFormatError) -> (files: [String], index: String?) {
        let beside = ["config.json", "tokenizer.json"].map { FolderPath.join(path, $0) }
        let weights = try SafetensorsCheckpoint.paths(in: path)
        return (weights.files + beside.filter(FolderPath.isFile), weights.index)
    }

    public var naming: TensorNaming { .huggingFace }
    public var tensorNames: Set<String> { Set(checkpoint.names) }

    public func config() throws(ModelFormatError) -> ModelConfig {
        try ModelConfig(folder: name)
    }

    public func tokenizer(embeddingRows: Int?) throws(ModelFormatError) -> Tokenizer {
        try Tokenizer(folder: name, embeddingRows: embeddingRows)
    }

    public func chatTemplates() throws(ModelFormatError) -> ChatTemplateSet? {
        try ChatTemplateSet.read(folder: name)
    }

    public func tensor(_ name: String) throws(ModelFormatError) -> ModelTensor {
        ModelTensor(try checkpoint.tensor(name))
    }
}
