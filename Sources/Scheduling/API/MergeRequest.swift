public import Engrams

/// Delta arithmetic on a session: a sum of scaled engrams of its user takes the place of the
/// session's total, or is added to it.
public struct MergeRequest: Sendable, Equatable {
    public var terms: [Term]
    public var mode: Mode
    public var rescale: MergeRescale
    /// Sites of the terms that take no part.
    public var without: Set<PlasticSite>
    public var ifMatch: Revision?

    public init(
        terms: [Term], mode: Mode = .replace, rescale: MergeRescale = .sqrt,
        without: Set<PlasticSite> = [], ifMatch: Revision? = nil
    ) {
        self.terms = terms
        self.mode = mode
        self.rescale = rescale
        self.without = without
        self.ifMatch = ifMatch
    }

    /// How many terms a request may have, and how far each may be scaled either way.
    public static let termsMaximum = 64
    public static let scaleMaximum: Float = 16

    public enum Mode: String, Sendable, Codable { case replace, add }

    public struct Term: Sendable, Equatable {
        public enum Source: Sendable, Equatable {
            case checkpoint(CheckpointID)
            /// As it is when the request has its turn.
            case session(SessionName)
        }

        public var source: Source
        public var scale: Float
        public var scope: Scope

        public init(_ source: Source, scale: Float = 1, scope: Scope = .total) {
            self.source = source
            self.scale = scale
            self.scope = scope
        }
    }

    public enum Scope: String, Sendable {
        /// All that it holds.
        case total
        /// What it holds beyond the checkpoint that it stands on.
        case delta
    }
}

public struct MergeResult: Sendable {
    public var event: EventID
    public var session: SessionState
    /// What was turned down so that the sum passes the constitution's probes; nil: nothing.
    public var fit: ProbeFit?
    public init(event: EventID, session: SessionState, fit: ProbeFit? = nil) {
        self.event = event
        self.session = session
        self.fit = fit
    }
}
