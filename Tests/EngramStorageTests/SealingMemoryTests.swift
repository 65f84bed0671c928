import Foundation
import GRDB
import Synchronization
import Testing

@testable import EngramStorage

@Suite struct SealingMemoryTests {
    @Test("Sealing builds the new file on the disk of the folder, not in memory")
    func temporaryFile() throws {
        let folder = temporaryFolder() + "'s"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let statements = Mutex<[String]>([])
        var configuration = Configuration()
        configuration.journalMode = .wal
        configuration.prepareDatabase { db in
            try db.execute(sql: "PRAGMA temp_store = MEMORY")
            db.trace { event in
                let statement = "\(event)"
                statements.withLock { $0.append(statement) }
            }
        }
        let queue = try DatabaseQueue(path: folder + "/hebb.sqlite", configuration: configuration)
        try SQLiteSchema.migrator.migrate(queue)
        _ = try queue.seal(with: .random(), folder: folder)
        let said = statements.withLock { $0 }
        let vacuum = try #require(said.firstIndex(of: "VACUUM"))
        #expect(said[..<vacuum].contains("PRAGMA temp_store = FILE"))
        let directory = try #require(said.first { $0.contains("temp_store_directory") })
        #expect(directory.contains("''s"))
        let afterwards = try queue.inDatabase { try Int.fetchOne($0, sql: "PRAGMA temp_store") }
        #expect(afterwards == 2)
        try queue.close()
    }

    @Test("What is readable is never built anew on a disk")
    func inMemory() throws {
        let folder = temporaryFolder()
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let statements = Mutex<[String]>([])
        var configuration = Configuration()
        configuration.prepareDatabase { db in
            db.trace { event in
                let statement = "\(event)"
                statements.withLock { $0.append(statement) }
            }
        }
        let queue = try DatabaseQueue(path: folder + "/hebb.sqlite", configuration: configuration)
        try SQLiteSchema.migrator.migrate(queue)
        try queue.inDatabase { db in
            try db.execute(sql: "INSERT INTO properties VALUES ('erasure', x'')")
        }
        _ = try queue.seal(with: nil, folder: folder)
        let said = statements.withLock { $0 }
        #expect(said.contains("VACUUM"))
        #expect(!said.contains { $0.contains("temp_store") })
        try queue.close()
    }
}
