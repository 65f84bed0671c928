import Engrams
import Foundation
import InnerCortex
import Kernels
import ModelFormats

/// The sites in the order in which the neuromodulator knows them.
enum SiteIndex {
    static let matrix = 0
    static let feature = 1
    static let bias = 2
    static let layer = 3
    static let episode = 4
    /// Sequence synapses of order 1; the others follow.
    static let firstSequence = 5

    static func count(orders: Int) -> Int { firstSequence + orders }
}

extension PlasticityRule {
    /// F: how many local statistics the neuromodulator reads.
    public var statisticCount: Int { LocalStatistics.count(orders: orderRates.count) }
    /// K: how many sites it gates.
    public var siteCount: Int { SiteIndex.count(orders: orderRates.count) }
}

/// A term that touches a few tokens.
struct SparseTerm {
    var tokens: [Int32] = []
    /// Logits, beside them.
    var weights: [Float] = []

    var isEmpty: Bool { tokens.isEmpty }

    mutating func removeAll() {
        tokens.removeAll(keepingCapacity: true)
        weights.removeAll(keepingCapacity: true)
    }

    mutating func remove(_ protected: ProtectedSites) {
        for index in tokens.indices.reversed() where protected.hasToken(tokens[index]) {
            tokens.remove(at: index)
            weights.remove(at: index)
        }
    }

    mutating func append(_ token: Int32, _ weight: Float) {
        tokens.append(token)
        weights.append(weight)
    }
}

/// What each plastic site says at one position: m_kj, logits a token, its slow gain included and
/// the neuromodulator's not. Holds the buffers of one stream, made once.
struct SiteTerms {
    /// Terms over the whole vocabulary, empty arrays where a site is silent; shape [vocabulary].
    /// In the order of `SiteIndex`: matrix, feature, bias, layer.
    private(set) var dense: [[Float]]
    private(set) var episode = SparseTerm()
    /// By order.
    private(set) var sequences: [SparseTerm]
    /// Contexts of the position, newest token first: keys of order 1, 2, …
    private(set) var contextKeys: [ContextKey] = []
    private(set) var neighbours: Neighbourhood
    /// q = A·M·ĥ, shape [hidden].
    private var direction: [Float] = []
    private var product: [Float] = []
    private let cortex: Cortex
    private let rule: PlasticityRule

    init(cortex: Cortex) {
        self.cortex = cortex
        rule = cortex.rule
        neighbours = Neighbourhood(vocabularySize: cortex.inner.config.vocabularySize)
        dense = [[Float]](repeating: [], count: SiteIndex.episode)
        sequences = [SparseTerm](repeating: SparseTerm(), count: cortex.rule.orderRates.count)
        direction = [Float](repeating: 0, count: cortex.inner.config.hiddenSize)
        product = direction
    }

    private var vocabularySize: Int { cortex.inner.config.vocabularySize }

    /// The contexts that end with the newest token of `history`.
    mutating func setContexts(history: ArraySlice<Int32>) {
        ContextKey.contexts(ending: history, orders: sequences.count, into: &contextKeys)
    }

    /// Computes every site's term at row `row` of a slice; `setContexts` came before.
    /// - Parameter frozen: p0, shape [vocabulary].
    /// - Complexity: O(synapses of the active latents + neighbours), and O(vocabulary) for each
    ///   dense site that is not silent; M adds O(vocabulary·hidden).
    mutating func compute(_ slice: FrozenSlice, row: Int, frozen: [Float], sites: PlasticSites) {
        readMatrix(slice, row: row, sites: sites, isOn: rule.matrix.isOn)
        readFeatures(slice, row: row, sites: sites, isOn: rule.feature.isOn)
        readBias(sites, isOn: rule.bias.isOn)
        readLayer(slice, row: row, sites: sites)
        for order in sequences.indices {
            sequences[order].removeAll()
            guard order < contextKeys.count, let context = sites.sequences[contextKeys[order]]
            else { continue }
            for index in context.targets.indices {
                let target = context.targets[index]
                sequences[order].append(target.token, target.weight * sites.gains.sequence)
            }
        }
        episode.removeAll()
        readEpisodes(slice, row: row, frozen: frozen, sites: sites)
        silence(cortex.zone.protected)
    }

    /// What no site may say: nothing of a protected token, so that neither the readout nor the
    /// neuromodulator's statistics nor the gains' drives see a term of it. M and the layer site
    /// alone can have made one, for they act on directions and not on tokens.
    private mutating func silence(_ protected: ProtectedSites) {
        guard !protected.tokens.isEmpty else { return }
        for site in dense.indices where !dense[site].isEmpty {
            for token in protected.tokens { dense[site][Int(token)] = 0 }
        }
        episode.remove(protected)
        for order in sequences.indices { sequences[order].remove(protected) }
    }

