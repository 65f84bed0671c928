import Engrams
import Foundation

// Records with what `SealedTable` lists sealed, and back. A sealed record is one itself: a text is
// base 64, and sealed tokens are tokens, as many more as the seal takes.

extension RowSeal {
    private func sealed(_ bytes: [UInt8], _ place: SealedPlace) throws -> [UInt8] {
        [UInt8](try seal(bytes, at: place))
    }

    private func opened(_ bytes: [UInt8], _ place: SealedPlace) throws -> [UInt8] {
        try open(Data(bytes), at: place)
    }

    // MARK: - Sealing

    func sealed(_ record: SessionRecord) throws -> SessionRecord {
        var record = record
        record.summary = try sealed(record.summary, .session(record.id, "summary"))
        record.ledger = try sealed(record.ledger, .session(record.id, "ledger"))
        return record
    }

    func sealed(_ record: SnapshotRecord, of session: SessionID) throws -> SnapshotRecord {
        SnapshotRecord(
            sequence: record.sequence,
            engram: try sealed(record.engram, .snapshot(record.sequence, of: session)))
    }

    func sealed(_ payload: [UInt8], of event: EventID, in session: SessionID, _ sequence: Int)
        throws -> [UInt8]
    {
        try sealed(payload, .event(event, of: session, sequence, "payload"))
    }

    func sealed(text: String, of checkpoint: CheckpointID, _ user: UserID, _ column: String)
        throws -> String
    {
        try seal(text, at: .checkpoint(checkpoint, of: user, column))
    }

    func sealed(_ entry: JournalEntry) throws -> JournalEntry {
        var entry = entry
        entry.event = try sealed(entry.event)
        entry.session = try sealed(entry.session)
        entry.snapshot = try entry.snapshot.map { try sealed($0, of: entry.session.id) }
        entry.checkpoint = try entry.checkpoint.map(sealed)
        return entry
    }

    func sealed(_ new: JournalEntry.NewCheckpoint) throws -> JournalEntry.NewCheckpoint {
        var new = new
        let (id, user) = (new.record.id, new.record.user)
        new.record.name = try new.record.name.map { try sealed(text: $0, of: id, user, "name") }
        new.record.note = try new.record.note.map { try sealed(text: $0, of: id, user, "note") }
        new.record.hash = try sealed(text: new.record.hash, of: id, user, "hash")
        new.engram = try sealed(new.engram, .checkpoint(id, of: user, "engram"))
        return new
    }

    private func sealed(_ event: EventRecord) throws -> EventRecord {
        var event = event
        let tokens = try sealed(event.tokens.littleEndian, event.place("tokens"))
        // Nonce and tag are seven tokens long.
        event.tokens = [Int32](littleEndian: tokens) ?? []
        event.engram = try event.engram.map { try sealed($0, event.place("engram")) }
        event.requestHash = try event.requestHash.map {
            try seal($0, at: event.place("requestHash"))
        }
        event.answer = try event.answer.map { try sealed($0, event.place("answer")) }
        event.payload = try event.payload.map { try sealed($0, event.place("payload")) }
        return event
    }

    // MARK: - Opening

    func opened(_ record: SessionRecord) throws -> SessionRecord {
        var record = record
        record.summary = try opened(record.summary, .session(record.id, "summary"))
        record.ledger = try opened(record.ledger, .session(record.id, "ledger"))
        return record
    }

    func opened(_ record: SnapshotRecord, of session: SessionID) throws -> SnapshotRecord {
        SnapshotRecord(
            sequence: record.sequence,
            engram: try opened(record.engram, .snapshot(record.sequence, of: session)))
    }

    func opened(_ event: EventRecord) throws -> EventRecord {
        var event = event
        // One that was forgotten has none, sealed or not.
        if event.forgottenBy == nil || !event.tokens.isEmpty {
            let place = event.place("tokens")
            guard
                let tokens = [Int32](
                    littleEndian: try opened(event.tokens.littleEndian, place))
            else { throw StorageError.unreadable(place: "\(place)") }
            event.tokens = tokens
        }
        event.engram = try event.engram.map { try opened($0, event.place("engram")) }
        event.requestHash = try event.requestHash.map {
            try open($0, at: event.place("requestHash"))
        }
        event.answer = try event.answer.map { try opened($0, event.place("answer")) }
        event.payload = try event.payload.map { try opened($0, event.place("payload")) }
        return event
    }

    func opened(_ record: CheckpointRecord) throws -> CheckpointRecord {
        var record = record
        func place(_ column: String) -> SealedPlace {
            .checkpoint(record.id, of: record.user, column)
        }
        record.name = try record.name.map { try open($0, at: place("name")) }
        record.note = try record.note.map { try open($0, at: place("note")) }
        record.hash = try open(record.hash, at: place("hash"))
        return record
    }

    func opened(engram: [UInt8], of checkpoint: CheckpointID, _ user: UserID) throws -> [UInt8] {
        try opened(engram, .checkpoint(checkpoint, of: user, "engram"))
    }

    func opened(_ history: UserHistory) throws -> UserHistory {
        var history = history
        for index in history.sessions.indices {
            let record = try opened(history.sessions[index].record)
            history.sessions[index].record = record
            for (number, event) in history.sessions[index].events.enumerated() {
                guard let payload = event.payload else { continue }
                history.sessions[index].events[number].payload = try opened(
                    payload, .event(event.id, of: record.id, number + 1, "payload"))
            }
        }
        for index in history.checkpoints.indices {
            history.checkpoints[index].record = try opened(history.checkpoints[index].record)
        }
        return history
    }
}

extension EventRecord {
    fileprivate func place(_ column: String) -> SealedPlace {
        .event(id, of: session, sequence, column)
    }
}
