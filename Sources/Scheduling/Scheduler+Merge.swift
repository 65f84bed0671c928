import EngramStorage
public import Engrams
import Foundation
import OuterCortex

extension Scheduler {
    /// Puts a sum of the user's engrams in the place of the session's total, or adds it to that.
    /// What the session's delta stands on stays; a checkpoint makes the result the user's engram.
    public func merge(_ id: SessionID, _ request: MergeRequest) async throws -> MergeResult {
        try await serveWriter(of: id) {
            try Self.check(request)
            let session = try await resident(id)
            try requireMatch(request.ifMatch, session.revision)
            var contents: [MergeRecord.Reference: Engram] = [:]
            var record = MergeRecord(terms: [], mode: request.mode, rescale: request.rescale)
            let left = request.without.union(configuration.journal.spared)
            if !left.isEmpty { record.without = left.sorted { $0.rawValue < $1.rawValue } }
            for term in request.terms {
                let (content, base) = try await resolve(term, of: id.user, into: &contents)
                record.terms.append(.init(content: content, base: base, scale: term.scale))
            }
            let made = try await merged(record, contents, onto: session.engram, for: id)
            let audit = try audit(made, for: .merge, of: session)
            var change = SessionChange(.merge, engram: made.engram, base: session.record.base)
            change.audit = audit
            change.merge = record
            let merged = try await commit(change, to: session)
            return MergeResult(
                event: change.event, session: try state(of: merged.record), fit: made.fit)
        }
    }

    /// What a merge makes of a session's total, made to fit like a checkpoint: what is summed is the
    /// user's own. Live merging and doing it again both come here.
    func merged(
        _ record: MergeRecord, _ contents: [MergeRecord.Reference: Engram], onto total: Engram,
        for id: SessionID
    ) async throws -> AuditedEngram {
        let sum = try await atDesk(for: id.user) { [cortex] in
            let merged = record.apply(
                to: total, contents: contents, within: cortex.zone,
                episodes: cortex.rule.episode.capacity)
            // The projection should have seen to it; nothing unchecked becomes a session.
            try cortex.admit(merged)
            return merged
        }
        return try await fitted(sum, for: id)
    }

    /// A term as references into the history, whose contents are added to `contents`.
    private func resolve(
        _ term: MergeRequest.Term, of user: UserID,
        into contents: inout [MergeRecord.Reference: Engram]
    ) async throws -> (content: MergeRecord.Reference, base: MergeRecord.Reference?) {
        let content: MergeRecord.Reference
        // By the session or the checkpoint that it belongs to, and not by its own name: were the
        // reset forgotten that put it there, it would be another one.
        let origin: MergeRecord.Reference
        let base: CheckpointID?
        switch term.source {
        case .checkpoint(let checkpoint):
            guard let record = try await store.checkpoint(checkpoint, of: user) else {
                throw ServiceError.checkpointNotFound(checkpoint)
            }
            content = .checkpoint(checkpoint)
            base = record.stem
            origin = .stem(checkpoint)
            if contents[content] == nil {
                contents[content] = try await engram(standingOn: checkpoint, of: user)
            }
        case .session(let name):
            // No first use here: a merge of a session that nobody has made is a slip.
            let other = SessionID(user: user, name: name)
            guard try await store.session(other) != nil else {
                throw ServiceError.sessionNotFound(other)
            }
            let session = try await resident(other)
            content = .session(name, sequence: session.record.sequence)
            base = session.record.base
            origin = .base(name, sequence: session.record.sequence)
            contents[content] = session.engram
        }
        guard term.scope == .delta else { return (content, nil) }
        if contents[origin] == nil {
            contents[origin] = try await engram(standingOn: base, of: user)
        }
        return (content, origin)
    }

    private static func check(_ request: MergeRequest) throws(ServiceError) {
        let limit = MergeRequest.termsMaximum
        guard (1...limit).contains(request.terms.count) else {
            throw .invalidParameter(name: "terms", reason: "must be of 1 to \(limit)")
        }
        let largest = MergeRequest.scaleMaximum
        for (index, term) in request.terms.enumerated() {
            guard abs(term.scale) <= largest, term.scale != 0 else {
                throw .invalidParameter(
                    name: "terms[\(index)].scale",
                    reason: "must be between -\(largest) and \(largest), and not 0")
            }
        }
    }
}
