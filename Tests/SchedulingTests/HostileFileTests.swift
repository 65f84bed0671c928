import EngramStorage
import Engrams
import Foundation
import ModelFormats
import OuterCortex
import Testing
import TinyCore

@testable import Scheduling

/// A cortex that remembers so many positions.
private func remembering(_ capacity: Int) throws -> Cortex {
    var rule = cortex.rule
    rule.episode.capacity = capacity
    rule.episode.isPersisted = true
    rule.episode.minimumSurprise = 0
    rule.tensors = RuleTensors(keyProjection: .identity(size: TinyCore.hiddenSize))
    return try cortex.with(rule: rule)
}

@Suite("Engram files with numbers that no server wrote")
struct HostileFileTests {
    /// An engram of this server that learned something, with some of its metadata replaced.
    private func file(_ metadata: [String: String]) async throws -> [UInt8] {
        let scheduler = makeScheduler()
        try await scheduler.observe(bob, lesson)
        let bytes = try await scheduler.exportDelta(bob, scope: .total).file
        return try SafetensorsFile(bytes: bytes, name: "own").rewritten(metadata: metadata)
    }

    @Test("are refused, by force too, and the session goes on as it was")
    func refused() async throws {
        let scheduler = makeScheduler()
        try await scheduler.observe(alice, lesson)
        let before = try await scheduler.workingState(alice)
        for (key, value) in [
            ("layer_latent_count", "1"), ("episode_key_size", "3"),
            ("revision", String(Int.max)),
        ] {
            let file = try await file([key: value])
            await #expect(throws: ServiceError.self, "\(key)") {
                _ = try await scheduler.importDelta(alice, file: file, ifMatch: nil)
            }
            await #expect(throws: ServiceError.self, "\(key) by force") {
                _ = try await scheduler.transferDelta(alice, file: file, ifMatch: nil)
            }
        }
        #expect(try await scheduler.workingState(alice) == before)
        _ = try await scheduler.exportDelta(alice, scope: .session)
    }

    @Test(
        "are used like any where they leave something open",
        arguments: [
            ["projections": ProjectionShapes().text],
            ["kernel_class": String(repeating: "k", count: 256)],
            ["revision": "1000000000000000"],
            ["tokens_learned": "1000000000000000"],
        ])
    func used(metadata: [String: String]) async throws {
        let folder = temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var store = try SQLiteStore(folder: folder)
        let scheduler = makeScheduler(store)
        _ = try await scheduler.importDelta(alice, file: try await file(metadata), ifMatch: nil)
        _ = try await scheduler.exportDelta(alice, scope: .session)
        try await scheduler.makeWorkSession()
        try await scheduler.observe(work, lesson)
        _ = try await scheduler.checkpoint(work, name: nil, ifMatch: nil)
        let event = try await scheduler.observe(alice, "The river ran on.").event
        // The head has moved: this is the sum of both.
        _ = try await scheduler.checkpoint(alice, name: nil, ifMatch: nil)
        let state = try await scheduler.workingState(alice)
        await store.close()

        store = try SQLiteStore(folder: folder)
        let reopened = makeScheduler(store)
        #expect(try await reopened.sessions(of: nil, page: Page()).items.count == 2)
        #expect(try await reopened.workingState(alice) == state)
        _ = try await reopened.forget(alice, event: event, ifMatch: nil)
        await store.close()
    }

    @Test("A session whose stored state is none can still be reset and go on")
    func unreadableState() async throws {
        let store = InMemoryStore()
        let before = makeScheduler(store)
        try await before.observe(alice, lesson)
        let sequence = try await before.resident(alice).record.sequence
        try await store.keep(
            SnapshotRecord(
                sequence: sequence, engram: try await file(["revision": String(Int.max)])),
            of: alice)

        let scheduler = makeScheduler(store)
        await #expect(throws: ServiceError.self) { try await scheduler.observe(alice, lesson) }
        _ = try await scheduler.reset(alice, to: .frozen, ifMatch: nil)
        try await scheduler.observe(alice, lesson)
        let state = try await scheduler.workingState(alice)
        #expect(try await makeScheduler(store).workingState(alice) == state)
    }

    @Test("By force the newest episodes that the rule has room for come along")
    func episodes() async throws {
        let (wide, narrow) = (try remembering(16), try remembering(4))
        let before = Scheduler(cortex: wide, store: InMemoryStore())
        try await before.observe(alice, lesson)
        let file = try await before.exportDelta(alice, scope: .total).file
        let all = try Engram(serialized: file, name: "all").sites.episodes
        try #require(all.count == 16)

        let scheduler = Scheduler(cortex: narrow, store: InMemoryStore())
        let result = try await scheduler.transferDelta(alice, file: file, ifMatch: nil)
        let site = try #require(result.report.sites.first { $0.name == "episodes" })
        #expect(site.before == 16 && site.after == 4)
        let kept = try await scheduler.resident(alice).engram.sites.episodes
        #expect(kept.stored.map(\.token) == all.stored.suffix(4).map(\.token))
    }
}
