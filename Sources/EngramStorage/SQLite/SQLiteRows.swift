import Engrams
import Foundation
import GRDB

// Between rows and records. GRDB stores bytes as `Data`; an `[UInt8]` bound as it is would go
// through `Codable` and become JSON, so the conversion is spelled out here, in one place. What
// `SealedTable` lists passes a `RowSeal` on the way.

extension SessionRecord {
    init(row: Row, under seal: RowSeal) throws {
        let id = try SessionID(userText: row["user"], nameText: row["name"])
        self.init(
            id: id, base: CheckpointID(text: row["base"]),
            origin: CheckpointID(text: row["origin"]), learn: row["learn"],
            sequence: row["sequence"], tokensLearned: row["tokensLearned"],
            tokensSinceCheckpoint: row["tokensSinceCheckpoint"],
            feedbackStreak: row["feedbackStreak"],
            summary: try seal.open(row["summary"] as Data, at: .session(id, "summary")),
            ledger: try seal.open(row["ledger"] as Data, at: .session(id, "ledger")),
            created: row["created"], updated: row["updated"])
    }
}

extension UserRecord {
    init(row: Row) throws {
        guard let id = UserID(rawValue: row["id"]) else { throw StorageError.corrupt(code: 0) }
        self.init(
            id: id, head: CheckpointID(text: row["head"]),
            checkpointsMade: row["checkpointsMade"], created: row["created"])
    }
}

extension EventRecord {
    init(row: Row, under seal: RowSeal) throws {
        guard let kind = EventKind(rawValue: row["kind"]) else {
            throw StorageError.corrupt(code: 0)
        }
        let id = EventID(rawValue: row["id"])
        let session = try SessionID(userText: row["user"], nameText: row["name"])
        let sequence: Int = row["sequence"]
        func bytes(_ column: String) throws -> [UInt8]? {
            let stored: Data? = row[column]
            let place = SealedPlace.event(id, of: session, sequence, column)
            return try stored.map {
                try column == SealedTable.events.erasableColumn
                    ? seal.openErasable($0, at: place) : seal.open($0, at: place)
            }
        }
        let reward: Double? = row["reward"]
        let requestHash: String? = row["requestHash"]
        let hashPlace = SealedPlace.event(id, of: session, sequence, "requestHash")
        self.init(
            id: id, session: session, sequence: sequence, kind: kind,
            tokens: try tokenIDs(try bytes("tokens") ?? []), tokenCount: row["tokenCount"],
            reward: reward.map { Float($0) }, engram: try bytes("engram"),
            target: CheckpointID(text: row["target"]), idempotencyKey: row["idempotencyKey"],
            requestHash: try requestHash.map { try seal.open($0, at: hashPlace) },
            answer: try bytes("answer"), payload: try bytes("payload"),
            keepsContent: row["keepsContent"],
            forgottenBy: (row["forgottenBy"] as String?).map(EventID.init(rawValue:)),
            created: row["created"])
    }

    /// In the order of `columns`.
    func arguments(under seal: RowSeal) throws -> StatementArguments {
        func sealed(_ bytes: [UInt8]?, _ column: String) throws -> Data? {
            try bytes.map { try seal.seal($0, at: place(column)) }
        }
        return [
            id.rawValue, session.user.rawValue, session.name.rawValue, sequence, kind.rawValue,
            tokenCount, reward.map { Double($0) }, target?.rawValue, keepsContent,
            forgottenBy?.rawValue, created, try sealed(payload, "payload"),
            try seal.sealErasable(littleEndian(tokens), at: place("tokens")),
            idempotencyKey, try requestHash.map { try seal.seal($0, at: place("requestHash")) },
            try sealed(answer, "answer"), try sealed(engram, "engram"),
        ]
    }

    func place(_ column: String) -> SealedPlace {
        .event(id, of: session, sequence, column)
    }

    static let columns = """
        id, user, name, sequence, kind, tokenCount, reward, target, keepsContent, forgottenBy,
        created, payload, tokens, idempotencyKey, requestHash, answer, engram
        """
}

extension EventOutline {
    init(row: Row, of session: SessionID, under seal: RowSeal) throws {
        guard let kind = EventKind(rawValue: row["kind"]) else {
            throw StorageError.corrupt(code: 0)
        }
        let id = EventID(rawValue: row["id"])
        let payload: Data? = row["payload"]
        let forgottenBy: String? = row["forgottenBy"]
        self.init(
            id: id, kind: kind, tokenCount: row["tokenCount"],
            target: CheckpointID(text: row["target"]),
            payload: try payload.map {
                try seal.open($0, at: .event(id, of: session, row["sequence"], "payload"))
            }, keepsContent: row["keepsContent"], isForgotten: forgottenBy != nil,
            created: row["created"])
    }

    static let columns = """
        id, sequence, kind, tokenCount, target, payload, keepsContent, forgottenBy, created
        """
}

extension SnapshotRecord {
    init(row: Row, of session: SessionID, under seal: RowSeal) throws {
        let sequence: Int = row["sequence"]
        let stored: Data = row["engram"]
        self.init(
            sequence: sequence,
            engram: try seal.openErasable(stored, at: .snapshot(sequence, of: session)))
    }
}

extension CheckpointRecord {
    init(row: Row, under seal: RowSeal) throws {
        guard let user = UserID(rawValue: row["user"]),
            let session = SessionName(rawValue: row["session"])
        else { throw StorageError.corrupt(code: 0) }
        let id = CheckpointID(rawValue: row["id"])
        let revision: Int64 = row["revision"]
        let (name, note): (String?, String?) = (row["name"], row["note"])
        self.init(
            id: id, user: user, session: session, sequence: row["sequence"],
            name: try name.map { try seal.open($0, at: .checkpoint(id, of: user, "name")) },
            note: try note.map { try seal.open($0, at: .checkpoint(id, of: user, "note")) },
            isAutomatic: row["automatic"],
            parent: CheckpointID(text: row["parent"]), base: CheckpointID(text: row["base"]),
            revision: Revision(rawValue: UInt64(bitPattern: revision)),
            tokensLearned: row["tokensLearned"], byteCount: row["byteCount"],
            hash: try seal.open(row["hash"] as String, at: .checkpoint(id, of: user, "hash")),
            created: row["created"])
    }

    /// All but the engram's bytes.
    static let columns = """
        user, id, session, sequence, name, note, automatic, parent, base, revision,
        tokensLearned, byteCount, hash, created
        """
}

extension CheckpointHistory {
    init(row: Row, under seal: RowSeal) throws {
        self.init(
            record: try CheckpointRecord(row: row, under: seal), isDeleted: row["deleted"],
            hasUnknownSources: row["hasUnknownSources"])
    }
}

extension CheckpointID {
    fileprivate init?(text: String?) {
        guard let text else { return nil }
        self.init(rawValue: text)
    }
}

extension SessionID {
    init(userText: String, nameText: String) throws {
        guard let user = UserID(rawValue: userText), let name = SessionName(rawValue: nameText)
        else { throw StorageError.corrupt(code: 0) }
        self.init(user: user, name: name)
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

private func tokenIDs(_ bytes: [UInt8]) throws -> [Int32] {
    guard bytes.count % 4 == 0 else { throw StorageError.corrupt(code: 0) }
    return stride(from: 0, to: bytes.count, by: 4).map { start in
        var pattern: UInt32 = 0
        for offset in 0..<4 { pattern |= UInt32(bytes[start + offset]) << UInt32(8 * offset) }
        return Int32(bitPattern: pattern)
    }
}
