import Engrams
import Foundation
import GRDB
import Testing
import TinyCore

@testable import EngramStorage

@Suite struct EncryptionTests {
    /// What must be nowhere in an encrypted folder, each in its column.
    private let secrets = [
        "summary", "ledger", "engram", "requestHash", "answer", "payload", "snapshot", "label",
        "hash", "checkpoint", "note",
    ].map { "the secret \($0) of alice" }

    /// A session of which every sealed column holds a secret, many times over.
    private func fill(_ store: any EngramStore, events: Int = 40) async throws {
        func secret(_ name: String) -> String {
            secrets.first { $0.contains(" \(name) ") } ?? ""
        }
        func long(_ name: String) -> [UInt8] {
            Array(String(repeating: secret(name) + ". ", count: 40).utf8)
        }
        var record = session("alice/default")
        record.summary = long("summary")
        record.ledger = long("ledger")
        try await store.createSession(record, engram: long("snapshot"))
        for number in 1...events {
            var entry = observed(number, key: "key \(number)", snapshot: number % 3 == 0)
            entry.event.tokens = Self.tokens
            entry.event.engram = long("engram")
            entry.event.requestHash = secret("requestHash")
            entry.event.answer = long("answer")
            entry.event.payload = Array(secret("payload").utf8)
            entry.session.summary = record.summary
            entry.session.ledger = record.ledger
            if entry.snapshot != nil { entry.snapshot?.engram = long("snapshot") }
            try await store.append(entry)
        }
        var head: CheckpointID?
        for number in 1...3 {
            var entry = checkpointed("c\(number)", number: events + number, from: head)
            entry.checkpoint?.record.name = secret("label")
            entry.checkpoint?.record.hash = secret("hash")
            entry.checkpoint?.record.note = secret("note")
            entry.checkpoint?.engram = long("checkpoint")
            entry.session.summary = record.summary
            try await store.append(entry)
            head = entry.checkpoint?.record.id
        }
        _ = try await store.describeCheckpoint(
            CheckpointID(rawValue: "c3"), of: alice.user, name: secret("label"),
            note: secret("note") + " once more")
        // Deleted rows leave room in which copies could stay.
        try await store.deleteCheckpoint(CheckpointID(rawValue: "c1"), of: alice.user)
    }

    private static let tokens: [Int32] = (0..<300).map { 70_000 + $0 * 13 }

