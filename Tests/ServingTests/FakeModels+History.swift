import Engrams
import InnerCortex
import ModelFormats
import Scheduling
import Synchronization

/// Checkpoints, events and merges.
extension FakeModels {
    func checkpoint(_ id: SessionID, name: String?, note: String?, ifMatch: Revision?)
        async throws -> CheckpointState
    {
        if name == "BROKEN" {
            throw ServiceError.probeFailed(
                ProbeReading(probe: "polite", measured: -4.5, bound: .atLeast(-3)))
        }
        let session = try change(id, ifMatch: ifMatch) { _ in }
        return state.withLock { state in
            let checkpoint = CheckpointState(
                id: CheckpointID(rawValue: "cp_\(state.checkpoints.count + 1)"), name: name,
                note: note,
                parent: state.checkpoints.last?.id, revision: session.revision, tokensLearned: 9,
                created: 1_700_000_001, bytes: 4096, hash: "ab", isHead: true)
            state.checkpoints.append(checkpoint)
            return checkpoint
        }
    }

    func checkpoints(_ id: SessionID, page: Page) async throws -> Listing<CheckpointState> {
        Listing(items: state.withLock { $0.checkpoints }, hasMore: false)
    }

    func restore(_ id: SessionID, checkpoint: CheckpointID, ifMatch: Revision?) async throws
        -> SessionState
    {
        guard state.withLock({ $0.checkpoints.contains { $0.id == checkpoint } }) else {
            throw ServiceError.checkpointNotFound(checkpoint)
        }
        return try change(id, ifMatch: ifMatch) { $0.base = checkpoint }
    }

    func deleteCheckpoint(_ id: SessionID, checkpoint: CheckpointID) async throws {
        guard state.withLock({ $0.checkpoints.last?.id != checkpoint }) else {
            throw ServiceError.checkpointInUse(checkpoint)
        }
        state.withLock { $0.checkpoints.removeAll { $0.id == checkpoint } }
    }

    /// A text, a longer one, a verdict, and a checkpoint.
    private static let events = [
        EventState(
            id: EventID(rawValue: "ev_1"), kind: "observe", revision: Revision(rawValue: 1),
            created: 1_700_000_000, tokens: 3, learnedTokens: 2, reward: -0.5,
            bitsPerByte: BitsPerByte(frozen: 3, adapted: 2),
            text: JournalText(text: "The heron")),
        EventState(
            id: EventID(rawValue: "ev_2"), kind: "completion", revision: Revision(rawValue: 2),
            created: 1_700_000_001, tokens: 90, learnedTokens: 88,
            text: JournalText(text: "Long", tokens: [TokenID(0), TokenID(5)]), isPreview: true),
        EventState(
            id: EventID(rawValue: "ev_3"), kind: "feedback", revision: Revision(rawValue: 3),
            created: 1_700_000_002, tokens: 4, learnedTokens: 4,
            verdicts: [
                .init(
                    reward: 1, advantage: 1, tokens: 2,
                    prompt: JournalText(text: "The", tokens: [TokenID(0)]),
                    answer: JournalText(text: " heron"))
            ]),
        EventState(
            id: EventID(rawValue: "ev_4"), kind: "checkpoint", revision: Revision(rawValue: 4),
            created: 1_700_000_003, target: CheckpointID(rawValue: "ckpt-1")),
    ]

    func events(_ id: SessionID, page: Page, text: Bool) async throws -> Listing<EventState> {
        var events = Self.events
        if text { events[1].isPreview = false }
        if let after = page.after {
            guard let index = events.firstIndex(where: { $0.id.rawValue == after }) else {
                throw ServiceError.eventNotFound(EventID(rawValue: after))
            }
            events.removeFirst(index + 1)
        }
        return Listing(
            items: Array(events.prefix(page.limit)), hasMore: events.count > page.limit)
    }

    func event(_ id: SessionID, event: EventID) async throws -> EventState {
        guard var found = Self.events.first(where: { $0.id == event }) else {
            throw ServiceError.eventNotFound(event)
        }
        found.isPreview = false
        return found
    }

    func forget(_ id: SessionID, event: EventID, ifMatch: Revision?) async throws
        -> ForgetReceipt
    {
        let found = try await self.event(id, event: event)
        switch found.kind {
        case "checkpoint":
            throw ServiceError.notForgettable(event, kind: found.kind, advice: "Delete it.")
        case "feedback": throw ServiceError.cannotForget(event, reason: "there is no text")
        case "completion": throw ServiceError.notErased(event, reason: "It is busy.")
        default: break
        }
        return ForgetReceipt(
            event: event, session: id, kind: found.kind, created: found.created,
            forgotten: 1_700_000_009,
            sessions: [
                .init(
                    session: id, revisionBefore: Revision(rawValue: 4),
                    revisionAfter: Revision(rawValue: 5), hashBefore: "aa", hashAfter: "bb")
            ],
            checkpoints: [
                .init(
                    checkpoint: CheckpointID(rawValue: "ckpt-1"), hashBefore: "cc", hashAfter: "dd",
                    failedProbe: ProbeReading(
                        probe: "counting", measured: -1, bound: .atLeast(0)))
            ], replayedEvents: 2)
    }

    /// Knows the checkpoint `ckpt-1` and the sessions that were made.
    func merge(_ id: SessionID, _ request: MergeRequest) async throws -> MergeResult {
        for term in request.terms {
            switch term.source {
            case .checkpoint(let checkpoint):
                guard checkpoint.rawValue == "ckpt-1" else {
                    throw ServiceError.checkpointNotFound(checkpoint)
                }
            case .session(let name): _ = try await session(SessionID(user: id.user, name: name))
            }
        }
        state.withLock { $0.merges.append(request) }
        let session = try change(id, ifMatch: request.ifMatch) { $0.revision = $0.revision.next }
        return MergeResult(event: EventID(rawValue: "evt-merge"), session: session)
    }
}
