import Engrams

// Between rows and records, in one place. Every value passes a `StoredRow`.

extension SessionRecord {
    init(row: SQLRow) throws {
        let row = StoredRow(row, of: "sessions")
        self.init(
            id: try SessionID(row), base: CheckpointID(text: try row.textIfPresent("base")),
            superseded: CheckpointID(text: try row.textIfPresent("superseded")),
            origin: CheckpointID(text: try row.textIfPresent("origin")),
            learn: try row.text("learn"), sequence: try row.number("sequence"),
            tokensLearned: try row.number("tokensLearned"),
            tokensSinceCheckpoint: try row.number("tokensSinceCheckpoint"),
            feedbackStreak: try row.number("feedbackStreak", in: RecordBounds.streaks),
            summary: try row.bytes("summary"), ledger: try row.bytes("ledger"),
            created: try row.time("created"), updated: try row.time("updated"))
    }
}

extension UserRecord {
    init(row: SQLRow) throws {
        let row = StoredRow(row, of: "users")
        guard let id = UserID(rawValue: try row.text("id")) else { throw row.damage("id") }
        self.init(
            id: id, head: CheckpointID(text: try row.textIfPresent("head")),
            checkpointsMade: try row.number("checkpointsMade"), created: try row.time("created"))
    }
}

extension EventRecord {
    init(row: SQLRow) throws {
        let row = StoredRow(row, of: "events")
        guard let tokens = [Int32](littleEndian: try row.erasable("tokens")) else {
            throw row.damage("tokens")
        }
        self.init(
            id: EventID(rawValue: try row.text("id")), session: try SessionID(row),
            sequence: try row.number("sequence"), kind: try EventKind(row), tokens: tokens,
            tokenCount: try row.number("tokenCount"),
            reward: try row.realIfPresent("reward").map { Float($0) },
            engram: try row.bytesIfPresent("engram"),
            target: CheckpointID(text: try row.textIfPresent("target")),
            superseded: CheckpointID(text: try row.textIfPresent("superseded")),
            idempotencyKey: try row.textIfPresent("idempotencyKey"),
            requestHash: try row.textIfPresent("requestHash"),
            answer: try row.bytesIfPresent("answer"), payload: try row.bytesIfPresent("payload"),
            keepsContent: try row.flag("keepsContent"),
            forgottenBy: try row.textIfPresent("forgottenBy").map(EventID.init(rawValue:)),
            created: try row.time("created"))
    }

    static let columns = """
        id, "user", name, sequence, kind, tokenCount, reward, target, superseded, keepsContent,
        forgottenBy, created, payload, tokens, idempotencyKey, requestHash, answer, engram
        """
}

extension EventOutline {
    /// - Parameter sequence: the number that it must have.
    init(row: SQLRow, _ sequence: Int) throws {
        let row = StoredRow(row, of: "events")
        guard try row.number("sequence") == sequence else { throw row.damage("sequence") }
        self.init(
            id: EventID(rawValue: try row.text("id")), kind: try EventKind(row),
            tokenCount: try row.number("tokenCount"),
            target: CheckpointID(text: try row.textIfPresent("target")),
            superseded: CheckpointID(text: try row.textIfPresent("superseded")),
            payload: try row.bytesIfPresent("payload"),
            keepsContent: try row.flag("keepsContent"),
            isForgotten: try row.textIfPresent("forgottenBy") != nil,
            created: try row.time("created"))
    }

    static let columns = """
        id, sequence, kind, tokenCount, target, superseded, payload, keepsContent, forgottenBy,
        created
        """
}

extension SnapshotRecord {
    init(row: SQLRow) throws {
        let row = StoredRow(row, of: "snapshots")
        self.init(sequence: try row.number("sequence"), engram: try row.erasable("engram"))
    }
}

extension CheckpointRecord {
    init(row: SQLRow) throws {
        let row = StoredRow(row, of: "checkpoints")
        guard let user = UserID(rawValue: try row.text("user")) else { throw row.damage("user") }
        guard let session = SessionName(rawValue: try row.text("session")) else {
            throw row.damage("session")
        }
        self.init(
            id: CheckpointID(rawValue: try row.text("id")), user: user, session: session,
            sequence: try row.numberIfPresent("sequence"), name: try row.textIfPresent("name"),
            note: try row.textIfPresent("note"), isAutomatic: try row.flag("automatic"),
            parent: CheckpointID(text: try row.textIfPresent("parent")),
            base: CheckpointID(text: try row.textIfPresent("base")),
            superseded: CheckpointID(text: try row.textIfPresent("superseded")),
            revision: Revision(rawValue: UInt64(bitPattern: try row.integer("revision"))),
            tokensLearned: try row.number("tokensLearned"),
            byteCount: try row.number("byteCount"), hash: try row.text("hash"),
            created: try row.time("created"))
    }

    /// All but the engram's bytes.
    static let columns = """
        "user", id, session, sequence, name, note, automatic, parent, base, superseded, revision,
        tokensLearned, byteCount, hash, created
        """
}

extension CheckpointHistory {
    init(row: SQLRow) throws {
        let record = try CheckpointRecord(row: row)
        let row = StoredRow(row, of: "checkpoints")
        self.init(
            record: record, isDeleted: try row.flag("deleted"),
            hasUnknownSources: try row.flag("hasUnknownSources"))
    }
}

extension CheckpointID {
    init?(text: String?) {
        guard let text else { return nil }
        self.init(rawValue: text)
    }
}

extension SessionID {
    /// From the columns `user` and `name`.
    init(_ row: StoredRow) throws {
        guard let user = UserID(rawValue: try row.text("user")) else { throw row.damage("user") }
        guard let name = SessionName(rawValue: try row.text("name")) else {
            throw row.damage("name")
        }
        self.init(user: user, name: name)
    }
}

extension EventKind {
    fileprivate init(_ row: StoredRow) throws {
        guard let kind = EventKind(rawValue: try row.text("kind")) else {
            throw row.damage("kind")
        }
        self = kind
    }
}
