import EngramStorage
import Engrams
import Foundation
import ModelFormats
import OuterCortex
import Testing
import TinyCore

@testable import Scheduling

/// The tiny core, sealed with a probe that the lesson breaks and one that nothing breaks.
private let sealed: Cortex = {
    do {
        let folder = try TinyCore.make(
            rule: #"{"format":"hebb.rule","format_version":2,"safe_zone":{"learning_gate":1000}}"#)
        var draft = ConstitutionDraft()
        draft.probes = [
            Probe(name: "easy", prompt: "The", required: " river", margin: 500),
            Probe(
                name: "no reeds", prompt: "The heron stood in the", forbidden: " reeds", margin: 8),
        ]
        let (constitution, _) = try Cortex(folder: folder).constitution(from: draft)
        try Data(constitution.yaml().utf8).write(
            to: URL(fileURLWithPath: "\(folder)/\(Constitution.fileName)"))
        return try Cortex(folder: folder)
    } catch {
        fatalError("the tiny core could not be sealed: \(error)")
    }
}()

private let harmless = "Zebras quietly juggle maps; zebras quietly juggle."

private func make(
    _ store: any EngramStore = InMemoryStore(),
    configure: (inout SchedulerConfiguration) -> Void = { _ in }
) -> Scheduler {
    var configuration = SchedulerConfiguration()
    configure(&configuration)
    return Scheduler(cortex: sealed, store: store, configuration: configuration)
}

@Suite struct AuditTests {
    private func failure(_ body: () async throws -> Void) async -> ProbeReading? {
        do {
            try await body()
        } catch ServiceError.probeFailed(let reading) {
            return reading
        } catch {
            Issue.record("\(error)")
        }
        return nil
    }

    @Test("A checkpoint that breaks a probe is refused by name, and the session keeps its delta")
    func refused() async throws {
        let store = InMemoryStore()
        let scheduler = make(store)
        #expect(try await scheduler.safety(alice).lastAudit == nil)
        try await scheduler.observe(alice, harmless)
        let kept = try await scheduler.checkpoint(alice, name: nil, ifMatch: nil)
        let passed = try #require(try await scheduler.safety(alice).lastAudit)
        #expect(passed.passed && passed.probes == 2 && passed.worst.probe == "no reeds")
        #expect(passed.revision == Revision(rawValue: 1) && passed.occasion == .checkpoint)

        for _ in 0..<3 { try await scheduler.observe(alice, lesson) }
        let before = try await scheduler.workingState(alice)
        let reading = try #require(
            await failure { _ = try await scheduler.checkpoint(alice, name: nil, ifMatch: nil) })
        #expect(reading.probe == "no reeds" && reading.slack < 0)
        #expect(try await scheduler.workingState(alice) == before)
        #expect(try await scheduler.session(alice).revision == Revision(rawValue: 5))
        #expect(try await store.user(alice.user)?.head == kept.id)
        #expect(
            try await store.checkpoints(of: alice.user, after: nil, limit: 9).map(\.id) == [kept.id]
        )
        let audit = try #require(try await scheduler.safety(alice).lastAudit)
        #expect(!audit.passed && audit.worst == reading)
        #expect(audit.revision == Revision(rawValue: 5))
        let statistics = await scheduler.statistics().safety
        #expect(statistics.audits == 2 && statistics.failedAudits == 1)
        // It learns on, and goes back to what passed.
        try await scheduler.observe(alice, harmless)
        _ = try await scheduler.reset(alice, to: .head, ifMatch: nil)
        #expect(try await scheduler.safety(alice).lastAudit == nil)
        _ = try await scheduler.checkpoint(alice, name: nil, ifMatch: nil)
        #expect(try await scheduler.safety(alice).lastAudit?.passed == true)
    }

    @Test("An import that breaks a probe is refused, and changes nothing")
    func imports() async throws {
        let scheduler = make()
        for _ in 0..<3 { try await scheduler.observe(alice, lesson) }
        try await scheduler.observe(bob, harmless)
        let bad = try await scheduler.exportDelta(alice, scope: .total).file
        let good = try await scheduler.exportDelta(bob, scope: .total).file
        let before = try await scheduler.workingState(bob)
        let reading = await failure {
            _ = try await scheduler.importDelta(bob, file: bad, ifMatch: nil)
        }
        #expect(reading?.probe == "no reeds")
        #expect(try await scheduler.workingState(bob) == before)
        #expect(try await scheduler.session(bob).revision == Revision(rawValue: 1))
        #expect(try await scheduler.safety(bob).lastAudit?.occasion == .import)
        #expect(try await scheduler.safety(bob).lastAudit?.passed == false)
        _ = try await scheduler.importDelta(alice, file: good, ifMatch: nil)
        let audit = try #require(try await scheduler.safety(alice).lastAudit)
        #expect(audit.passed && audit.occasion == .import)
    }

    @Test("A checkpoint that fails a probe after forgetting stands, and the receipt says so")
    func forgetting() async throws {
        let scheduler = make()
        for _ in 0..<3 { try await scheduler.observe(alice, lesson) }
        _ = try await scheduler.reset(alice, to: .frozen, ifMatch: nil)
        try await scheduler.observe(alice, harmless)
        let kept = try await scheduler.checkpoint(alice, name: nil, ifMatch: nil)
        func forget(_ kind: String) async throws -> ForgetReceipt.Checkpoint? {
            var receipt: ForgetReceipt?
            for event in try await scheduler.events(alice, page: Page(), text: false).items
            where event.kind == kind && event.forgottenBy == nil {
                receipt = try await scheduler.forget(alice, event: event.id, ifMatch: nil)
            }
            return receipt?.checkpoints.first
        }
        // Without the reset, what was taught before it is in the checkpoint.
        let failing = try #require(try await forget("reset"))
        #expect(failing.checkpoint == kept.id && failing.failedProbe?.probe == "no reeds")
        #expect(failing.failedProbe.map { $0.passes } == false)
        let passing = try #require(try await forget("observe"))
        #expect(passing.checkpoint == kept.id && passing.failedProbe == nil)
    }

    @Test("An automatic checkpoint that breaks a probe is not made; what was learned stays")
    func automatic() async throws {
        let store = InMemoryStore()
        let scheduler = make(store) { $0.automaticCheckpointTokens = 100 }
        for _ in 0..<4 { try await scheduler.observe(alice, lesson) }
        #expect(try await store.user(alice.user)?.head == nil)
        #expect(try await scheduler.session(alice).revision == Revision(rawValue: 4))
        let statistics = await scheduler.statistics().safety
        #expect(statistics.refusedAutomaticCheckpoints > 0)
        #expect(statistics.refusedAutomaticCheckpoints == statistics.failedAudits)
        let audit = try #require(try await scheduler.safety(alice).lastAudit)
        #expect(!audit.passed && audit.worst.probe == "no reeds")
        // Not asked again for a few words more.
        try await scheduler.observe(alice, "a")
        #expect(await scheduler.statistics().safety.audits == statistics.audits)
    }

    @Test("An automatic checkpoint is tried again however much another session has consolidated")
    func automaticBesideOthers() async throws {
        let scheduler = make { $0.automaticCheckpointTokens = 100 }
        // Stands on the frozen core, and not on what the other session consolidates.
        try await scheduler.makeSession(alice)
        try await scheduler.makeWorkSession()
        try await scheduler.observe(work, harmless)
        _ = try await scheduler.checkpoint(work, name: nil, ifMatch: nil)
        try await scheduler.observe(alice, lesson + lesson + lesson)
        let audits = await scheduler.statistics().safety.audits
        let failed = try #require(try await scheduler.safety(alice).lastAudit)
        #expect(!failed.passed)
        #expect(failed.tokensLearned == (try await scheduler.session(alice).tokensLearned))
        // More than an eighth of the limit, and less than the other session learned.
        try await scheduler.observe(alice, "The heron stood in the reeds.")
        #expect(await scheduler.statistics().safety.audits == audits + 1)
    }

    @Test("What an audit found outlives the server, with the event that followed")
    func isKept() async throws {
        let folder = temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var scheduler = make(try SQLiteStore(folder: folder))
        try await scheduler.observe(alice, harmless)
        _ = try await scheduler.checkpoint(alice, name: nil, ifMatch: nil)
        let passed = try await scheduler.safety(alice).lastAudit
        for _ in 0..<3 { try await scheduler.observe(alice, lesson) }
        _ = await failure {
            _ = try await scheduler.checkpoint(alice, name: nil, ifMatch: nil)
        }
        let failed = try await scheduler.safety(alice).lastAudit
        #expect(passed != nil && failed != nil && passed != failed)
        try await scheduler.observe(alice, "one more")
        await scheduler.shutdown()
        scheduler = make(try SQLiteStore(folder: folder))
        #expect(try await scheduler.safety(alice).lastAudit == failed)
        await scheduler.shutdown()
    }

    @Test("Two sessions' deltas are audited as what they add up to")
    func sum() async throws {
        let scheduler = make()
        try await scheduler.observe(alice, lesson)
        try await scheduler.makeWorkSession()
        try await scheduler.observe(work, harmless)
        _ = try await scheduler.checkpoint(work, name: nil, ifMatch: nil)
        let reading = await failure {
            _ = try await scheduler.checkpoint(alice, name: nil, ifMatch: nil)
        }
        #expect(reading?.probe == "no reeds")
    }

    @Test("A merge that breaks a probe is refused, and changes nothing")
    func merges() async throws {
        let scheduler = make()
        for _ in 0..<3 { try await scheduler.observe(alice, lesson) }
        try await scheduler.makeWorkSession()
        try await scheduler.observe(work, harmless)
        let before = try await scheduler.workingState(work)
        let request = MergeRequest(terms: [.init(.session(alice.name))])
        let reading = await failure { _ = try await scheduler.merge(work, request) }
        #expect(reading?.probe == "no reeds")
        #expect(try await scheduler.workingState(work) == before)
        #expect(try await scheduler.safety(work).lastAudit?.occasion == .merge)
        let itself = MergeRequest(terms: [.init(.session(work.name))])
        _ = try await scheduler.merge(work, itself)
        let audit = try #require(try await scheduler.safety(work).lastAudit)
        #expect(audit.passed && audit.occasion == .merge)
    }

    @Test("An engram from before the core was sealed is refused, and with force audited")
    func transfers() async throws {
        let unsealed = Scheduler(cortex: try sealed.with(rule: .tried), store: InMemoryStore())
        try await unsealed.observe(bob, harmless)
        for _ in 0..<3 { try await unsealed.observe(alice, lesson) }
        let good = try await unsealed.exportDelta(bob, scope: .total).file
        let bad = try await unsealed.exportDelta(alice, scope: .total).file
        let scheduler = make()
        await #expect(throws: ServiceError.self) {
            _ = try await scheduler.importDelta(alice, file: good, ifMatch: nil)
        }
        let moved = try await scheduler.transferDelta(alice, file: good, ifMatch: nil)
        #expect(moved.report.changes.map(\.part) == ["rule", "constitution"])
        #expect(try await scheduler.safety(alice).lastAudit?.passed == true)
        let reading = await failure {
            _ = try await scheduler.transferDelta(alice, file: bad, ifMatch: nil)
        }
        #expect(reading?.probe == "no reeds")
        #expect(try await scheduler.session(alice).revision == Revision(rawValue: 1))
    }

    @Test("Without probes nothing is audited")
    func unsealed() async throws {
        let scheduler = makeScheduler()
        try await scheduler.observe(alice, lesson)
        _ = try await scheduler.checkpoint(alice, name: nil, ifMatch: nil)
        #expect(try await scheduler.safety(alice).lastAudit == nil)
        #expect(await scheduler.statistics().safety.audits == 0)
        #expect(scheduler.seal.constitution == nil)
    }
}

extension PlasticityRule {
    /// The sealed core's rule but for one rate, so that no constitution acts with it.
    fileprivate static let tried: PlasticityRule = {
        var rule = sealed.rule
        rule.bias.rate *= 0.9
        return rule
    }()
}
