import EngramStorage
import Engrams
import ModelFormats
import OuterCortex

/// What the store has of users' pasts, made into engrams again. Changes nothing.
struct Archive: Sendable {
    let store: any EngramStore
    let engine: Engine

    /// The working state of a session that goes on from a checkpoint; nil: from the frozen core.
    func engram(standingOn checkpoint: CheckpointID?, of user: UserID) async throws -> Engram {
        guard let checkpoint else { return engine.cortex.emptyEngram() }
        guard let blob = try await store.engram(of: checkpoint, of: user) else {
            throw ServiceError.checkpointNotFound(checkpoint)
        }
        return try await engine.offload(for: user) { [cortex = engine.cortex] in
            try cortex.engram(checkpoint: blob, named: checkpoint)
        }
    }

    func engram(stored snapshot: SnapshotRecord, of id: SessionID) async throws -> Engram {
        try await engine.offload(for: id.user) { [cortex = engine.cortex] in
            try cortex.engram(stored: snapshot.engram, name: "The session \(id)")
        }
    }

    /// A session's total: its stored working state, and the journal's events since done again.
    /// - Returns: It, and how many tokens of events were done again.
    func total(of stored: StoredSession) async throws -> (engram: Engram, replayedTokens: Int) {
        let id = stored.record.id
        var engram: Engram
        if let snapshot = stored.snapshot {
            engram = try await self.engram(stored: snapshot, of: id)
        } else {
            engram = try await self.engram(standingOn: stored.record.origin, of: id.user)
        }
        var replayedTokens = 0
        for event in stored.events {
            let present = engram
            engram = try await replay(event) { point in
                point == .state(id.name, event.sequence - 1)
                    ? present : try await self.engram(at: point, of: id.user)
            }.engram
            replayedTokens += event.tokens.count
        }
        return (engram, replayedTokens)
    }

    // MARK: - The journal, backwards

    /// Visits a session's events, the newest first, until `visit` returns false.
    /// - Parameter limit: how many at most.
    /// - Returns: Whether there is such a session.
    /// - Complexity: Reads 64 events at a time.
    @discardableResult
    func walkBack(
        through id: SessionID, atMost limit: Int = .max, visit: (EventRecord) -> Bool
    ) async throws -> Bool {
        guard let record = try await store.session(id) else { return false }
        var (end, left) = (record.sequence, limit)
        while end > 0, left > 0 {
            let start = max(0, end - min(64, left))
            for event in try await store.events(of: id, after: start, limit: end - start).reversed()
            {
                guard visit(event) else { return true }
            }
            (end, left) = (start, left - (end - start))
        }
        return true
    }

    /// How much of a session's newest text one of its engrams is measured on, tokens.
    static let measuredTokensMaximum = 4096

    /// The newest texts that a session learned from, oldest first; the first one is cut at its start
    /// to keep the bound. Empty where the journal keeps no text.
    ///
    /// - Parameter limit: how many tokens together.
    func ownTexts(
        of id: SessionID, limit: Int = measuredTokensMaximum
    ) async throws -> [[TokenID]] {
        let vocabulary = 0..<Int32(engine.model.vocabularySize)
        var newestFirst: [[TokenID]] = []
        var room = limit
        try await walkBack(through: id) { event in
            // A core that was served before may have had more tokens.
            if [.observe, .completion].contains(event.kind), !event.tokens.isEmpty,
                event.tokens.allSatisfy({ vocabulary ~= $0 })
            {
                newestFirst.append(event.tokens.suffix(room).map { TokenID(rawValue: $0) })
                room -= min(room, event.tokens.count)
            }
            return room > 0
        }
        return newestFirst.reversed()
    }
}
