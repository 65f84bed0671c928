import ModelFormats

/// What two engrams of one cortex differ in, from the first to the second: site by site, and where
/// most.
public struct EngramComparison: Sendable, Equatable {
    /// One site: how many weights it holds and their Euclidean norm (logits; the layer site's in
    /// units of the residual's norm), and what became of them. Episodes have counts alone.
    public struct Site: Sendable, Equatable {
        public var name: String
        public var countBefore = 0
        public var countAfter = 0
        public var normBefore: Float = 0
        public var normAfter: Float = 0
        /// Of the weights' differences.
        public var normOfChange: Float = 0
        /// Weights that are in the second alone, in the first alone, and in both with another value.
        public var added = 0
        public var removed = 0
        public var changed = 0

        init(name: String) { self.name = name }
    }

    /// A weight onto a token, logits; 0 where there is none.
    public struct Push: Sendable, Equatable {
        public var token: Int32
        public var before: Float
        public var after: Float

        public var change: Float { after - before }
    }

    /// A latent's row of W.
    public struct Latent: Sendable, Equatable {
        public var latent: Int32
        public var normAfter: Float
        public var normOfChange: Float
        /// How often it was at work in what the second learned.
        public var familiarity: Int32
        /// The tokens whose weight changed, the largest change first.
        public var pushes: [Push]
    }

    /// A context's targets in N.
    public struct Context: Sendable, Equatable {
        public var key: ContextKey
        public var order: Int
        public var normOfChange: Float
        /// The targets whose weight changed, the largest change first.
        public var pushes: [Push]
    }

    /// What changed for one token, at all sites that name it: sums of differences, logits.
    public struct Token: Sendable, Equatable {
        public var token: Int32
        public var bias: Float = 0
        /// Over all latents, and over all contexts.
        public var features: Float = 0
        public var sequences: Float = 0
        /// Σ|difference| over all of its weights: what tokens are ranked by.
        public var total: Float = 0
    }

    public var sites: [Site]
    /// Each list by its size of change, the largest first; what did not change is not listed.
    public var latents: [Latent]
    public var contexts: [Context]
    public var tokens: [Token]
    /// Tokens whose bias changed.
    public var biases: [Push]
}

extension Engram {
    /// What differs from this engram to another.
    /// - Parameters:
    ///   - limit: how many latents, contexts, tokens and biases are listed at most.
    ///   - pushLimit: how many pushes of one latent or context, of each sign.
    /// - Precondition: Both were learned on one cortex.
    /// - Complexity: O(n log n) in what both hold.
    public func comparison(
        with other: Engram, limit: Int, pushLimit: Int
    ) -> EngramComparison {
        precondition(
            identity.isSameCortex(as: other.identity), "engrams of two cortices do not compare")
        var comparing = SiteComparing(limit: limit, pushLimit: pushLimit)
        return comparing.compare(sites, other.sites)
    }
}

/// The sums of one comparison on their way.
private struct SiteComparing {
    typealias Push = EngramComparison.Push
    let limit: Int
    let pushLimit: Int
    private var tokens: [Int32: EngramComparison.Token] = [:]

    init(limit: Int, pushLimit: Int) {
        self.limit = limit
        self.pushLimit = pushLimit
    }

    mutating func compare(_ a: PlasticSites, _ b: PlasticSites) -> EngramComparison {
        let (bias, biases) = compareBiases(a, b)
        let (sequence, contexts) = compareSequences(a.sequences, b.sequences)
        let (feature, latents) = compareFeatures(a, b)
        let matrix = compareDense("matrix", a.matrix, b.matrix)
        let layer = compareLayer(a.layer, b.layer)
        let episodes = Self.compareEpisodes(a.episodes, b.episodes)
        let sayings = Self.compareSayings(a.sayings, b.sayings)
        return EngramComparison(
            sites: [bias, sequence, feature, matrix, episodes, layer, sayings],
            latents: top(latents, by: \.normOfChange), contexts: top(contexts, by: \.normOfChange),
            tokens: top(tokens.values.sorted { $0.token < $1.token }, by: \.total),
            biases: top(biases) { abs($0.change) })
    }

