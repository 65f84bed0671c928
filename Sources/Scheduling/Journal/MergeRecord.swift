import Engrams

/// What a merge event needs to be done again: its terms by reference, so that a history that
/// changes (an event forgotten) changes what was merged from it too.
struct MergeRecord: Sendable, Equatable, Codable {
    /// A state in the user's history.
    enum Reference: Sendable, Hashable, Codable {
        case checkpoint(CheckpointID)
        /// The session's total after its event of that number; 0: as it began.
        case session(SessionName, sequence: Int)
        /// What the session's delta stood on then; the frozen core too.
        case base(SessionName, sequence: Int)
        /// What the checkpoint's own part came on top of; the frozen core too.
        case stem(CheckpointID)

        /// Where it is in the user's history.
        var point: HistoryPoint {
            switch self {
            case .checkpoint(let id): .checkpoint(id)
            case .session(let name, let sequence): .state(name, sequence)
            case .base(let name, let sequence): .base(name, sequence)
            case .stem(let id): .stem(id)
            }
        }
    }

    struct Term: Sendable, Equatable, Codable {
        var content: Reference
        /// What is taken off `content` first; nil: nothing.
        var base: Reference?
        var scale: Float
    }

    var terms: [Term]
    var mode: MergeRequest.Mode
    var rescale: MergeRescale
    /// Sites of the terms that take no part, in the order of their names; nil: none, as in records
    /// from before they could be left out.
    var without: [PlasticSite]?

    /// Everything that it refers to, each once, in the order of the terms.
    var references: [Reference] {
        var seen = Set<Reference>()
        return terms.flatMap { [$0.content] + ($0.base.map { [$0] } ?? []) }
            .filter { seen.insert($0).inserted }
    }

    /// The session's total after the merge.
    /// - Parameters:
    ///   - total: the session's before it.
    ///   - contents: of every reference, and no other.
    ///   - episodes: how many the result may remember.
    func apply(
        to total: Engram, contents: [Reference: Engram], within zone: SafeZone, episodes: Int
    ) -> Engram {
        func content(_ reference: Reference) -> Engram {
            guard let engram = contents[reference] else {
                preconditionFailure("every reference has been resolved")
            }
            return engram
        }
        var merged = Engram.merged(
            terms.map { term in
                let whole = content(term.content)
                let part = term.base.map { whole.contribution(beyond: content($0)) } ?? whole
                return .init(part.without(Set(without ?? [])), scale: term.scale)
            }, onto: mode == .add ? total : nil, rescale: rescale, within: zone,
            episodes: episodes)
        merged.parent = total.parent
        return merged
    }
}