    private mutating func readEpisodes(
        _ slice: FrozenSlice, row: Int, frozen: [Float], sites: PlasticSites
    ) {
        guard !slice.keys.isEmpty, !sites.episodes.isEmpty else { return }
        neighbours.find(
            in: sites.episodes, latents: slice.latents(row), values: slice.values(row),
            key: slice.keys.span.extracting(slice.keyRange(row)), rule: rule.episode)
        let strength = neighbours.strength(rule.episode)
        for index in neighbours.tokens.indices {
            let token = neighbours.tokens[index]
            let ratio =
                strength * neighbours.probabilities[index] / max(frozen[Int(token)], 1e-9)
            let term = min(log1p(ratio), cortex.zone.weightBound)
            episode.append(token, term * sites.gains.episode)
        }
    }

    private mutating func readMatrix(
        _ slice: FrozenSlice, row: Int, sites: PlasticSites, isOn: Bool
    ) {
        guard isOn, !sites.matrix.isEmpty, let whitening = rule.tensors.whitening else {
            silence(SiteIndex.matrix)
            return
        }
        do {
            var output = product.mutableSpan
            sites.matrix.apply(to: slice.whitened(row).span, into: &output)
        }
        whitening.unwhitened(product, into: &direction)
        for index in direction.indices { direction[index] *= sites.gains.matrix }
        cortex.inner.unembed(direction, count: 1, logits: &dense[SiteIndex.matrix])
    }

    private mutating func readFeatures(
        _ slice: FrozenSlice, row: Int, sites: PlasticSites, isOn: Bool
    ) {
        guard isOn, !sites.features.isEmpty else {
            silence(SiteIndex.feature)
            return
        }
        var term = takeCleared(SiteIndex.feature)
        for (latent, value) in zip(slice.latents(row), slice.values(row)) where value > 0 {
            var logits = term.mutableSpan
            sites.features.add(
                latent: latent, activity: value * sites.gains.feature, to: &logits)
        }
        dense[SiteIndex.feature] = term
    }

    private mutating func readBias(_ sites: PlasticSites, isOn: Bool) {
        guard isOn, !sites.bias.isEmpty else {
            silence(SiteIndex.bias)
            return
        }
        var term: [Float] = []
        swap(&term, &dense[SiteIndex.bias])
        if term.count != vocabularySize { term = sites.bias }
        Self.copy(sites.bias, scaledBy: sites.gains.bias, to: &term)
        dense[SiteIndex.bias] = term
    }

    /// The layer site's effect on the logits was computed with the slice, by running the blocks
    /// above its hookpoint.
    private mutating func readLayer(_ slice: FrozenSlice, row: Int, sites: PlasticSites) {
        guard !slice.layerTerm.isEmpty else {
            silence(SiteIndex.layer)
            return
        }
        var term = takeCleared(SiteIndex.layer)
        for (index, value) in slice.layerTerm[slice.rowRange(row)].enumerated() {
            term[index] = value * sites.gains.layer
        }
        dense[SiteIndex.layer] = term
    }

    private mutating func silence(_ site: Int) {
        if !dense[site].isEmpty { dense[site] = [] }
    }

    /// The site's buffer, all 0, out of its place so that it is changed without a copy.
    private mutating func takeCleared(_ site: Int) -> [Float] {
        var term: [Float] = []
        swap(&term, &dense[site])
        guard term.count == vocabularySize else {
            return [Float](repeating: 0, count: vocabularySize)
        }
        for index in term.indices { term[index] = 0 }
        return term
    }

    private static func copy(_ x: [Float], scaledBy factor: Float, to y: inout [Float]) {
        var target = y.mutableSpan
        VectorKernels.copy(x.span, into: &target)
        if factor != 1 { VectorKernels.scale(&target, by: factor) }
    }

    /// shift_j = Σ_k gain_k·m_kj.
    /// - Parameter gains: the neuromodulator's, one a site; nil is 1 each.
    func sum(gains: [Float]?, into shift: inout [Float]) {
        var isFirst = true
        for site in dense.indices where !dense[site].isEmpty {
            let gain = gains?[site] ?? 1
            if isFirst {
                Self.copy(dense[site], scaledBy: gain, to: &shift)
            } else {
                VectorKernels.addScaled(dense[site], gain, to: &shift)
            }
            isFirst = false
        }
        if isFirst { for index in shift.indices { shift[index] = 0 } }
        func add(_ term: SparseTerm, _ gain: Float) {
            for (token, weight) in zip(term.tokens, term.weights) {
                shift[Int(token)] += gain * weight
            }
        }
        add(episode, gains?[SiteIndex.episode] ?? 1)
        for order in sequences.indices {
            add(sequences[order], gains?[SiteIndex.firstSequence + order] ?? 1)
        }
    }
}

extension PlasticSites {
    /// Whether nothing was ever learned, so that the prediction is the frozen core's.
    var isSilent: Bool {
        bias.isEmpty && sequences.isEmpty && features.isEmpty && matrix.isEmpty && layer.isEmpty
            && episodes.isEmpty
    }
}