    private func top<Item>(_ items: [Item], by size: (Item) -> Float) -> [Item] {
        let sizes = items.map(size)
        let ranked = items.indices.filter { sizes[$0] > 0 }.sorted { (a: Int, b: Int) -> Bool in
            sizes[a] == sizes[b] ? a < b : sizes[a] > sizes[b]
        }
        return ranked.prefix(limit).map { items[$0] }
    }

    /// Each sign's largest changes, all by magnitude.
    private func strongest(_ pushes: [Push]) -> [Push] {
        let ranked = pushes.filter { $0.change != 0 }.sorted { (a: Push, b: Push) -> Bool in
            let (x, y) = (abs(a.change), abs(b.change))
            return x == y ? a.token < b.token : x > y
        }
        var left = (up: pushLimit, down: pushLimit)
        return ranked.filter { push in
            if push.change > 0 {
                left.up -= 1
                return left.up >= 0
            }
            left.down -= 1
            return left.down >= 0
        }
    }

    private mutating func note(
        _ push: Push, _ site: WritableKeyPath<EngramComparison.Token, Float>
    ) {
        guard push.change != 0 else { return }
        tokens[push.token, default: .init(token: push.token)][keyPath: site] += push.change
        tokens[push.token]?.total += abs(push.change)
    }

    private mutating func compareBiases(
        _ a: PlasticSites, _ b: PlasticSites
    ) -> (EngramComparison.Site, [Push]) {
        var tally = Tally()
        var pushes: [Push] = []
        for index in 0..<max(a.bias.count, b.bias.count) {
            let push = Push(
                token: Int32(index), before: a.bias.isEmpty ? 0 : a.bias[index],
                after: b.bias.isEmpty ? 0 : b.bias[index])
            tally.add(push.before, push.after)
            note(push, \.bias)
            if push.change != 0 { pushes.append(push) }
        }
        return (tally.site("bias"), pushes)
    }

    private mutating func compareFeatures(
        _ a: PlasticSites, _ b: PlasticSites
    ) -> (EngramComparison.Site, [EngramComparison.Latent]) {
        var rows: [Int32: [Int32: Push]] = [:]
        for (latent, synapse) in a.features.sorted() {
            rows[latent, default: [:]][synapse.token] = Push(
                token: synapse.token, before: synapse.weight, after: 0)
        }
        for (latent, synapse) in b.features.sorted() {
            rows[latent, default: [:]][
                synapse.token, default: Push(token: synapse.token, before: 0, after: 0)
            ].after = synapse.weight
        }
        var whole = Tally()
        var latents: [EngramComparison.Latent] = []
        for latent in rows.keys.sorted() {
            let pushes = (rows[latent] ?? [:]).values.sorted { $0.token < $1.token }
            var tally = Tally()
            for push in pushes {
                tally.add(push.before, push.after)
                whole.add(push.before, push.after)
                note(push, \.features)
            }
            latents.append(
                .init(
                    latent: latent, normAfter: tally.site("").normAfter,
                    normOfChange: tally.site("").normOfChange,
                    familiarity: b.familiarity.indices.contains(Int(latent))
                        ? b.familiarity[Int(latent)] : 0,
                    pushes: strongest(pushes)))
        }
        return (whole.site("features"), latents)
    }

