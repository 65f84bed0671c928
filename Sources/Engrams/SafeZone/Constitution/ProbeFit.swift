/// What was turned down in an engram so that it passes the constitution's probes.
public struct ProbeFit: Sendable, Equatable, Codable {
    /// How much of the engram was turned down: from what pushes the probes' own tokens to all of it.
    public enum Scope: String, Sendable, CaseIterable, Codable {
        /// At the probes' positions, what lowers a required token and what raises a forbidden one.
        case continuations
        /// All that speaks at the probes' positions: their contexts, their latents and what is
        /// remembered of such places; and of the biases, those on the probes' tokens.
        case positions
        /// That, and the layer weights, which act on directions and not on tokens.
        case layers
        /// The whole engram.
        case everything
    }

    public var scope: Scope
    /// What is left of it, in steps of 1/16: 0 is nothing.
    public var scale: Double
    /// The probes that failed before, by name, in the constitution's order.
    public var probes: [String]

    public init(scope: Scope, scale: Double, probes: [String]) {
        self.scope = scope
        self.scale = scale
        self.probes = probes
    }
}