    private func expectNoSecret(
        in folder: String, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        for secret in secrets {
            #expect(
                try !holds(Array(secret.utf8), folder: folder), "\(secret)",
                sourceLocation: sourceLocation)
        }
        let run = Self.tokens[100..<108].flatMap { token in
            withUnsafeBytes(of: token.littleEndian) { Array($0) }
        }
        #expect(try !holds(run, folder: folder), "tokens", sourceLocation: sourceLocation)
    }

    @Test("Nothing personal is readable in an encrypted folder, and all comes back")
    func nothingReadable() async throws {
        let (plain, sealed) = (temporaryFolder(), temporaryFolder())
        let key = DataKey.random()
        let reference = try SQLiteStore(folder: plain)
        try await fill(reference)
        let store = try SQLiteStore.open(folder: sealed, key: key)
        try await fill(store)
        #expect(try holds(Array(secrets[0].utf8), folder: plain))
        try expectNoSecret(in: sealed)
        let everything = try await Everything(reference)
        #expect(try await Everything(store) == everything)
        await store.close()
        try expectNoSecret(in: sealed)
        let again = try SQLiteStore.open(folder: sealed, key: key)
        #expect(try await Everything(again) == everything)
        await again.close()
        await reference.close()
    }

    @Test("A folder that was not encrypted is encrypted whole, and no readable copy is left")
    func encryptsLater() async throws {
        let folder = temporaryFolder()
        let store = try SQLiteStore(folder: folder)
        try await fill(store)
        let everything = try await Everything(store)
        await store.close()
        let key = DataKey.random()
        #expect(try !SQLiteStore.isEncrypted(folder: folder))
        let sealed = try SQLiteStore.open(folder: folder, key: key)
        try expectNoSecret(in: folder)
        #expect(try await Everything(sealed) == everything)
        let engram = try await sealed.engram(of: CheckpointID(rawValue: "c3"), of: alice.user)
        #expect(engram?.count == 40 * "the secret checkpoint of alice. ".utf8.count)
        #expect(
            try await sealed.overview()
                == StoreOverview(
                    sessions: 1, learningEvents: 40, eventsWithContent: 40))
        await sealed.close()
        #expect(try SQLiteStore.isEncrypted(folder: folder))
        try expectNoSecret(in: folder)
        #expect(throws: StorageError.keyMissing(path: folder)) { try SQLiteStore(folder: folder) }
        #expect(throws: StorageError.keyWrong(path: folder)) {
            try SQLiteStore.open(folder: folder, key: .random())
        }
        let again = try SQLiteStore.open(folder: folder, key: key)
        #expect(try await Everything(again) == everything)
        await again.close()
    }

    @Test("An encryption that died before it had cleaned up does so at the next start")
    func finishesErasure() async throws {
        let folder = temporaryFolder()
        let key = DataKey.random()
        let store = try SQLiteStore.open(folder: folder, key: key)
        try await fill(store, events: 3)
        await store.close()
        // What a process leaves that dies after its transaction: pages in the log and in the file.
        let file = folder + "/hebb.sqlite"
        let database = try DatabaseQueue(path: file)
        try await database.write { [secrets] db in
            try db.execute(sql: "INSERT INTO properties VALUES ('erasure', x'')")
            try db.execute(sql: "CREATE TABLE leftover (a TEXT)")
            try db.execute(
                sql: "INSERT INTO leftover VALUES (?)",
                arguments: [String(repeating: secrets[0], count: 999)])
        }
        try await database.writeWithoutTransaction { db in
            try db.execute(sql: "PRAGMA secure_delete = OFF; DROP TABLE leftover")
        }
        try database.close()
        #expect(try holds(Array(secrets[0].utf8), folder: folder))
        let again = try SQLiteStore.open(folder: folder, key: key)
        try expectNoSecret(in: folder)
        await again.close()
    }

    @Test(
        "A value that was changed, cut, emptied or moved on disk is named, and never misread",
        arguments: SealedTable.allCases)
    func tampering(table: SealedTable) async throws {
        let folder = temporaryFolder()
        let key = DataKey.random()
        var store = try SQLiteStore.open(folder: folder, key: key)
        try await fill(store, events: 4)
        var second = session("bob/default")
        second.summary = Array("bob".utf8)
        try await store.createSession(second, engram: Array("bob".utf8))
        try await store.append(observed(1, session: second, key: "k", snapshot: true))
        var other = checkpointed("c9", number: 2, from: nil, session: second)
        other.event.engram = [1]
        other.checkpoint?.record.name = "bob's"
        other.checkpoint?.record.note = "bob's"
        try await store.append(other)
        let everything = try await Everything(store)

        for column in table.columns {
            let isText = ["name", "note", "hash", "requestHash"].contains(column)
            let changes = [
                isText ? "'AAAA' || substr(\(column), 5)" : "CAST(\(column) || x'00' AS BLOB)",
                isText ? "''" : "x''",
                """
                (SELECT \(column) FROM \(table.rawValue)
                 WHERE user = 'bob' AND \(column) IS NOT NULL LIMIT 1)
                """,
            ]
            for change in changes {
                await store.close()
                let copy = temporaryFolder()
                try FileManager.default.createDirectory(
                    atPath: (copy as NSString).deletingLastPathComponent,
                    withIntermediateDirectories: true)
                try FileManager.default.copyItem(atPath: folder, toPath: copy)
                let database = try DatabaseQueue(path: copy + "/hebb.sqlite")
                try await database.write { db in
                    try db.execute(
                        sql: """
                            UPDATE \(table.rawValue) SET \(column) = \(change)
                            WHERE user = 'alice' AND \(column) IS NOT NULL
                            """)
                }
                try database.close()
                let forged = try SQLiteStore.open(folder: copy, key: key)
                do {
                    _ = try await Everything(forged)
                    _ = try await forged.engram(of: CheckpointID(rawValue: "c3"), of: alice.user)
                    Issue.record("\(table).\(column) = \(change) was read")
                } catch StorageError.unreadable(let place) {
                    #expect(place.hasPrefix("\(table).\(column) of alice/"))
                } catch StorageError.corrupt(_, let place) {
                    #expect(place == "\(table).\(column)" && column == table.erasableColumn)
                }
                await forged.close()
                store = try SQLiteStore.open(folder: folder, key: key)
            }
        }
        #expect(try await Everything(store) == everything)
        await store.close()
    }

    @Test("No sealed value comes twice: every nonce is new")
    func nonces() throws {
        let seal = RowSeal(.random(), salt: Data())
        let place = SealedPlace.snapshot(1, of: alice)
        let values = try (0..<100).map { _ in try seal.seal(Array("again".utf8), at: place) }
        #expect(Set(values).count == 100)
        #expect(values.allSatisfy { $0.count == 5 + RowSeal.overhead })
        #expect(throws: StorageError.self) {
            try RowSeal(.random(), salt: Data()).open(values[0], at: place)
        }
    }

    @Test("Identifiers that run together name different places")
    func places() {
        let a = SealedPlace(table: .events, column: "tokens", row: ["ab", "c"])
        let b = SealedPlace(table: .events, column: "tokens", row: ["a", "bc"])
        #expect(a.authenticated != b.authenticated)
    }
}

