public import Engrams

// Requests about engrams as wholes: checkpoints, files, sums.

extension Scheduler {
    private var shelf: CheckpointShelf {
        CheckpointShelf(store: store, archive: archive, gate: gate, host: host, journal: journal)
    }

    private var exporting: Exporting {
        Exporting(store: store, engine: engine, archive: archive, host: host)
    }

    private var importing: Importing {
        Importing(engine: engine, archive: archive, host: host, journal: journal)
    }

    public func checkpoint(
        _ id: SessionID, name: String?, note: String? = nil, ifMatch: Revision?
    ) async throws -> CheckpointState {
        try await gate.serveWriter(of: id) { [checkpointing] in
            try await checkpointing.checkpoint(id, name: name, note: note, ifMatch: ifMatch)
        }
    }

    public func checkpoints(_ id: SessionID, page: Page) async throws -> Listing<CheckpointState> {
        try await gate.serve(for: id) { [shelf] in try await shelf.checkpoints(id, page: page) }
    }

    public func checkpoint(
        _ checkpoint: CheckpointID, of id: SessionID
    ) async throws -> CheckpointState {
        try await gate.serve(for: id) { [shelf] in
            try await shelf.checkpoint(checkpoint, of: id)
        }
    }

    public func describeCheckpoint(
        _ id: SessionID, checkpoint: CheckpointID, name: String?, note: String?
    ) async throws -> CheckpointState {
        try await gate.serve(for: id) { [shelf] in
            try await shelf.describe(
                checkpoint, of: id, as: CheckpointDescription(name: name, note: note))
        }
    }

    public func restore(_ id: SessionID, checkpoint: CheckpointID, ifMatch: Revision?)
        async throws -> SessionState
    {
        try await gate.serveWriter(of: id) { [shelf] in
            try await shelf.restore(id, checkpoint: checkpoint, ifMatch: ifMatch)
        }
    }

    public func deleteCheckpoint(_ id: SessionID, checkpoint: CheckpointID) async throws {
        try await gate.serveQueued(for: id) { [shelf] in
            try await shelf.delete(checkpoint, of: id)
        }
    }

    public func exportDelta(
        _ id: SessionID, scope: DeltaScope, without left: Set<PlasticSite> = []
    ) async throws -> ExportedDelta {
        try await gate.serveQueued(for: id) { [exporting] in
            try await exporting.exact(id, scope: scope, without: left)
        }
    }

    public func exportRounded(
        _ id: SessionID, scope: DeltaScope, without left: Set<PlasticSite> = []
    ) async throws -> ExportedDelta {
        try await gate.serveQueued(for: id) { [exporting] in
            try await exporting.rounded(id, scope: scope, without: left)
        }
    }

    public func exportAdapter(
        _ id: SessionID, _ request: AdapterRequest
    ) async throws -> ExportedAdapter {
        let adapting = Adapting(
            engine: engine, archive: archive, host: host, exporting: exporting)
        return try await gate.serveQueued(for: id) { try await adapting.export(id, request) }
    }

    public func importDelta(_ id: SessionID, file: [UInt8], ifMatch: Revision?) async throws
        -> SessionState
    {
        try await gate.serveWriter(of: id) { [importing] in
            try await importing.upload(id, file: file, ifMatch: ifMatch)
        }
    }

    public func transferDelta(
        _ id: SessionID, file: [UInt8], ifMatch: Revision?
    ) async throws -> TransferResult {
        try await gate.serveWriter(of: id) { [importing] in
            try await importing.transfer(id, file: file, ifMatch: ifMatch)
        }
    }

    public func merge(_ id: SessionID, _ request: MergeRequest) async throws -> MergeResult {
        let merging = Merging(
            store: store, engine: engine, archive: archive, host: host, journal: journal)
        return try await gate.serveWriter(of: id) { try await merging.merge(id, request) }
    }
}
