public import Engrams
import Foundation
public import InnerCortex
import Kernels
public import ModelFormats

/// Both cortices of one core folder: the frozen model, its tokenizer and SAE, and the rule by
/// which engrams are read and changed. Holds no engram: one `Cortex` serves every user.
///
/// A model (`ModelSources`), and in the core's folder (`CoreLocation`) `sae/` (SAELens) and
/// `rule.json` with `rule.safetensors`; `sae-layer/` where the rule's layer site reads one; and
/// `constitution.yaml` where the core is sealed. Without an SAE the feature and episodic sites are
/// off; without a rule its defaults hold.
public final class Cortex: Sendable {
    public let inner: InnerCortex
    public let tokenizer: Tokenizer
    public let rule: PlasticityRule
    public let identity: CortexIdentity
    /// As clients see it.
    public let modelName: String
    /// What makes texts of conversations; nil where the model has nothing that does, and then
    /// `chatFault` says so of what it has.
    public let chatTemplates: ChatTemplateSet?
    public let chatFault: ModelFormatError?
    public let autoencoder: SparseAutoencoder?
    /// The places in the middle of the network whose residual stream every reading brings along
    /// (`FrozenSlice.streams`), each by the number of blocks before it; none cost nothing.
    public let tappedBlocks: [Int]
    /// What rows of small passes take on this machine.
    let rowCost = RowCost()
    /// nil while the rule has the layer site off.
    let layerHook: LayerHook?
    /// What stands before a text that is observed or measured; never empty.
    let opening: [TokenID]
    /// The tokens that end an answer.
    let endOfText: Set<TokenID>
    /// The files' hashes, and the constitution under which engrams are read and changed.
    public let seal: CoreSeal
    private let orders: SharedTokenOrder
    private let folder: String
    private let files: CoreFiles

    static let autoencoderFolderName = "sae"

    /// The bounds that act: the constitution's, else the rule's.
    public var zone: SafeZone { seal.zone }
    /// The vocabulary as constraints on answers look at it.
    /// - Complexity: O(n log n) at the first time.
    public var tokenOrder: TokenOrder {
        orders.get { TokenOrder(tokenizer, vocabularySize: inner.config.vocabularySize) }
    }
    /// The instruction set whose kernels compute here; another may round differently.
    public var kernelClass: String { KernelClass.current }

    /// - Parameter folder: path of the core, as `CoreLocation` takes it.
    public convenience init(
        folder: String, rule: PlasticityRule? = nil, policy: CoreSeal.Policy = .verify
    ) throws {
        try self.init(at: CoreLocation(folder), rule: rule, policy: policy)
    }

    /// - Parameters:
    ///   - location: of the core.
    ///   - threads: at work in every product, the caller's included; the bytes do not depend on it.
    ///   - rule: in place of the folder's own, for evaluations. A constitution is of the rule that
    ///     was sealed: it does not act then, though the files must still be the sealed ones.
    ///   - tappedBlocks: see the property; where the rule recalls, they are what it reads.
    ///   - policy: what is demanded of the folder's constitution.
    /// - Precondition: the tapped blocks are blocks of the core.
    /// - Throws: `ModelFormatError`, the inner cortex's errors, `CortexError`,
    ///   `ConstitutionError`; each names the file.
    public init(
        at location: CoreLocation, threads: Int = 1, rule: PlasticityRule? = nil,
        tappedBlocks: [Int] = [], policy: CoreSeal.Policy = .verify
    ) throws {
        let root = URL(fileURLWithPath: location.folder)
        self.folder = location.folder
        // Before anything is made of the files: a changed one is told by its hash.
        files = try CoreFiles(at: location)
        let sealed = try CoreSeal.constitution(
            of: root.path, files: files.digests, policy: policy)
        let source = try ModelSources.open(location.model)
        inner = try InnerCortex(source: source, threads: threads)
        tokenizer = try source.tokenizer(embeddingRows: inner.config.vocabularySize)
        modelName = location.name
        orders = SharedTokenOrder()
        (chatTemplates, chatFault) = Self.chatTemplates(of: source)
        opening = try Self.opening(tokenizer, inner.config, model: location.model)
        // A start token begins another text, so it ends this one.
        endOfText = Set(
            inner.config.endOfText + opening + (inner.config.startOfText.map { [$0] } ?? []))

        let autoencoderFolder = root.appendingPathComponent(
            Self.autoencoderFolderName
        ).path
        if FileManager.default.fileExists(atPath: autoencoderFolder) {
            autoencoder = try SparseAutoencoder(
                SparseAutoencoderFile(folder: autoencoderFolder),
                inputSize: inner.config.hiddenSize, folder: autoencoderFolder)
        } else {
            autoencoder = nil
        }

        let rulePath = root.appendingPathComponent(PlasticityRule.fileName).path
        let hasRule = FileManager.default.fileExists(atPath: rulePath)
        var found = hasRule ? try PlasticityRule(path: rulePath) : PlasticityRule()
        if !hasRule { found.tensors.recall = try RecallWeights.inFolder(root.path) }
        self.rule = rule ?? found
        try self.rule.tensors.check(inner, file: rulePath)
        let tapped = self.rule.tensors.recall?.blocks ?? tappedBlocks
        precondition(
            tapped.allSatisfy((0..<inner.config.layerCount).contains),
            "a tap before a block that the core does not have")
        self.tappedBlocks = tapped
        layerHook = try LayerHook(self.rule.layer, inner: inner, folder: root.path)
        seal = Self.seal(
            files, self.rule, under: rule == nil ? sealed : nil)
        identity = CortexIdentity(
            core: files.core,
            sparseAutoencoder: files.autoencoderDigest(
                own: autoencoder != nil, layer: layerHook?.autoencoder != nil),
            rule: try self.rule.contentHash(),
            vocabularySize: inner.config.vocabularySize,
            latentCount: autoencoder?.latentCount ?? 0, hiddenSize: inner.config.hiddenSize,
            episodeKeySize: self.rule.episodeKeySize,
            layerLatentCount: layerHook?.autoencoder?.latentCount ?? 0,
            constitution: seal.hash, projections: inner.projections)
        if let constitution = seal.constitution { try checkFit(of: constitution) }
    }

