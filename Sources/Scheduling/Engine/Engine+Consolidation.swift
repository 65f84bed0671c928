import Engrams
import OuterCortex

/// A session and a head that came from one.
struct Branch: Sendable {
    /// The head that the session counts from.
    var common: Engram
    /// The user's present one.
    var head: Engram
    var branching: Branching
}

/// A checkpoint, before it is written.
struct Consolidation: Sendable {
    var blob: [UInt8]
    /// SHA-256 of `blob`, hexadecimal.
    var hash: String
    /// What the session goes on from, and what the probes measured of it.
    var audited: AuditedEngram

    var engram: Engram { audited.engram }
}

extension Engine {
    /// What consolidating a session's total gives. The same is done when a history is rebuilt.
    ///
    /// - Parameters:
    ///   - branch: where the head is another than the session counts from; then both are
    ///     reconciled.
    ///   - head: nil: the frozen core.
    ///   - id: on whose behalf.
    func consolidation(
        of total: Engram, branch: Branch?, head: CheckpointID?, into checkpoint: CheckpointID,
        for id: SessionID
    ) async throws -> Consolidation {
        let made = try await offload(for: id.user) { [cortex] in
            let zone = cortex.zone
            var engram =
                branch.map {
                    total.reconciled(
                        with: $0.head, since: $0.common, $0.branching, within: zone,
                        episodes: cortex.rule.episode.capacity)
                } ?? total.consolidated(within: zone)
            engram.parent = head
            return engram
        }
        let audited = try await fitted(made, for: id)
        return try await offload(for: id.user) { [cortex, audited] in
            let blob = try audited.engram.serialized(as: .checkpoint)
            var stored = audited
            // The session goes on from what a reader of the file gets, to the last bit.
            stored.engram = try cortex.engram(checkpoint: blob, named: checkpoint)
            return Consolidation(blob: blob, hash: ContentDigest.of(blob), audited: stored)
        }
    }

    /// What a merge makes of a session's total, made to fit like a checkpoint: what is summed is the
    /// user's own.
    func merged(
        _ record: MergeRecord, _ contents: [MergeRecord.Reference: Engram], onto total: Engram,
        for id: SessionID
    ) async throws -> AuditedEngram {
        let sum = try await offload(for: id.user) { [cortex] in
            let merged = record.apply(
                to: total, contents: contents, within: cortex.zone,
                episodes: cortex.rule.episode.capacity)
            // The projection should have seen to it; nothing unchecked becomes a session.
            try cortex.admit(merged)
            return merged
        }
        return try await fitted(sum, for: id)
    }
}

extension Cortex {
    /// A stored engram, if it belongs to this cortex.
    /// - Parameter name: what errors call it.
    func engram(stored blob: [UInt8], name: String) throws -> Engram {
        try admit(Engram(serialized: blob, name: name))
    }

    /// The working state of a session that goes on from a checkpoint: its engram, naming it.
    func engram(checkpoint blob: [UInt8], named id: CheckpointID) throws -> Engram {
        var engram = try engram(stored: blob, name: "Checkpoint \(id)")
        engram.parent = id
        return engram
    }
}
