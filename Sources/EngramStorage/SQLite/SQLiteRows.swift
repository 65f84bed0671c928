import Engrams
import Foundation
import GRDB

// Between rows and records. GRDB stores bytes as `Data`; an `[UInt8]` bound as it is would go
// through `Codable` and become JSON, so the conversion is spelled out here, in one place. What
// `SealedTable` lists passes a `RowSeal` on the way; every value passes a `StoredRow`.

extension SessionRecord {
    init(row: Row, under seal: RowSeal) throws {
        let row = StoredRow(row, of: "sessions")
        let id = try SessionID(row)
        self.init(
            id: id, base: CheckpointID(text: try row.value("base")),
            superseded: CheckpointID(text: try row.value("superseded")),
            origin: CheckpointID(text: try row.value("origin")), learn: try row.value("learn"),
            sequence: try row.number("sequence"),
            tokensLearned: try row.number("tokensLearned"),
            tokensSinceCheckpoint: try row.number("tokensSinceCheckpoint"),
            feedbackStreak: try row.number("feedbackStreak", in: RecordBounds.streaks),
            summary: try seal.open(row.value("summary") as Data, at: .session(id, "summary")),
            ledger: try seal.open(row.value("ledger") as Data, at: .session(id, "ledger")),
            created: try row.time("created"), updated: try row.time("updated"))
    }
}

extension UserRecord {
    init(row: Row) throws {
        let row = StoredRow(row, of: "users")
        guard let id = UserID(rawValue: try row.value("id")) else { throw row.damage("id") }
        self.init(
            id: id, head: CheckpointID(text: try row.value("head")),
            checkpointsMade: try row.number("checkpointsMade"), created: try row.time("created"))
    }
}

extension EventRecord {
    init(row: Row, under seal: RowSeal) throws {
        let row = StoredRow(row, of: "events")
        let kind = try EventKind(row)
        let id = EventID(rawValue: try row.value("id"))
        let session = try SessionID(row)
        let sequence = try row.number("sequence")
        func bytes(_ column: String) throws -> [UInt8]? {
            let stored: Data? = try row.value(column)
            let place = SealedPlace.event(id, of: session, sequence, column)
            return try stored.map {
                try column == SealedTable.events.erasableColumn
                    ? seal.openErasable($0, at: place) : seal.open($0, at: place)
            }
        }
        guard let tokens = try bytes("tokens").flatMap(tokenIDs) else { throw row.damage("tokens") }
        let reward: Double? = try row.value("reward")
        guard reward?.isFinite ?? true else { throw row.damage("reward") }
        let requestHash: String? = try row.value("requestHash")
        let forgottenBy: String? = try row.value("forgottenBy")
        let hashPlace = SealedPlace.event(id, of: session, sequence, "requestHash")
        self.init(
            id: id, session: session, sequence: sequence, kind: kind,
            tokens: tokens, tokenCount: try row.number("tokenCount"),
            reward: reward.map { Float($0) }, engram: try bytes("engram"),
            target: CheckpointID(text: try row.value("target")),
            superseded: CheckpointID(text: try row.value("superseded")),
            idempotencyKey: try row.value("idempotencyKey"),
            requestHash: try requestHash.map { try seal.open($0, at: hashPlace) },
            answer: try bytes("answer"), payload: try bytes("payload"),
            keepsContent: try row.value("keepsContent"),
            forgottenBy: forgottenBy.map(EventID.init(rawValue:)),
            created: try row.time("created"))
    }

    /// In the order of `columns`.
    func arguments(under seal: RowSeal) throws -> StatementArguments {
        func sealed(_ bytes: [UInt8]?, _ column: String) throws -> Data? {
            try bytes.map { try seal.seal($0, at: place(column)) }
        }
        return [
            id.rawValue, session.user.rawValue, session.name.rawValue, sequence, kind.rawValue,
            tokenCount, reward.map { Double($0) }, target?.rawValue, superseded?.rawValue,
            keepsContent, forgottenBy?.rawValue, created, try sealed(payload, "payload"),
            try seal.sealErasable(littleEndian(tokens), at: place("tokens")),
            idempotencyKey, try requestHash.map { try seal.seal($0, at: place("requestHash")) },
            try sealed(answer, "answer"), try sealed(engram, "engram"),
        ]
    }

    func place(_ column: String) -> SealedPlace {
        .event(id, of: session, sequence, column)
    }

    static let columns = """
        id, user, name, sequence, kind, tokenCount, reward, target, superseded, keepsContent,
        forgottenBy, created, payload, tokens, idempotencyKey, requestHash, answer, engram
        """
}

extension EventOutline {
    /// - Parameter sequence: the number that it must have.
    init(row: Row, of session: SessionID, _ sequence: Int, under seal: RowSeal) throws {
        let row = StoredRow(row, of: "events")
        guard try row.number("sequence") == sequence else { throw row.damage("sequence") }
        let id = EventID(rawValue: try row.value("id"))
        let payload: Data? = try row.value("payload")
        let forgottenBy: String? = try row.value("forgottenBy")
        self.init(
            id: id, kind: try EventKind(row), tokenCount: try row.number("tokenCount"),
            target: CheckpointID(text: try row.value("target")),
            superseded: CheckpointID(text: try row.value("superseded")),
            payload: try payload.map {
                try seal.open($0, at: .event(id, of: session, sequence, "payload"))
            }, keepsContent: try row.value("keepsContent"), isForgotten: forgottenBy != nil,
            created: try row.time("created"))
    }