    /// A broken template is no reason not to serve a model to those who bring texts.
    private static func chatTemplates(
        of source: any ModelSource
    ) -> (ChatTemplateSet?, ModelFormatError?) {
        do throws(ModelFormatError) {
            return (try source.chatTemplates(), nil)
        } catch {
            return (nil, error)
        }
    }

    private static func opening(
        _ tokenizer: Tokenizer, _ config: ModelConfig, model: String
    ) throws -> [TokenID] {
        let opening = tokenizer.opening(for: config)
        guard !opening.isEmpty else {
            throw CortexError.missing(
                file: "a start token in \(model)",
                remedy: "A text is scored from its start token: add bos_token_id or eos_token_id "
                    + "to the configuration.")
        }
        guard opening.count < config.contextLength else {
            throw ModelFormatError.outOfBounds(
                file: model, location: "what the tokenizer puts before a text",
                found: "\(opening.count) tokens",
                allowed: "fewer than the context's \(config.contextLength)",
                remedy: "Check that both files are of the same model.")
        }
        return opening
    }

    /// A constitution with the hash of its file and who signed it.
    private typealias Sealed = (constitution: Constitution, hash: String, signer: VerifyingKey?)

    private static func seal(
        _ files: CoreFiles, _ rule: PlasticityRule, under sealed: Sealed?
    ) -> CoreSeal {
        CoreSeal(
            files: files.digests, zone: rule.safeZone, constitution: sealed?.constitution,
            hash: sealed?.hash ?? ContentDigest.none, signer: sealed?.signer)
    }

    /// Fills in what the sites read of a slice's hidden states.
    func addFeatures(to slice: inout FrozenSlice) {
        let hidden = slice.hidden
        autoencoder?.encode(
            hidden.span, count: hidden.count / slice.hiddenSize, latents: &slice.latents,
            values: &slice.values)
        addRuleFeatures(to: &slice)
    }

    /// The part of it that depends on the rule: whitened states and keys.
    func addRuleFeatures(to slice: inout FrozenSlice) {
        let hidden = slice.hidden
        let count = hidden.count / slice.hiddenSize
        slice.keySize = rule.episodeKeySize
        if rule.matrix.isOn, let whitening = rule.tensors.whitening {
            whitening.apply(hidden.span, count: count, into: &slice.whitened)
        } else {
            slice.whitened = []
        }
        if rule.episode.isOn, let projection = rule.tensors.keyProjection {
            projection.apply(
                hidden.span, count: count, centred: &slice.centred, into: &slice.keys)
        } else {
            slice.keys = []
        }
    }

    /// The same core and SAE under another rule, without reading them again. A constitution acts
    /// on with the rule that it was made for, and with no other.
    public func with(rule: PlasticityRule) throws -> Cortex {
        let sealed = seal.constitution.map { ($0, seal.hash, seal.signer) }
        return try Cortex(self, rule: rule, under: rule == self.rule ? sealed : nil)
    }

    /// The same core under another constitution, which need not have been written yet.
    /// - Throws: `ConstitutionError` when it does not fit this core.
    func with(constitution: Constitution) throws -> Cortex {
        let hash = ContentDigest.of(Array(constitution.yaml().utf8))
        return try Cortex(self, rule: rule, under: (constitution, hash, nil))
    }

