/// A model as its files have it: configuration, tokenizer, tensors. One driver a format.
public protocol ModelSource: Sendable {
    /// The path that it was opened by, for errors.
    var name: String { get }
    /// By which names its tensors go.
    var naming: TensorNaming { get }
    /// Paths of the files that decide what the model computes, in a fixed order: what an identity
    /// hashes.
    var files: [String] { get }
    var tensorNames: Set<String> { get }

    func config() throws(ModelFormatError) -> ModelConfig

    /// - Parameter embeddingRows: how many tokens the model has rows for; nil: for all of them.
    func tokenizer(embeddingRows: Int?) throws(ModelFormatError) -> Tokenizer

    /// What makes texts of conversations; nil for a model that has no such thing. A stranger's
    /// programs, of which a broken one is an error here and of no consequence elsewhere.
    func chatTemplates() throws(ModelFormatError) -> ChatTemplateSet?

    /// A view of one tensor. Copies nothing.
    ///
    /// - Throws: `ModelFormatError.missing`.
    func tensor(_ name: String) throws(ModelFormatError) -> ModelTensor
}

/// The two conventions of tensors' names; what else follows from them (layouts, the order of rows)
/// an `Architecture` says.
public enum TensorNaming: Sendable {
    /// As `transformers` saves them: `model.layers.0.mlp.down_proj.weight`.
    case huggingFace
    /// As llama.cpp's converter names them: `blk.0.ffn_down.weight`.
    case gguf
}

/// Opens models by path, whatever their format.
public enum ModelSources {
    /// - Parameter path: a Hugging Face folder, or a GGUF file (`isGGUF`).
    /// - Throws: `ModelFormatError` when there is no model, or what says where its tensors are is
    ///   damaged.
    public static func open(_ path: String) throws(ModelFormatError) -> any ModelSource {
        if isGGUF(path) { return try GGUFModel(path) }
        return try HuggingFaceFolder(path)
    }

    /// What `files` of the opened model would be. Reads no weights, and understands nothing of the
    /// rest: a damaged file can be told by its hash.
    public static func files(of path: String) throws(ModelFormatError) -> [String] {
        try paths(of: path).files
    }

    /// The same, and beside them the file that says in which of a folder's files each tensor is.
    public static func paths(
        of path: String
    ) throws(ModelFormatError) -> (files: [String], index: String?) {
        try isGGUF(path) ? (GGUFModel.files(of: path), nil) : HuggingFaceFolder.paths(of: path)
    }

    /// Whether a path names a GGUF file: what is no folder, and is called so.
    public static func isGGUF(_ path: String) -> Bool {
        path.lowercased().hasSuffix(".gguf") && !FolderPath.isFolder(path)
    }
}
