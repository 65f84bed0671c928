import EngramStorage
import Engrams
import OuterCortex

/// A user's history as a graph: which engram came from which others, with one event left out if
/// that is asked for. It knows outlines only, so it is worked out without an engram or a text.
struct HistoryGraph: Sendable {
    /// What holds of a session beside its engram, after an event.
    struct Bearings: Sendable, Equatable {
        var base: CheckpointID?
        /// As in `SessionRecord`.
        var superseded: CheckpointID?
        var streak = 0

        var common: CheckpointID? { superseded ?? base }
        /// Once another total has taken the session's place.
        var replaced: Bearings { Bearings(base: base, superseded: common) }
    }

    struct Omission: Sendable, Equatable {
        var session: SessionName
        var sequence: Int
    }

    let omitted: Omission?
    private let sessions: [SessionName: SessionHistory]
    private let checkpoints: [CheckpointID: CheckpointHistory]
    /// By event number, from 0.
    private var bearings: [SessionName: [Bearings]] = [:]
    private var merges: [EventID: MergeRecord] = [:]

    /// - Throws: `.corrupt` for an event whose payload cannot be read.
    /// - Complexity: O(events).
    init(_ history: UserHistory, without omitted: Omission? = nil) throws {
        self.omitted = omitted
        sessions = Dictionary(
            history.sessions.map { ($0.record.id.name, $0) },
            uniquingKeysWith: { first, _ in first })
        checkpoints = Dictionary(
            history.checkpoints.map { ($0.record.id, $0) }, uniquingKeysWith: { first, _ in first })
        for session in history.sessions { try walk(session) }
    }

    private mutating func walk(_ session: SessionHistory) throws {
        let name = session.record.id.name
        var present = Bearings(base: session.record.origin)
        var all = [present]
        all.reserveCapacity(session.events.count + 1)
        for (index, event) in session.events.enumerated() {
            if hasEffect(event, at: Omission(session: name, sequence: index + 1)) {
                switch event.kind {
                case .reset, .restore:
                    present = Bearings(base: event.target, superseded: event.superseded)
                case .checkpoint: (present.base, present.superseded) = (event.target, nil)
                case .import: present = present.replaced
                case .merge:
                    let record = try MergeRecord(payload: event.payload)
                    merges[event.id] = record
                    present.streak = 0
                    if record.mode == .replace { present = present.replaced }
                case .feedback:
                    let record = try FeedbackRecord(payload: event.payload)
                    present.streak = FeedbackRule.streak(
                        after: present.streak, rewards: record.answers.map(\.reward))
                case .observe, .completion, .forget: break
                }
            }
            all.append(present)
        }
        bearings[name] = all
    }

    private func hasEffect(_ event: EventOutline, at place: Omission) -> Bool {
        event.kind != .forget && !event.isForgotten && place != omitted
    }

    /// Nil where the history has no such moment.
    func bearings(of session: SessionName, at sequence: Int) -> Bearings? {
        guard let all = bearings[session], all.indices.contains(sequence) else { return nil }
        return all[sequence]
    }

    /// The event that led to a state; nil for the first state.
    func event(_ session: SessionName, _ sequence: Int) -> EventOutline? {
        guard let events = sessions[session]?.events, (1...events.count).contains(sequence) else {
            return nil
        }
        return events[sequence - 1]
    }

    /// Tokens that a session learned since its last checkpoint, reset or restore.
    /// - Parameter count: of one event.
    func tokensSinceCheckpoint(of session: SessionName, count: (EventOutline) -> Int) -> Int {
        guard let events = sessions[session]?.events else { return 0 }
        var sum = 0
        for (index, event) in events.enumerated().reversed()
        where hasEffect(event, at: Omission(session: session, sequence: index + 1)) {
            if [.reset, .restore, .checkpoint].contains(event.kind) { break }
            sum += count(event)
        }
        return sum
    }

    /// Every point at which there is an engram of its own.
    var points: [HistoryPoint] {
        sessions.values.flatMap { session in
            (0...session.events.count).map { .state(session.record.id.name, $0) }
        } + checkpoints.keys.map { .checkpoint($0) }
    }

