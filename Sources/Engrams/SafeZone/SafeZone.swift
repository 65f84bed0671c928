import Foundation

/// The bounds that no engram and no output may leave (DESIGN §5).
public struct SafeZone: Sendable, Equatable, Codable {
    /// ε: the largest KL(output ‖ frozen) of a token, nats.
    public var maximumDivergence: Double = 4
    /// w0: the weight that adaptation starts with in every context, in 0..<1.
    public var initialTrust: Double = 0.9
    /// The largest share of the adapted distribution in an output: a token keeps at least
    /// 1 − this of its frozen probability.
    public var maximumTrust: Double = 0.95
    /// s: the share of trust that returns to w0 at each token (Herbster and Warmuth 1998).
    public var trustShare: Double = 1.0 / 500
    /// The largest |b_j|, |N_j| and |W_ij|, logits.
    public var weightBound: Float = 8
    /// The largest Frobenius norm of M, logits at unit activity; bounds its spectral norm too.
    public var matrixBound: Float = 64
    /// Each site's gain stays within these.
    public var minimumGain: Float = 0.2
    public var maximumGain: Float = 3
    /// How many latent → token synapses, and contexts, an engram may keep.
    public var synapseBudget: Int = 20_000
    public var contextBudget: Int = 10_000
    /// How many tokens a context may keep.
    public var targetsPerContext: Int = 12
    /// Learning pauses while the running mean of the frozen loss exceeds this, nats a token.
    public var learningGate: Float = 7
    /// What plasticity may not push; a constitution names it, no rule does.
    public var protected = ProtectedSites()

    public init() {}

    private enum CodingKeys: String, CodingKey {
        case maximumDivergence = "maximum_divergence"
        case initialTrust = "initial_trust"
        case maximumTrust = "maximum_trust"
        case trustShare = "trust_share"
        case weightBound = "weight_bound"
        case matrixBound = "matrix_bound"
        case minimumGain = "minimum_gain"
        case maximumGain = "maximum_gain"
        case synapseBudget = "synapse_budget"
        case contextBudget = "context_budget"
        case targetsPerContext = "targets_per_context"
        case learningGate = "learning_gate"
    }

    /// The most that a text of `tokens` tokens can cost above the frozen core, nats, whatever the
    /// engram holds: ln(1/(1−w0)) − n·ln(1−s·w0). `NoHarmMixture` says why.
    public func harmBound(tokens: Int) -> Double {
        -log(1 - initialTrust) - Double(tokens) * log(1 - trustShare * initialTrust)
    }

    /// Throws when a number is outside the range in which the bounds hold.
    public func validate() throws(EngramError) {
        let checks: [(String, Double, ClosedRange<Double>)] = [
            ("maximum_divergence", maximumDivergence, 0...100),
            ("initial_trust", initialTrust, 0...0.999),
            ("maximum_trust", maximumTrust, 0...0.999),
            ("trust_share", trustShare, 0...1),
            ("weight_bound", Double(weightBound), 0.001...100),
            ("matrix_bound", Double(matrixBound), 0.001...10_000),
            ("minimum_gain", Double(minimumGain), 0...1),
            ("maximum_gain", Double(maximumGain), 1...10),
            ("synapse_budget", Double(synapseBudget), 0...100_000_000),
            ("context_budget", Double(contextBudget), 0...100_000_000),
            ("targets_per_context", Double(targetsPerContext), 1...1024),
            ("learning_gate", Double(learningGate), 0...1000),
        ]
        for (name, value, allowed) in checks where !allowed.contains(value) {
            throw .malformed(
                file: "The safe zone", reason: "\(name) is \(value), outside \(allowed)")
        }
    }

    /// Slows a weight that grows towards the bound, so that it nears it smoothly instead of hitting
    /// it.
    ///
    /// w ← w + Δ·(1 − (w/bound)²) when Δ drives w outwards, w + Δ otherwise; then clipped, since
    /// one step may be larger than what is left.
    /// - Parameter cap: a site's own bound, where it is the tighter one.
    @inline(__always)
    public func squashed(
        _ weight: Float, adding change: Float, cap: Float = .infinity
    ) -> Float {
        let bound = min(weightBound, cap)
        let ratio = weight / bound
        let outward = weight * change > 0
        let next = weight + (outward ? change * (1 - ratio * ratio) : change)
        return max(-bound, min(bound, next))
    }

    /// A missing key keeps its default, so that a rule file states only what it changes.
    public init(from decoder: any Decoder) throws {
        self.init()
        let box = try decoder.container(keyedBy: CodingKeys.self)
        func read<T: Decodable>(_ key: CodingKeys, _ value: inout T) throws {
            if let found = try box.decodeIfPresent(T.self, forKey: key) { value = found }
        }
        try read(.maximumDivergence, &maximumDivergence)
        try read(.initialTrust, &initialTrust)
        try read(.maximumTrust, &maximumTrust)
        try read(.trustShare, &trustShare)
        try read(.weightBound, &weightBound)
        try read(.matrixBound, &matrixBound)
        try read(.minimumGain, &minimumGain)
        try read(.maximumGain, &maximumGain)
        try read(.synapseBudget, &synapseBudget)
        try read(.contextBudget, &contextBudget)
        try read(.targetsPerContext, &targetsPerContext)
        try read(.learningGate, &learningGate)
    }
}
