import EngramStorage
import Engrams
import OuterCortex

/// Puts a sum of a user's engrams in a session's place, or adds it.
struct Merging {
    let store: any EngramStore
    let engine: Engine
    let archive: Archive
    let host: SessionHost
    let journal: Journal
}

@SchedulerActor
extension Merging {
    /// Puts a sum of the user's engrams in the place of the session's total, or adds it to that.
    /// What the session's delta stands on stays; a checkpoint makes the result the user's engram.
    func merge(_ id: SessionID, _ request: MergeRequest) async throws -> MergeResult {
        try Self.check(request)
        let session = try await host.resident(id)
        try session.requireMatch(request.ifMatch)
        var contents: [MergeRecord.Reference: Engram] = [:]
        var record = MergeRecord(terms: [], mode: request.mode, rescale: request.rescale)
        let left = request.without.union(engine.configuration.journal.spared)
        if !left.isEmpty { record.without = left.sorted { $0.rawValue < $1.rawValue } }
        for term in request.terms {
            let (content, base) = try await resolve(term, of: id.user, into: &contents)
            record.terms.append(.init(content: content, base: base, scale: term.scale))
        }
        let made = try await engine.merged(record, contents, onto: session.engram, for: id)
        var change = SessionChange(
            .merge(record), engram: made.engram, base: session.record.base)
        change.audit = try host.judge(made, for: .merge, of: session)
        let merged = try await journal.commit(change, to: session)
        return MergeResult(
            event: change.event, session: try SessionState(merged.record), fit: made.fit)
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
                contents[content] = try await archive.engram(standingOn: checkpoint, of: user)
            }
        case .session(let name):
            // No first use here: a merge of a session that nobody has made is a slip.
            let other = SessionID(user: user, name: name)
            guard try await store.session(other) != nil else {
                throw ServiceError.sessionNotFound(other)
            }
            let session = try await host.resident(other)
            content = .session(name, sequence: session.record.sequence)
            base = session.record.base
            origin = .base(name, sequence: session.record.sequence)
            contents[content] = session.engram
        }
        guard term.scope == .delta else { return (content, nil) }
        if contents[origin] == nil {
            contents[origin] = try await archive.engram(standingOn: base, of: user)
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