    private mutating func compareSequences(
        _ a: SequenceSynapses, _ b: SequenceSynapses
    ) -> (EngramComparison.Site, [EngramComparison.Context]) {
        var whole = Tally()
        var contexts: [EngramComparison.Context] = []
        let both = Dictionary(
            grouping: a.sorted().map { ($0, true) } + b.sorted().map { ($0, false) }
        ) { $0.0.key }
        for key in both.keys.sorted() {
            var pushes: [Int32: Push] = [:]
            var (tally, order) = (Tally(), 0)
            for (context, isBefore) in both[key] ?? [] {
                order = context.order
                for target in context.targets {
                    var push =
                        pushes[target.token] ?? Push(token: target.token, before: 0, after: 0)
                    if isBefore { push.before = target.weight } else { push.after = target.weight }
                    pushes[target.token] = push
                }
            }
            let sorted = pushes.values.sorted { $0.token < $1.token }
            for push in sorted {
                tally.add(push.before, push.after)
                whole.add(push.before, push.after)
                note(push, \.sequences)
            }
            contexts.append(
                .init(
                    key: key, order: order, normOfChange: tally.site("").normOfChange,
                    pushes: strongest(sorted)))
        }
        return (whole.site("sequences"), contexts)
    }

    private func compareDense(
        _ name: String, _ a: DenseSynapses, _ b: DenseSynapses
    ) -> EngramComparison.Site {
        var tally = Tally()
        tally.add(a.weights, b.weights)
        return tally.site(name)
    }

    private func compareLayer(_ a: LayerSynapses, _ b: LayerSynapses) -> EngramComparison.Site {
        var tally = Tally()
        tally.add(a.dense.weights, b.dense.weights)
        for latent in Set(a.sortedLatents + b.sortedLatents).sorted() {
            tally.add(a.decoder[latent] ?? [], b.decoder[latent] ?? [])
        }
        // By what they do: the same change of weights can be factored in many ways.
        for site in Set(a.deltas.keys).union(b.deltas.keys).sorted() {
            tally.add(a.deltas[site]?.product ?? [], b.deltas[site]?.product ?? [])
        }
        return tally.site("layer")
    }

    private static func compareSayings(
        _ a: SayingMemory, _ b: SayingMemory
    ) -> EngramComparison.Site {
        var site = EngramComparison.Site(name: "sayings")
        (site.countBefore, site.countAfter) = (a.count, b.count)
        (site.added, site.removed) = (b.without(a).count, a.without(b).count)
        return site
    }

    /// Positions are told apart by what finds them and what followed: keys lose bits at a
    /// checkpoint.
    private static func compareEpisodes(
        _ a: EpisodicMemory, _ b: EpisodicMemory
    ) -> EngramComparison.Site {
        struct Mark: Hashable {
            let latents: [Int32]
            let token: Int32
        }
        var site = EngramComparison.Site(name: "episodes")
        (site.countBefore, site.countAfter) = (a.count, b.count)
        var balance: [Mark: Int] = [:]
        for episode in b.stored {
            balance[Mark(latents: episode.latents, token: episode.token), default: 0] += 1
        }
        for episode in a.stored {
            balance[Mark(latents: episode.latents, token: episode.token), default: 0] -= 1
        }
        for count in balance.values {
            site.added += max(0, count)
            site.removed += max(0, -count)
        }
        return site
    }
}

/// Counts and sums of squares over pairs of weights.
private struct Tally {
    private var sums = EngramComparison.Site(name: "")

    mutating func add(_ before: Float, _ after: Float) {
        if before != 0 { sums.countBefore += 1 }
        if after != 0 { sums.countAfter += 1 }
        if before == 0, after != 0 { sums.added += 1 }
        if before != 0, after == 0 { sums.removed += 1 }
        if before != 0, after != 0, before != after { sums.changed += 1 }
        sums.normBefore += before * before
        sums.normAfter += after * after
        sums.normOfChange += (after - before) * (after - before)
    }

    /// An empty array stands for zeros.
    mutating func add(_ before: [Float], _ after: [Float]) {
        for index in 0..<max(before.count, after.count) {
            add(before.isEmpty ? 0 : before[index], after.isEmpty ? 0 : after[index])
        }
    }

    func site(_ name: String) -> EngramComparison.Site {
        var site = sums
        site.name = name
        site.normBefore = site.normBefore.squareRoot()
        site.normAfter = site.normAfter.squareRoot()
        site.normOfChange = site.normOfChange.squareRoot()
        return site
    }
}
