import Foundation
public import ModelFormats

/// Where the parts of a core are: the model, and what Hebb keeps beside it.
public struct CoreLocation: Sendable, Equatable {
    /// What `ModelSources` opens.
    public let model: String
    /// Where `sae/`, `rule.json` and `constitution.yaml` are; need not exist.
    public let folder: String
    /// As clients see it.
    public let name: String

    /// - Parameter path: a Hugging Face folder; a folder that holds one GGUF model, in any number of
    ///   files; or a GGUF file, and then what Hebb keeps is in the folder of its name without the
    ///   ending, beside it.
    /// - Throws: `ModelFormatError` for a folder with several models. Whether there is one is seen
    ///   when it is opened.
    public init(_ path: String) throws(ModelFormatError) {
        let url = URL(fileURLWithPath: path).standardizedFileURL
        if ModelSources.isGGUF(url.path) {
            // Of several files, the first stands for all.
            model = try ModelSources.files(of: url.path).first ?? url.path
            folder = URL(fileURLWithPath: model).deletingPathExtension().path
        } else {
            folder = url.path
            model = try Self.model(in: url.path)
        }
        name = URL(fileURLWithPath: folder).lastPathComponent
    }

    /// A model with what Hebb keeps for it elsewhere.
    public init(model: String, folder: String, name: String) {
        self.model = model
        self.folder = folder
        self.name = name
    }

    private static func model(in folder: String) throws(ModelFormatError) -> String {
        let files = FileManager.default
        guard !files.fileExists(atPath: folder + "/config.json") else { return folder }
        let names = (try? files.contentsOfDirectory(atPath: folder)) ?? []
        var models: [[String]: String] = [:]
        for path in names.sorted().map({ "\(folder)/\($0)" }) where ModelSources.isGGUF(path) {
            let all = try ModelSources.files(of: path)
            models[all] = all.first
        }
        guard models.count <= 1 else {
            throw .malformed(
                file: folder, location: "the folder",
                problem: "it holds \(models.count) GGUF models", remedy: "Name one of the files.")
        }
        return models.values.first ?? folder
    }
}
