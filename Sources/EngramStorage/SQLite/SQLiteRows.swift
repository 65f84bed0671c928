import Engrams
import Foundation
import GRDB

// Between rows and records. GRDB stores bytes as `Data`; an `[UInt8]` bound as it is would go
// through `Codable` and become JSON, so the conversion is spelled out here, in one place.

extension SessionRecord {
    init(row: Row) throws {
        let id = try SessionID(userText: row["user"], nameText: row["name"])
        self.init(
            id: id, base: CheckpointID(text: row["base"]),
            origin: CheckpointID(text: row["origin"]), learn: row["learn"],
            sequence: row["sequence"], tokensLearned: row["tokensLearned"],
            tokensSinceCheckpoint: row["tokensSinceCheckpoint"],
            feedbackStreak: row["feedbackStreak"], summary: bytes(row["summary"]),
            ledger: bytes(row["ledger"]), created: row["created"], updated: row["updated"])
    }
}

extension UserRecord {
    init(row: Row) throws {
        guard let id = UserID(rawValue: row["id"]) else { throw StorageError.corrupt(code: 0) }
        self.init(id: id, head: CheckpointID(text: row["head"]), created: row["created"])
    }
}

extension EventRecord {
    init(row: Row) throws {
        guard let kind = EventKind(rawValue: row["kind"]) else {
            throw StorageError.corrupt(code: 0)
        }
        let reward: Double? = row["reward"]
        let engram: Data? = row["engram"]
        let answer: Data? = row["answer"]
        let payload: Data? = row["payload"]
        self.init(
            id: EventID(rawValue: row["id"]),
            session: try SessionID(userText: row["user"], nameText: row["name"]),
            sequence: row["sequence"], kind: kind, tokens: try tokenIDs(row["tokens"]),
            tokenCount: row["tokenCount"], reward: reward.map { Float($0) },
            engram: engram.map(bytes), target: CheckpointID(text: row["target"]),
            idempotencyKey: row["idempotencyKey"], requestHash: row["requestHash"],
            answer: answer.map(bytes), payload: payload.map(bytes), created: row["created"])
    }

    var arguments: StatementArguments {
        [
            id.rawValue, session.user.rawValue, session.name.rawValue, sequence, kind.rawValue,
            blob(tokens), tokenCount, reward.map { Double($0) }, engram.map { Data($0) },
            target?.rawValue, idempotencyKey, requestHash, answer.map { Data($0) },
            payload.map { Data($0) }, created,
        ]
    }
}

extension CheckpointRecord {
    init(row: Row) throws {
        guard let user = UserID(rawValue: row["user"]),
            let session = SessionName(rawValue: row["session"])
        else { throw StorageError.corrupt(code: 0) }
        let revision: Int64 = row["revision"]
        self.init(
            id: CheckpointID(rawValue: row["id"]), user: user, session: session, name: row["name"],
            parent: CheckpointID(text: row["parent"]),
            revision: Revision(rawValue: UInt64(bitPattern: revision)),
            tokensLearned: row["tokensLearned"], byteCount: row["byteCount"], hash: row["hash"],
            created: row["created"])
    }
}

extension CheckpointID {
    fileprivate init?(text: String?) {
        guard let text else { return nil }
        self.init(rawValue: text)
    }
}

extension SessionID {
    fileprivate init(userText: String, nameText: String) throws {
        guard let user = UserID(rawValue: userText), let name = SessionName(rawValue: nameText)
        else { throw StorageError.corrupt(code: 0) }
        self.init(user: user, name: name)
    }
}

private func bytes(_ data: Data) -> [UInt8] { [UInt8](data) }

/// Little-endian on every machine: a data folder may be moved to another one.
private func blob(_ tokens: [Int32]) -> Data {
    var data = Data(capacity: tokens.count * 4)
    for token in tokens {
        let pattern = UInt32(bitPattern: token)
        for shift in stride(from: 0, to: 32, by: 8) {
            data.append(UInt8(truncatingIfNeeded: pattern >> UInt32(shift)))
        }
    }
    return data
}

private func tokenIDs(_ data: Data) throws -> [Int32] {
    guard data.count % 4 == 0 else { throw StorageError.corrupt(code: 0) }
    let bytes = [UInt8](data)
    return stride(from: 0, to: bytes.count, by: 4).map { start in
        var pattern: UInt32 = 0
        for offset in 0..<4 { pattern |= UInt32(bytes[start + offset]) << UInt32(8 * offset) }
        return Int32(bitPattern: pattern)
    }
}