@Suite struct DataKeyTests {
    private let folder = TemporaryPlace.path("keys")

    init() throws {
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
    }

    private func write(_ bytes: [UInt8], mode: Int = 0o600) throws -> String {
        let path = folder + "/\(UUID().uuidString)"
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        return path
    }

    @Test("A key is 32 bytes, or 64 hexadecimal digits with white space around")
    func forms() throws {
        let raw = (0..<32).map { UInt8($0 * 8) }
        let digits = raw.map { String(256 + Int($0), radix: 16).dropFirst() }.joined()
        let forms = [
            raw, Array(digits.utf8), Array((" \(digits.uppercased())\r\n").utf8),
        ]
        for form in forms {
            let key = try DataKey(contentsOf: try write(form))
            #expect(key.hexadecimal == digits)
        }
        for wrong in [[], Array(raw.dropLast()), Array(digits.dropLast().utf8), raw + raw] {
            #expect(throws: StorageError.self) { try DataKey(contentsOf: try write(wrong)) }
        }
        let path = try write(Array("not a key\n".utf8))
        #expect(throws: StorageError.keyFile(path: path, .notAKey(byteCount: 10))) {
            try DataKey(contentsOf: path)
        }
    }

    @Test("A key that everybody can read is refused; its group may")
    func permissions() throws {
        let raw = [UInt8](repeating: 7, count: 32)
        let path = try write(raw, mode: 0o644)
        #expect(throws: StorageError.keyFile(path: path, .openToAll(permissions: 0o644))) {
            try DataKey(contentsOf: path)
        }
        _ = try DataKey(contentsOf: try write(raw, mode: 0o440))
        #expect(throws: StorageError.keyFile(path: folder + "/none", .unusable(code: 2))) {
            try DataKey(contentsOf: folder + "/none")
        }
    }

    @Test("A new key is its owner's alone, reads back, and never replaces one")
    func make() throws {
        let path = folder + "/new"
        let key = try DataKey.make(at: path)
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == 0o600)
        let read = try DataKey(contentsOf: path)
        #expect(read.hexadecimal == key.hexadecimal)
        #expect(throws: StorageError.keyFile(path: path, .exists)) { try DataKey.make(at: path) }
        #expect(try DataKey(contentsOf: path).hexadecimal == key.hexadecimal)
    }
}
