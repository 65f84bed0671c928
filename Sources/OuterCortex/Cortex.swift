public import Engrams
import Foundation
public import InnerCortex
import Kernels
public import ModelFormats

/// Both cortices of one core folder: the frozen model, its tokenizer and SAE, and the rule by
/// which engrams are read and changed. Holds no engram: one `Cortex` serves every user.
///
/// Folder: `config.json`, `model.safetensors`, `tokenizer.json`; beside them `sae/` (SAELens) and
/// `rule.json` with `rule.safetensors`; `sae-layer/` where the rule's layer site reads one. Without
/// an SAE the feature and episodic sites are off; without a rule its defaults hold.
public final class Cortex: Sendable {
    public let inner: InnerCortex
    public let tokenizer: Tokenizer
    public let rule: PlasticityRule
    public let identity: CortexIdentity
    /// The folder's name, as clients see it.
    public let modelName: String
    public let autoencoder: SparseAutoencoder?
    /// nil while the rule has the layer site off.
    let layerHook: LayerHook?
    let startOfText: TokenID

    public var zone: SafeZone { rule.safeZone }
    /// The instruction set whose kernels compute here; another may round differently.
    public var kernelClass: String { KernelClass.current }

    /// - Parameters:
    ///   - folder: path of the core.
    ///   - rule: in place of the folder's own, for evaluations.
    /// - Throws: `ModelFormatError`, the inner cortex's errors, `CortexError`; each names the file.
    public init(folder: String, rule: PlasticityRule? = nil) throws {
        let root = URL(fileURLWithPath: folder).standardizedFileURL
        inner = try InnerCortex(folder: folder)
        tokenizer = try Tokenizer(folder: folder)
        modelName = root.lastPathComponent
        guard let start = inner.config.startOfText ?? inner.config.endOfText.first else {
            throw CortexError.missing(
                file: "bos_token_id in \(root.appendingPathComponent("config.json").path)",
                remedy: "A text is scored from its start token: add bos_token_id or eos_token_id.")
        }
        startOfText = start

        let autoencoderFolder = root.appendingPathComponent("sae").path
        var autoencoderFiles: [String] = []
        if FileManager.default.fileExists(atPath: autoencoderFolder) {
            autoencoder = try SparseAutoencoder(
                SparseAutoencoderFile(folder: autoencoderFolder),
                inputSize: inner.config.hiddenSize, folder: autoencoderFolder)
            autoencoderFiles = SparseAutoencoder.fileNames.map { "\(autoencoderFolder)/\($0)" }
        } else {
            autoencoder = nil
        }

        self.rule = try rule ?? PlasticityRule(folder: root.path) ?? PlasticityRule()
        layerHook = try LayerHook(self.rule.layer, inner: inner, folder: root.path)
        autoencoderFiles += layerHook?.autoencoderFiles ?? []
        identity = CortexIdentity(
            core: try ContentDigest.ofFiles(
                SafetensorsCheckpoint(folder: folder).files
                    + ["config.json", "tokenizer.json"].map { "\(root.path)/\($0)" }),
            sparseAutoencoder: autoencoderFiles.isEmpty
                ? ContentDigest.none : try ContentDigest.ofFiles(autoencoderFiles),
            rule: try self.rule.contentHash(),
            vocabularySize: inner.config.vocabularySize,
            latentCount: autoencoder?.latentCount ?? 0, hiddenSize: inner.config.hiddenSize,
            episodeKeySize: self.rule.episodeKeySize,
            layerLatentCount: layerHook?.autoencoder?.latentCount ?? 0)
    }

    /// Runs tokens through the frozen core: a slice's hidden states, and the residual stream at the
    /// layer site's hookpoint when that is on. What else the slice held is stale.
    func forward(
        _ tokens: ArraySlice<TokenID>, cache: KVCache, path: ForwardPath = .automatic,
        into slice: inout FrozenSlice
    ) {
        guard let layerHook else {
            inner.forward(tokens, cache: cache, path: path, hidden: &slice.hidden)
            return
        }
        inner.forward(
            tokens, cache: cache, path: path, residual: &slice.residual, before: layerHook.block,
            hidden: &slice.hidden)
        slice.layerLatents.removeAll(keepingCapacity: true)
        slice.layerTerm.removeAll(keepingCapacity: true)
    }

    /// Fills in what the sites read of a slice's hidden states: latents, whitened states, keys.
    func addFeatures(to slice: inout FrozenSlice) {
        let hidden = slice.hidden
        let count = hidden.count / slice.hiddenSize
        autoencoder?.encode(
            hidden.span, count: count, latents: &slice.latents, values: &slice.values)
        if rule.matrix.isOn, let whitening = rule.tensors.whitening {
            whitening.apply(hidden.span, count: count, into: &slice.whitened)
        }
        if rule.episode.isOn, let projection = rule.tensors.keyProjection {
            projection.apply(hidden.span, count: count, into: &slice.keys)
        }
    }

    public func emptyEngram() -> Engram { .empty(identity: identity) }

    /// Throws unless an engram from elsewhere may be used here; it says why not.
    public func admit(_ engram: Engram) throws(EngramError) {
        try engram.check(on: identity, within: zone)
    }

    /// Starts learning a text.
    /// - Parameters:
    ///   - tokens: the text, without a start-of-text token; each within the vocabulary.
    ///   - reward: the third factor, −1...1; 1 is plain learning from the prediction error.
    public func startObserving(
        _ tokens: [TokenID], from engram: Engram, reward: Float = 1
    ) -> ObserveTask {
        ObserveTask(cortex: self, tokens: tokens, engram: engram, reward: reward)
    }

    /// Starts measuring a text, from its start-of-text token on.
    public func startScoring(_ tokens: [TokenID], with engram: Engram) -> ScoreTask {
        ScoreTask(cortex: self, tokens: tokens, engram: engram)
    }

    /// Starts generating.
    public func startGenerating(
        _ request: GenerationRequest, with engram: Engram
    ) -> GenerationTask {
        GenerationTask(cortex: self, request: request, engram: engram)
    }
}
