import Engrams

@testable import Scheduling

/// Something that a user does, and what it must do to what is known, by plain set algebra: every
/// text is one element.
enum Move: Sendable, CustomStringConvertible {
    case observe(SessionID, text: Int)
    case checkpoint(SessionID)
    case reset(SessionID, ResetTarget)
    case restore(SessionID, CheckpointID)
    case merge(SessionID, MergeRequest)
    case importTotal(SessionID, of: CheckpointID?)
    case delete(CheckpointID)
    case create(SessionID, from: ResetTarget)
    case discard(SessionID)

    var description: String {
        switch self {
        case .observe(let id, let text): "\(id) observes \(text)"
        case .checkpoint(let id): "\(id) checkpoints"
        case .reset(let id, let target): "\(id) resets to \(target)"
        case .restore(let id, let checkpoint): "\(id) restores \(checkpoint)"
        case .merge(let id, let request): "\(id) merges \(request.mode) \(request.terms)"
        case .importTotal(let id, let checkpoint): "\(id) imports \(checkpoint?.rawValue ?? "-")"
        case .delete(let checkpoint): "\(checkpoint) is deleted"
        case .create(let id, let target): "\(id) is made from \(target)"
        case .discard(let id): "\(id) is discarded"
        }
    }
}

/// What each session, each checkpoint and the user's head must know. It knows nothing of engrams.
struct KnowledgeModel {
    struct Session: Equatable {
        var known: Set<Int> = []
        var base: CheckpointID?
        var superseded: CheckpointID?
    }

    struct Checkpoint {
        var known: Set<Int>
        /// What it says beyond is its own.
        var stem: CheckpointID?
        var isDeleted = false
    }

    private(set) var sessions: [SessionID: Session] = [:]
    private(set) var checkpoints: [CheckpointID: Checkpoint] = [:]
    private(set) var head: CheckpointID?
    /// Whether a difference was summed: what it leaves of what it took away is little, and not 0.
    private(set) var hasSummedDifferences = false

    /// - Parameter isPast: whether it was done, as the history was then: a checkpoint may have been
    ///   deleted that is in use in the history as it is now.
    /// - Returns: Whether it can be done; else nothing has changed.
    mutating func perform(_ move: Move, isPast: Bool = false) -> Bool {
        switch move {
        case .observe(let id, let text): sessions[id]?.known.insert(text)
        case .checkpoint(let id): keep(id)
        case .reset(let id, let target):
            guard let base = place(target) else { return false }
            sessions[id] = Session(
                known: known(base), base: base, superseded: base == head ? nil : head)
        case .restore(let id, let checkpoint):
            guard isThere(checkpoint) else { return false }
            sessions[id] = Session(known: known(checkpoint), base: checkpoint)
            head = checkpoint
        case .merge(let id, let request):
            var sum = request.mode == .add ? sessions[id]!.known : []
            for term in request.terms {
                // What is there twice is stronger than it was taught, which sets do not see.
                guard let known = self.known(of: term), known.isDisjoint(with: sum) else {
                    return false
                }
                sum.formUnion(known)
                if term.scope == .delta { hasSummedDifferences = true }
            }
            take(sum, into: id, inPlace: request.mode == .replace)
        case .importTotal(let id, let checkpoint):
            guard isThere(checkpoint) else { return false }
            take(known(checkpoint), into: id, inPlace: true)
        case .delete(let checkpoint):
            let isUsed = sessions.values.contains {
                $0.base == checkpoint || $0.superseded == checkpoint
            }
            guard isPast || isThere(checkpoint) && head != checkpoint && !isUsed else {
                return false
            }
            checkpoints[checkpoint]?.isDeleted = true
        case .create(let id, let target):
            guard sessions[id] == nil, let base = place(target) else { return false }
            sessions[id] = Session(known: known(base), base: base)
        case .discard(let id): sessions[id] = nil
        }
        return true
    }

    /// Three sets: what the session has, what the head has, and what both began with.
    private mutating func keep(_ id: SessionID) {
        let session = sessions[id]!
        let (mine, theirs) = (session.known, known(head))
        let common = known(session.superseded ?? session.base)
        let kept =
            session.superseded == nil
            ? mine.intersection(theirs).intersection(common)
                .union(mine.subtracting(common)).union(theirs.subtracting(common))
            : mine.union(theirs.subtracting(common))
        let checkpoint = CheckpointID(rawValue: "ckpt-\(checkpoints.count + 1)")
        checkpoints[checkpoint] = Checkpoint(
            known: kept, stem: session.superseded == nil ? head : session.base)
        head = checkpoint
        sessions[id] = Session(known: kept, base: checkpoint)
    }

    private mutating func take(_ known: Set<Int>, into id: SessionID, inPlace: Bool) {
        var session = sessions[id]!
        session.known = known
        if inPlace { session.superseded = session.superseded ?? session.base }
        sessions[id] = session
    }

    func known(_ checkpoint: CheckpointID?) -> Set<Int> {
        checkpoint.flatMap { checkpoints[$0]?.known } ?? []
    }

    func isThere(_ checkpoint: CheckpointID?) -> Bool {
        checkpoint.map { checkpoints[$0]?.isDeleted == false } ?? true
    }

    /// Nil for one that is not there.
    private func place(_ target: ResetTarget) -> CheckpointID?? {
        let place = target.checkpoint(head: head)
        return isThere(place) ? .some(place) : nil
    }

    /// Nil where it is not there, or where the difference takes away: sets know no less than
    /// nothing.
    func known(of term: MergeRequest.Term) -> Set<Int>? {
        let (whole, stem): (Set<Int>, CheckpointID?)
        switch term.source {
        case .checkpoint(let id):
            guard isThere(id), let found = checkpoints[id] else { return nil }
            (whole, stem) = (found.known, found.stem)
        case .session(let name):
            guard let found = sessions[SessionID(user: alice.user, name: name)] else { return nil }
            (whole, stem) = (found.known, found.base)
        }
        guard term.scope == .delta else { return whole }
        guard isThere(stem), whole.isSuperset(of: known(stem)) else { return nil }
        return whole.subtracting(known(stem))
    }
}
