import Engrams
import Foundation
import GRDB
import Testing
import TinyCore

@testable import EngramStorage

@Suite struct StorageFailureTests {
    @Test(
        "The promises of PrivateMountTests hold on a real full disk and real read-only files",
        .enabled(
            if: PrivateMounts.areAllowed,
            "needs leave to mount in a namespace of one's own (unshare -m)"))
    func inNamespace() throws {
        let outcome = try PrivateMounts.run(suite: "PrivateMountTests", kilobytes: 8192)
        #expect(outcome.status == 0, "\(outcome.output)")
        #expect(outcome.output.contains("Test run with 3 tests"), "\(outcome.output)")
    }

    @Test("What SQLite says of a disk becomes an error that says what to do")
    func mapping() {
        let folder = FileManager.default.temporaryDirectory.path
        func error(_ code: ResultCode) -> StorageError {
            StorageError(DatabaseError(resultCode: code), folder: folder)
        }
        #expect(error(.SQLITE_FULL) == .diskFull)
        #expect(error(.SQLITE_READONLY_DIRECTORY) == .readOnly)
        #expect(error(.SQLITE_IOERR_READ) == .inputOutput(code: 266))
        #expect(error(.SQLITE_CORRUPT) == .corrupt(code: 11))
        #expect(error(.SQLITE_BUSY) == .busy)
        #expect(error(.SQLITE_TOOBIG) == .failed(code: 18))
        for (code, remedy) in [(EROFS, "Mount"), (EACCES, "Let this user"), (ENOTDIR, "Name")] {
            let text = StorageError.folderUnusable(path: "/data", code: Int(code)).description
            #expect(text.contains("/data") && text.contains(remedy))
        }
    }
}

/// Run by `StorageFailureTests` on a tmpfs of eight megabytes.
@Suite(.serialized, .enabled(if: PrivateMounts.place != nil, "run in a namespace"))
struct PrivateMountTests {
    private let place = PrivateMounts.place ?? ""

    private var filler: String { place + "/filler" }

    /// Fills the disk but for some pages.
    private func fillDisk(leaving pages: Int) throws {
        _ = FileManager.default.createFile(atPath: filler, contents: nil)
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: filler))
        defer { try? handle.close() }
        let page = Data(repeating: 1, count: 4096)
        var count = 0
        while (try? handle.write(contentsOf: page)) != nil { count += 1 }
        try handle.truncate(atOffset: UInt64(max(0, count - pages) * 4096))
    }

    private func freeDisk() throws { try FileManager.default.removeItem(atPath: filler) }

    private func clear() throws {
        for name in try FileManager.default.contentsOfDirectory(atPath: place) {
            try FileManager.default.removeItem(atPath: place + "/" + name)
        }
    }

    private func integrity(of folder: String) async throws -> [String] {
        let database = try DatabaseQueue(path: folder + "/hebb.sqlite")
        defer { try? database.close() }
        return try await database.read { try String.fetchAll($0, sql: "PRAGMA integrity_check") }
    }

    @Test(
        "On a full disk writes are refused whole, reads go on, and writes do when there is space",
        arguments: [false, true])
    func fullDisk(isEncrypted: Bool) async throws {
        try clear()
        let folder = place + "/data"
        let key = isEncrypted ? DataKey.random() : nil
        let store = try SQLiteStore.open(folder: folder, key: key)
        try await store.createSession(session("alice/default"), engram: [1])
        var acknowledged = 0
        // The log is of another length each time, so that the space ends at another write.
        for pages in 0..<24 {
            try fillDisk(leaving: pages)
            var before = try await Everything(store)
            var refusals = 0
            while refusals < 3 {
                var entry = observed(acknowledged + 1, snapshot: true)
                entry.snapshot?.engram = [UInt8](repeating: 9, count: 9_000)
                do {
                    try await store.append(entry)
                    acknowledged += 1
                    try #require(acknowledged < 2000, "the disk is never full")
                    before = try await Everything(store)
                } catch let error as StorageError {
                    #expect(error == .diskFull)
                    refusals += 1
                    #expect(try await Everything(store) == before)
                }
            }
            await #expect(throws: StorageError.diskFull) {
                try await store.createSession(
                    session("bob/s\(pages)"), engram: [UInt8](repeating: 7, count: 400_000))
            }
            #expect(try await store.session(alice)?.sequence == acknowledged)
            try freeDisk()
            try await store.append(observed(acknowledged + 1))
            acknowledged += 1
        }
        let before = try await Everything(store)
        await store.close()
        #expect(try await integrity(of: folder) == ["ok"])
        let again = try SQLiteStore.open(folder: folder, key: key)
        #expect(try await Everything(again) == before)
        await again.close()
    }

    @Test("A store does not open on a full disk, says so, and is whole when it does")
    func opensOnFullDisk() async throws {
        try clear()
        try fillDisk(leaving: 0)
        let folder = place + "/data"
        #expect(throws: StorageError.diskFull) { try SQLiteStore(folder: folder) }
        try freeDisk()
        let store = try SQLiteStore(folder: folder)
        try await store.createSession(session("alice/default"), engram: [1])
        for number in 1...9 { try await store.append(observed(number)) }
        let everything = try await Everything(store)
        await store.close()
        for pages in [0, 1, 2, 4, 8, 12] {
            try fillDisk(leaving: pages)
            do {
                let opened = try SQLiteStore(folder: folder)
                #expect(try await Everything(opened) == everything)
                await opened.close()
            } catch {
                #expect(error as? StorageError == .diskFull)
            }
            // It takes twice the space to seal what is there.
            #expect(throws: StorageError.diskFull, "\(pages) pages") {
                try SQLiteStore.open(folder: folder, key: .random())
            }
            try freeDisk()
            let again = try SQLiteStore(folder: folder)
            #expect(try await Everything(again) == everything)
            await again.close()
        }
    }

    @Test("A read-only folder and a read-only file are refused, and nothing in them changes")
    func readOnly() async throws {
        try clear()
        let folder = place + "/data"
        let store = try SQLiteStore(folder: folder)
        try await store.createSession(session("alice/default"), engram: [1])
        try await store.append(observed(1))
        let everything = try await Everything(store)
        await store.close()

        func mountReadOnly(_ path: String) throws {
            #expect(try PrivateMounts.command("mount --bind '\(path)' '\(path)'") == 0)
            #expect(try PrivateMounts.command("mount -o remount,bind,ro '\(path)'") == 0)
        }
        try mountReadOnly(folder)
        #expect(throws: StorageError.folderUnusable(path: folder, code: Int(EROFS))) {
            try SQLiteStore(folder: folder)
        }
        #expect(throws: StorageError.folderUnusable(path: folder + "/sub", code: Int(EROFS))) {
            try SQLiteStore(folder: folder + "/sub")
        }
        // As SQLite puts it for a file that was open when its file system became read-only.
        let late = DatabaseError(resultCode: .SQLITE_IOERR_WRITE)
        #expect(StorageError(late, folder: folder) == .readOnly)
        #expect(try PrivateMounts.command("umount '\(folder)'") == 0)

        try mountReadOnly(folder + "/hebb.sqlite")
        #expect(throws: StorageError.readOnly) { try SQLiteStore(folder: folder) }
        #expect(throws: StorageError.readOnly) {
            try SQLiteStore.open(folder: folder, key: .random())
        }
        #expect(try PrivateMounts.command("umount '\(folder)/hebb.sqlite'") == 0)

        let again = try SQLiteStore(folder: folder)
        #expect(try await Everything(again) == everything)
        await again.close()
    }
}