    static let columns = """
        id, sequence, kind, tokenCount, target, superseded, payload, keepsContent, forgottenBy,
        created
        """
}

extension SnapshotRecord {
    init(row: Row, of session: SessionID, under seal: RowSeal) throws {
        let row = StoredRow(row, of: "snapshots")
        let sequence = try row.number("sequence")
        let stored: Data = try row.value("engram")
        self.init(
            sequence: sequence,
            engram: try seal.openErasable(stored, at: .snapshot(sequence, of: session)))
    }
}

extension CheckpointRecord {
    init(row: Row, under seal: RowSeal) throws {
        let row = StoredRow(row, of: "checkpoints")
        guard let user = UserID(rawValue: try row.value("user")) else { throw row.damage("user") }
        guard let session = SessionName(rawValue: try row.value("session")) else {
            throw row.damage("session")
        }
        let id = CheckpointID(rawValue: try row.value("id"))
        let revision: Int64 = try row.value("revision")
        let name: String? = try row.value("name")
        let note: String? = try row.value("note")
        self.init(
            id: id, user: user, session: session, sequence: try row.numberIfPresent("sequence"),
            name: try name.map { try seal.open($0, at: .checkpoint(id, of: user, "name")) },
            note: try note.map { try seal.open($0, at: .checkpoint(id, of: user, "note")) },
            isAutomatic: try row.value("automatic"),
            parent: CheckpointID(text: try row.value("parent")),
            base: CheckpointID(text: try row.value("base")),
            superseded: CheckpointID(text: try row.value("superseded")),
            revision: Revision(rawValue: UInt64(bitPattern: revision)),
            tokensLearned: try row.number("tokensLearned"),
            byteCount: try row.number("byteCount"),
            hash: try seal.open(
                row.value("hash") as String, at: .checkpoint(id, of: user, "hash")),
            created: try row.time("created"))
    }

    /// All but the engram's bytes.
    static let columns = """
        user, id, session, sequence, name, note, automatic, parent, base, superseded, revision,
        tokensLearned, byteCount, hash, created
        """
}

extension CheckpointHistory {
    init(row: Row, under seal: RowSeal) throws {
        let record = try CheckpointRecord(row: row, under: seal)
        let row = StoredRow(row, of: "checkpoints")
        self.init(
            record: record, isDeleted: try row.value("deleted"),
            hasUnknownSources: try row.value("hasUnknownSources"))
    }
}

extension CheckpointID {
    fileprivate init?(text: String?) {
        guard let text else { return nil }
        self.init(rawValue: text)
    }
}

extension SessionID {
    /// From the columns `user` and `name`.
    init(_ row: StoredRow) throws {
        guard let user = UserID(rawValue: try row.value("user")) else { throw row.damage("user") }
        guard let name = SessionName(rawValue: try row.value("name")) else {
            throw row.damage("name")
        }
        self.init(user: user, name: name)
    }
}

extension EventKind {
    fileprivate init(_ row: StoredRow) throws {
        guard let kind = EventKind(rawValue: try row.value("kind")) else {
            throw row.damage("kind")
        }
        self = kind
    }
}

extension SealedPlace {
    static func session(_ id: SessionID, _ column: String) -> SealedPlace {
        SealedPlace(
            table: .sessions, column: column, row: [id.user.rawValue, id.name.rawValue])
    }

    static func event(_ id: EventID, of session: SessionID, _ sequence: Int, _ column: String)
        -> SealedPlace
    {
        SealedPlace(
            table: .events, column: column,
            row: [session.user.rawValue, session.name.rawValue, String(sequence), id.rawValue])
    }

    static func snapshot(_ sequence: Int, of session: SessionID) -> SealedPlace {
        SealedPlace(
            table: .snapshots, column: "engram",
            row: [session.user.rawValue, session.name.rawValue, String(sequence)])
    }

    static func checkpoint(_ id: CheckpointID, of user: UserID, _ column: String) -> SealedPlace {
        SealedPlace(table: .checkpoints, column: column, row: [user.rawValue, id.rawValue])
    }
}

/// The same on every machine: a data folder may be moved to another one.
private func littleEndian(_ tokens: [Int32]) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(tokens.count * 4)
    for token in tokens {
        let pattern = UInt32(bitPattern: token)
        for shift in stride(from: 0, to: 32, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: pattern >> UInt32(shift)))
        }
    }
    return bytes
}

/// Nil for bytes that are no whole number of tokens.
private func tokenIDs(_ bytes: [UInt8]) -> [Int32]? {
    guard bytes.count % 4 == 0 else { return nil }
    return stride(from: 0, to: bytes.count, by: 4).map { start in
        var pattern: UInt32 = 0
        for offset in 0..<4 { pattern |= UInt32(bytes[start + offset]) << UInt32(8 * offset) }
        return Int32(bitPattern: pattern)
    }
}
