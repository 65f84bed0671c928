import Engrams
import Foundation
import ModelFormats

/// The files of a core's folder that decide what is served, with their hashes: what a constitution
/// seals and an engram's identity names. Found by their names alone, before any of them is
/// understood, so that a damaged one is told by its hash.
struct CoreFiles: Sendable {
    /// SHA-256 by path in the core's folder; by name for those of a model that is elsewhere.
    let digests: [String: String]
    /// Over the weights, the configuration and the tokenizer together: what an engram depends on.
    let core: String
    private let autoencoders: ContentDigest.Files
    private let ownCount: Int

    /// - Throws: `ModelFormatError` where there are no weights, or the system's error for a file
    ///   that cannot be read.
    /// - Complexity: O(bytes); each file is read once.
    init(at location: CoreLocation) throws {
        let folder = location.folder
        func present(_ names: [String]) -> [String] {
            names.map { "\(folder)/\($0)" }.filter { FileManager.default.fileExists(atPath: $0) }
        }
        func autoencoder(_ name: String) -> [String] {
            present(SparseAutoencoder.fileNames.map { "\(name)/\($0)" })
        }
        let (corePaths, index) = try ModelSources.paths(of: location.model)
        let core = try ContentDigest.ofEach(corePaths)
        let own = autoencoder(Cortex.autoencoderFolderName)
        let autoencoderPaths = own + autoencoder(LayerHook.folderName)
        let autoencoders = try ContentDigest.ofEach(autoencoderPaths)
        let otherPaths =
            (index.map { [$0] } ?? [])
            + present([
                PlasticityRule.fileName, RuleTensors.fileName, RecallWeights.fileName,
                ModelConfig.generationFileName,
            ])
        let others = try ContentDigest.ofEach(otherPaths)
        var digests: [String: String] = [:]
        for (paths, hashes) in [
            (corePaths, core.each), (autoencoderPaths, autoencoders.each),
            (otherPaths, others.each),
        ] {
            for (path, hash) in zip(paths, hashes) {
                let isInside = path.utf8.starts(with: (folder + "/").utf8)
                let name =
                    isInside
                    ? String(Substring(path.utf8.dropFirst(folder.utf8.count + 1)))
                    : URL(fileURLWithPath: path).lastPathComponent
                digests[name] = hash
            }
        }
        self.digests = digests
        self.core = core.together.last ?? ContentDigest.none
        self.autoencoders = autoencoders
        ownCount = own.count
    }

    /// One hash over the SAEs that are used.
    func autoencoderDigest(own: Bool, layer: Bool) -> String {
        if layer { return autoencoders.together.last ?? ContentDigest.none }
        return own && ownCount > 0 ? autoencoders.together[ownCount - 1] : ContentDigest.none
    }
}