    private init(_ other: Cortex, rule: PlasticityRule, under sealed: Sealed?) throws {
        folder = other.folder
        files = other.files
        inner = other.inner
        tappedBlocks = rule.tensors.recall?.blocks ?? other.tappedBlocks
        tokenizer = other.tokenizer
        modelName = other.modelName
        chatTemplates = other.chatTemplates
        chatFault = other.chatFault
        orders = other.orders
        opening = other.opening
        endOfText = other.endOfText
        autoencoder = other.autoencoder
        try rule.tensors.check(inner, file: "given")
        self.rule = rule
        var identity = other.identity
        if rule.layer == other.rule.layer {
            layerHook = other.layerHook
        } else {
            layerHook = try LayerHook(rule.layer, inner: inner, folder: folder)
            identity.sparseAutoencoder = files.autoencoderDigest(
                own: autoencoder != nil, layer: layerHook?.autoencoder != nil)
            identity.layerLatentCount = layerHook?.autoencoder?.latentCount ?? 0
        }
        identity.rule = try rule.contentHash()
        identity.episodeKeySize = rule.episodeKeySize
        seal = Self.seal(files, rule, under: sealed)
        identity.constitution = seal.hash
        self.identity = identity
        if let constitution = seal.constitution { try checkFit(of: constitution) }
    }

    public func emptyEngram() -> Engram { .empty(identity: identity) }

    /// An engram from elsewhere as one of this cortex.
    /// - Throws: `EngramError` unless it may be used here; it says why not.
    @discardableResult
    public func admit(_ engram: Engram) throws(EngramError) -> Engram {
        try engram.admitted(on: identity, within: zone, limits: rule.limits)
    }

    /// An engram of another cortex of the same shape as one of this.
    /// - Throws: as `Engram.transferred`.
    public func transfer(
        _ engram: Engram
    ) throws(EngramError) -> (Engram, TransferReport) {
        let (moved, report) = try engram.transferred(
            to: identity, within: zone, limits: rule.limits)
        return (try admit(moved), report)
    }

    /// Starts learning a text.
    /// - Parameters:
    ///   - tokens: the text; each within the vocabulary.
    ///   - ranges: which of the tokens are learned, ascending and disjoint; nil: all. The others
    ///     are what stands before them, and are neither predicted nor accounted for.
    ///   - reward: the third factor, −1...1; 1 is plain learning from the prediction error.
    ///   - said: places in the text that are the user's words, which alone become sayings; nil: all.
    ///   - spared: sites that speak and do not learn.
    public func startObserving(
        _ tokens: [TokenID], only ranges: [Range<Int>]? = nil, from engram: Engram,
        reward: Float = 1, said: [Range<Int>]? = nil, sparing spared: Set<PlasticSite> = []
    ) -> ObserveTask {
        let pass = TextPass(cortex: self, tokens: tokens)
        return ObserveTask(
            cortex: self, pass: pass, engram: engram, reward: reward, only: ranges, said: said,
            sparing: spared)
    }

    /// Starts measuring a text.
    public func startScoring(_ tokens: [TokenID], with engram: Engram) -> ScoreTask {
        ScoreTask(
            cortex: self, pass: TextPass(cortex: self, tokens: tokens), engram: engram)
    }

    /// Starts learning a recorded text.
    /// - Parameter text: recorded by a cortex of the same core and SAE; its rule may differ.
    public func startObserving(
        _ text: RecordedText, from engram: Engram, recorder: (any TokenRecorder)? = nil
    ) -> ObserveTask {
        let pass = TextPass(
            cortex: self, text: text, layer: engram.sites.layer, recorder: recorder)
        return ObserveTask(cortex: self, pass: pass, engram: engram, reward: 1)
    }

    /// Starts measuring a recorded text.
    /// - Parameter text: recorded by a cortex of the same core and SAE; its rule may differ.
    public func startScoring(
        _ text: RecordedText, with engram: Engram, recorder: (any TokenRecorder)? = nil
    ) -> ScoreTask {
        let pass = TextPass(
            cortex: self, text: text, layer: engram.sites.layer, recorder: recorder)
        return ScoreTask(cortex: self, pass: pass, engram: engram)
    }

    /// Starts generating.
    /// - Parameter contexts: where to look for the beginning of the prompt, and to leave the context
    ///   for the next turn, of one owner; the answer has the same bits without.
    public func startGenerating(
        _ request: GenerationRequest, with engram: Engram,
        in contexts: (store: ContextStore, owner: UserID)? = nil
    ) -> GenerationTask {
        GenerationTask(cortex: self, request: request, engram: engram, in: contexts)
    }
}
