import Engrams
import Foundation
import TinyCore

@testable import EngramStorage

/// Every promise of `EngramStore` is tested on every driver, sealed and not: a test that takes a
/// driver is a part of what one must pass.
enum Driver: String, CaseIterable, Sendable {
    case inMemory, sealedInMemory, sqlite, sealedSQLite, postgreSQL, sealedPostgreSQL

    /// Those whose database is installed.
    static let allCases: [Driver] =
        [.inMemory, .sealedInMemory, .sqlite, .sealedSQLite]
        + (PostgreSQLServer.binaries == nil ? [] : [.postgreSQL, .sealedPostgreSQL])

    func open() async throws -> any EngramStore {
        switch self {
        case .inMemory: InMemoryStore()
        case .sealedInMemory:
            SealedStore(InMemoryStore(), under: RowSeal(.random(), salt: Data([1, 2, 3])))
        case .sqlite: try SQLiteStore(folder: temporaryFolder())
        case .sealedSQLite: try SQLiteStore.open(folder: temporaryFolder(), key: .random())
        case .postgreSQL, .sealedPostgreSQL:
            try await PostgreSQLStore.open(
                PostgreSQLServer.shared.get().makeDatabase(),
                key: self == .postgreSQL ? nil : .random(), connections: 2)
        }
    }
}

/// A path for a folder of its own, which does not exist yet.
func temporaryFolder() -> String { TemporaryPlace.path("store") + "/data" }

let alice = SessionID("alice/default")!

func session(_ text: String, base: CheckpointID? = nil) -> SessionRecord {
    SessionRecord(
        id: SessionID(text)!, base: base, origin: base, learn: "none", created: 1, updated: 1)
}

/// An observe event with all that follows from it.
func observed(
    _ number: Int, session record: SessionRecord = session("alice/default"), key: String? = nil,
    snapshot: Bool = false
) -> JournalEntry {
    var record = record
    record.sequence = number
    record.tokensLearned = 10 * number
    record.tokensSinceCheckpoint = 10 * number
    record.feedbackStreak = -number
    record.summary = Array("{\"events\":\(number)}".utf8)
    record.ledger = [UInt8](repeating: UInt8(number % 256), count: number % 256)
    record.updated = Double(number)
    let event = EventRecord(
        id: EventID(rawValue: "\(record.id)#\(number)"), session: record.id, sequence: number,
        kind: .observe, tokens: [0, 1, -1, .max, .min, 4095], tokenCount: 6, reward: -0.25,
        superseded: CheckpointID(rawValue: "ckpt-0"), idempotencyKey: key,
        requestHash: key.map { "hash of \($0)" },
        answer: Array("{\"n\":\(number)}".utf8), payload: [0, 255, UInt8(number)],
        created: Double(number) + 0.125)
    return JournalEntry(
        event: event, session: record,
        snapshot: snapshot
            ? SnapshotRecord(sequence: number, engram: [0, 255, UInt8(number)]) : nil)
}

/// A checkpoint event that moves the head.
func checkpointed(
    _ name: String, number: Int, from head: CheckpointID?,
    session record: SessionRecord = session("alice/default")
) -> JournalEntry {
    let id = CheckpointID(rawValue: name)
    var record = record
    record.sequence = number
    record.base = id
    let blob = Array("engram \(name)".utf8)
    let checkpoint = CheckpointRecord(
        id: id, user: record.id.user, session: record.id.name, sequence: number,
        name: "label of \(name)", parent: head, base: nil,
        superseded: CheckpointID(rawValue: "ckpt-0"), revision: Revision(rawValue: .max),
        tokensLearned: 7, byteCount: blob.count, hash: "hash", created: 3)
    return JournalEntry(
        event: EventRecord(
            id: EventID(rawValue: "\(record.id)#\(number)"), session: record.id, sequence: number,
            kind: .checkpoint, target: id, created: 3),
        session: record, snapshot: SnapshotRecord(sequence: number, engram: [1, 2, 3]),
        checkpoint: .init(record: checkpoint, engram: blob), head: .init(from: head, to: id))
}

/// All that a store tells about a session and its user.
struct Everything: Equatable {
    var user: UserRecord?
    var session: SessionRecord?
    var events: [EventRecord]
    var snapshot: SnapshotRecord?
    var checkpoints: [CheckpointRecord]

    init(_ store: any EngramStore, _ id: SessionID = alice) async throws {
        user = try await store.user(id.user)
        session = try await store.session(id)
        events = try await store.events(of: id, after: 0, limit: 1000)
        snapshot = try await store.snapshot(of: id)
        checkpoints = try await store.checkpoints(of: id.user, after: nil, limit: 1000)
    }
}

/// Whether a file of the folder has the bytes in it.
func holds(_ bytes: [UInt8], folder: String) throws -> Bool {
    try FileManager.default.contentsOfDirectory(atPath: folder).contains { name in
        let data = try Data(contentsOf: URL(fileURLWithPath: folder + "/" + name))
        return data.range(of: Data(bytes)) != nil
    }
}