    /// How a point's engram is made from others, whatever is stored of it.
    ///
    /// - Throws: `.corrupt` for a point that the history does not have.
    func recipe(of point: HistoryPoint) throws -> HistoryRecipe {
        switch point {
        case .base(let session, let sequence):
            guard let bearings = bearings(of: session, at: sequence) else {
                throw StorageError.corrupt(code: 0)
            }
            return Self.standing(on: bearings.base)
        case .state(let session, let sequence):
            guard let history = sessions[session], (0...history.events.count).contains(sequence)
            else { throw StorageError.corrupt(code: 0) }
            guard sequence > 0 else { return Self.standing(on: history.record.origin) }
            return recipe(
                of: history.events[sequence - 1],
                at: Omission(session: session, sequence: sequence))
        case .checkpoint(let id):
            guard let checkpoint = checkpoints[id] else { throw StorageError.corrupt(code: 0) }
            let record = checkpoint.record
            guard let sequence = record.sequence,
                let before = bearings(of: record.session, at: sequence - 1)
            else {
                return .lost(
                    .discardedSession(id),
                    sources: [record.base, record.superseded, record.parent].compactMap { $0 }
                        .map { .checkpoint($0) })
            }
            return .consolidation(
                total: .state(record.session, sequence - 1), common: before.common,
                head: record.parent,
                before.superseded == nil
                    ? .grown : branching(superseding: before.common, under: record.parent))
        case .stem(let id):
            guard let record = present(id) else { throw StorageError.corrupt(code: 0) }
            return Self.standing(on: record.stem)
        }
    }

    /// A checkpoint's record as this history has it.
    private func present(_ id: CheckpointID) -> CheckpointRecord? {
        guard var record = checkpoints[id]?.record else { return nil }
        if let sequence = record.sequence,
            let before = bearings(of: record.session, at: sequence - 1)
        {
            (record.base, record.superseded) = (before.base, before.superseded)
        }
        return record
    }

    /// How a session that has taken the place of one head stands to another: whether that one went
    /// on from the first, or has taken its place as well.
    /// - Complexity: O(checkpoints).
    func branching(superseding common: CheckpointID?, under head: CheckpointID?) -> Branching {
        var head = head
        // Only damaged data can go round in a circle.
        for _ in 0...checkpoints.count {
            if head == common { return .replaced }
            guard let record = head.flatMap(present) else { break }
            head = record.superseded != nil && record.superseded == record.base ? nil : record.stem
        }
        return .bothReplaced
    }

    private static func standing(on checkpoint: CheckpointID?) -> HistoryRecipe {
        checkpoint.map { .same(.checkpoint($0)) } ?? .frozen
    }

    private func recipe(of event: EventOutline, at place: Omission) -> HistoryRecipe {
        let before = HistoryPoint.state(place.session, place.sequence - 1)
        guard hasEffect(event, at: place) else { return .same(before) }
        let itself = HistoryRecipe.EventPlace(session: place.session, sequence: place.sequence)
        switch event.kind {
        case .observe, .completion, .feedback, .import:
            let sources = event.kind == .import ? [] : [before]
            return event.keepsContent
                ? .event(itself, sources: sources)
                : .lost(.notKept(event.id), sources: sources)
        case .merge:
            let references = merges[event.id]?.references ?? []
            let gone = references.compactMap { goneSession(of: $0, at: event.created) }
            // What is left of a merge that lost a session still came from the others.
            let sources =
                [before]
                + references.filter { goneSession(of: $0, at: event.created) == nil }.map(\.point)
            return gone.first.map { .lost(.mergedSession(event.id, $0), sources: sources) }
                ?? .event(itself, sources: sources)
        case .reset, .restore, .checkpoint: return Self.standing(on: event.target)
        case .forget: return .same(before)
        }
    }

    /// The session that a merge of that time named and that is not there any more; nil: it is still
    /// the one that had such an event then, and not a later one of the same name.
    private func goneSession(
        of reference: MergeRecord.Reference, at time: Double
    ) -> SessionName? {
        switch reference {
        case .checkpoint, .stem: return nil
        case .session(let name, let sequence), .base(let name, let sequence):
            guard let session = sessions[name], session.record.created < time,
                sequence <= session.events.count
            else { return name }
            return nil
        }
    }
}

extension CheckpointRecord {
    /// What its own part came on top of: the head before it, but where its session had been reset
    /// away from that, what the session stood on.
    var stem: CheckpointID? { superseded == nil ? parent : base }
}
