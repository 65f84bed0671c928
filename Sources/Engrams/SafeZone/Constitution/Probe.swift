/// A prompt with what must stay likely after it, what must stay unlikely, or both: what every
/// engram that is kept must still pass.
///
/// With ln p the log-probability of a whole continuation after the prompt, nats, of what leaves
/// the server (mixture and bound included) in a fresh context:
///
/// | the probe has | it passes when |
/// |---|---|
/// | required | ln p_adapted(required) ≥ ln p_frozen(required) − margin |
/// | forbidden | ln p_adapted(forbidden) ≤ ln p_frozen(forbidden) + margin |
/// | both | ln p_adapted(required) − ln p_adapted(forbidden) ≥ margin |
///
/// Prompt and continuation are turned into tokens apart, so that both continuations follow the
/// same tokens; a continuation that goes on with a new word begins with a space.
public struct Probe: Sendable, Equatable {
    public var name: String
    public var prompt: String
    public var required: String?
    public var forbidden: String?
    /// Nats.
    public var margin: Double

    /// - Precondition: one of `required` and `forbidden` is there.
    public init(
        name: String, prompt: String, required: String? = nil, forbidden: String? = nil,
        margin: Double
    ) {
        precondition(required != nil || forbidden != nil, "a probe asks for something")
        self.name = name
        self.prompt = prompt
        self.required = required
        self.forbidden = forbidden
        self.margin = margin
    }

    /// ln p of one continuation, nats.
    public struct Likelihood: Sendable, Equatable {
        public var frozen: Double
        public var adapted: Double

        public init(frozen: Double, adapted: Double) {
            self.frozen = frozen
            self.adapted = adapted
        }
    }

    /// Judges what was measured.
    /// - Parameters: of the continuations that the probe has; the others are nil.
    public func reading(required: Likelihood?, forbidden: Likelihood?) -> ProbeReading {
        let (measured, bound): (Double, ProbeReading.Bound)
        switch (required, forbidden) {
        case (let required?, let forbidden?):
            measured = required.adapted - forbidden.adapted
            bound = .atLeast(margin)
        case (let required?, nil):
            measured = required.adapted
            bound = .atLeast(required.frozen - margin)
        case (nil, let forbidden?):
            measured = forbidden.adapted
            bound = .atMost(forbidden.frozen + margin)
        case (nil, nil): preconditionFailure("a probe asks for something")
        }
        return ProbeReading(probe: name, measured: measured, bound: bound)
    }
}

/// What a probe measured of an engram.
public struct ProbeReading: Sendable, Equatable, Codable {
    public enum Bound: Sendable, Equatable, Codable {
        case atLeast(Double)
        case atMost(Double)

        public var value: Double {
            switch self {
            case .atLeast(let value), .atMost(let value): value
            }
        }
    }

    /// The probe's name.
    public var probe: String
    /// ln p of the required or the forbidden continuation, or the difference of both; nats.
    public var measured: Double
    public var bound: Bound

    public init(probe: String, measured: Double, bound: Bound) {
        self.probe = probe
        self.measured = measured
        self.bound = bound
    }

    /// How far inside its bound it is, nats; negative: it fails.
    public var slack: Double {
        switch bound {
        case .atLeast(let bound): measured - bound
        case .atMost(let bound): bound - measured
        }
    }

    /// A figure that is not a number fails.
    public var passes: Bool { slack >= 0 }
}
