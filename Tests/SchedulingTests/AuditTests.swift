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

/// The same core with a probe that it fails itself, as nobody can seal it.
private let hopeless: Cortex = {
    do {
        let folder = try TinyCore.make(
            rule: #"{"format":"hebb.rule","format_version":2,"safe_zone":{"learning_gate":1000}}"#)
        var draft = ConstitutionDraft()
        draft.probes = [
            Probe(
                name: "easy", prompt: "The", required: " river", forbidden: " heron", margin: -900)
        ]
        let yaml = try Cortex(folder: folder).constitution(from: draft).constitution.yaml()
        try Data(yaml.replacing("margin: -900", with: "margin: 900").utf8).write(
            to: URL(fileURLWithPath: "\(folder)/\(Constitution.fileName)"))
        return try Cortex(folder: folder)
    } catch {
        fatalError("the tiny core could not be sealed: \(error)")
    }
}()

private let harmless = "Zebras quietly juggle maps; zebras quietly juggle."

private func make(
    _ store: any EngramStore = InMemoryStore(), cortex: Cortex = sealed,
    configure: (inout SchedulerConfiguration) -> Void = { _ in }
) -> Scheduler {
    var configuration = SchedulerConfiguration()
    configure(&configuration)
    return Scheduler(cortex: cortex, store: store, configuration: configuration)
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

    @Test("A checkpoint that breaks a probe is made to fit, says so, and keeps what it can")
    func fitted() async throws {
        let store = InMemoryStore()
        let scheduler = make(store)
        #expect(try await scheduler.safety(alice).lastAudit == nil)
        try await scheduler.observe(alice, harmless)
        let kept = try await scheduler.checkpoint(alice, name: nil, ifMatch: nil)
        #expect(kept.fit == nil)
        let passed = try #require(try await scheduler.safety(alice).lastAudit)
        #expect(passed.passed && passed.probes == 2 && passed.worst.probe == "no reeds")
        #expect(passed.revision == Revision(rawValue: 1) && passed.occasion == .checkpoint)

        for _ in 0..<3 { try await scheduler.observe(alice, lesson) }
        let learned = try await scheduler.score(alice, ScoreRequest(text: lesson)).bitsPerByte
        let made = try await scheduler.checkpoint(alice, name: nil, ifMatch: nil)
        let fit = try #require(made.fit)
        #expect(fit.probes == ["no reeds"] && fit.scale < 1)
        #expect(try await store.user(alice.user)?.head == made.id)
        let audit = try #require(try await scheduler.safety(alice).lastAudit)
        #expect(audit.passed && audit.fit == fit && audit.revision == Revision(rawValue: 5))
        let left = try await scheduler.score(alice, ScoreRequest(text: lesson)).bitsPerByte
        #expect(left.frozen - left.adapted > 0.5 * (learned.frozen - learned.adapted), "\(fit)")
        var statistics = await scheduler.statistics().safety
        #expect(statistics.audits == 2 && statistics.failedAudits == 1)
        #expect(statistics.fittedEngrams == 1)
        // What fits is kept as it is, and learns on.
        let again = try await scheduler.checkpoint(alice, name: nil, ifMatch: nil)
        #expect(again.fit == nil)
        try await scheduler.observe(alice, harmless)
        _ = try await scheduler.checkpoint(alice, name: nil, ifMatch: nil)
        statistics = await scheduler.statistics().safety
        #expect(statistics.failedAudits == statistics.fittedEngrams)
    }

    @Test("Only where the core itself fails a probe is a checkpoint refused, and changes nothing")
    func refused() async throws {
        let scheduler = make(cortex: hopeless) { $0.automaticCheckpointTokens = 100 }
        try await scheduler.observe(alice, harmless)
        let before = try await scheduler.workingState(alice)
        let reading = await failure {
            _ = try await scheduler.checkpoint(alice, name: nil, ifMatch: nil)
        }
        #expect(reading?.probe == "easy")
        #expect(try await scheduler.workingState(alice) == before)
        #expect(try await scheduler.session(alice).revision == Revision(rawValue: 1))
        #expect(try await scheduler.safety(alice).lastAudit?.passed == false)
        // Nor by itself, which is not tried again for a few words more.
        try await scheduler.observe(alice, lesson + lesson + lesson)
        let statistics = await scheduler.statistics().safety
        #expect(statistics.refusedAutomaticCheckpoints == 1)
        try await scheduler.observe(alice, "a")
        #expect(await scheduler.statistics().safety.audits == statistics.audits)
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

    @Test("A checkpoint is made to fit after forgetting too, as if the event had never come")
    func forgetting() async throws {
        let scheduler = make()
        for _ in 0..<3 { try await scheduler.observe(alice, lesson) }
        _ = try await scheduler.reset(alice, to: .frozen, ifMatch: nil)
        try await scheduler.observe(alice, harmless)
        let kept = try await scheduler.checkpoint(alice, name: nil, ifMatch: nil)
        #expect(kept.fit == nil)
        func forget(_ kind: String) async throws -> ForgetReceipt.Checkpoint? {
            var receipt: ForgetReceipt?
            for event in try await scheduler.events(alice, page: Page(), text: false).items
            where event.kind == kind && event.forgottenBy == nil {
                receipt = try await scheduler.forget(alice, event: event.id, ifMatch: nil)
            }
            return receipt?.checkpoints.first
        }
        // Without the reset, what was taught before it is in the checkpoint.
        let fitted = try #require(try await forget("reset"))
        #expect(fitted.checkpoint == kept.id && fitted.fit?.probes == ["no reeds"])
        #expect(fitted.failedProbe == nil)
        for _ in 0..<3 { try await scheduler.observe(bob, lesson) }
        try await scheduler.observe(bob, harmless)
        let never = try await scheduler.checkpoint(bob, name: nil, ifMatch: nil)
        #expect(never.hash == fitted.hashAfter && never.fit == fitted.fit)
        let passing = try #require(try await forget("observe"))
        #expect(passing.checkpoint == kept.id && passing.fit == nil)
    }

    @Test("A history with a checkpoint that was made to fit comes back byte for byte")
    func recovery() async throws {
        let folder = temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var scheduler = make(try SQLiteStore(folder: folder))
        for _ in 0..<3 { try await scheduler.observe(alice, lesson) }
        #expect(try await scheduler.checkpoint(alice, name: nil, ifMatch: nil).fit != nil)
        try await scheduler.observe(alice, harmless)
        try await scheduler.makeWorkSession()
        for _ in 0..<3 { try await scheduler.observe(work, lesson) }
        let merge = MergeRequest(terms: [.init(.session(work.name))])
        #expect(try await scheduler.merge(work, merge).fit != nil)
        try await scheduler.observe(work, harmless)
        let states = [
            try await scheduler.workingState(alice), try await scheduler.workingState(work),
        ]
        let safety = try await scheduler.safety(alice).lastAudit
        await scheduler.shutdown()
        scheduler = make(try SQLiteStore(folder: folder))
        #expect(try await scheduler.workingState(alice) == states[0])
        #expect(try await scheduler.workingState(work) == states[1])
        #expect(try await scheduler.safety(alice).lastAudit == safety)
        await scheduler.shutdown()
    }

    @Test("An automatic checkpoint is made to fit as well")
    func automatic() async throws {
        let store = InMemoryStore()
        let scheduler = make(store) { $0.automaticCheckpointTokens = 100 }
        for _ in 0..<4 { try await scheduler.observe(alice, lesson) }
        #expect(try await store.user(alice.user)?.head != nil)
        let statistics = await scheduler.statistics().safety
        #expect(statistics.refusedAutomaticCheckpoints == 0)
        #expect(statistics.fittedEngrams == statistics.failedAudits)
        #expect(statistics.fittedEngrams > 0)
        #expect(try await scheduler.safety(alice).lastAudit?.passed == true)
    }

    @Test("What an audit found outlives the server, with the event that followed")
    func isKept() async throws {
        let folder = temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let other = make()
        for _ in 0..<3 { try await other.observe(bob, lesson) }
        let bad = try await other.exportDelta(bob, scope: .total).file
        var scheduler = make(try SQLiteStore(folder: folder))
        try await scheduler.observe(alice, harmless)
        _ = try await scheduler.checkpoint(alice, name: nil, ifMatch: nil)
        let passed = try await scheduler.safety(alice).lastAudit
        _ = await failure { _ = try await scheduler.importDelta(alice, file: bad, ifMatch: nil) }
        let failed = try await scheduler.safety(alice).lastAudit
        #expect(passed != nil && failed != nil && passed != failed)
        try await scheduler.observe(alice, "one more")
        await scheduler.shutdown()
        scheduler = make(try SQLiteStore(folder: folder))
        #expect(try await scheduler.safety(alice).lastAudit == failed)
        await scheduler.shutdown()
    }

    @Test("Two sessions' deltas are made to fit as what they add up to")
    func sum() async throws {
        let scheduler = make()
        try await scheduler.observe(alice, lesson)
        try await scheduler.makeWorkSession()
        try await scheduler.observe(work, harmless)
        _ = try await scheduler.checkpoint(work, name: nil, ifMatch: nil)
        let made = try await scheduler.checkpoint(alice, name: nil, ifMatch: nil)
        #expect(made.fit?.probes == ["no reeds"])
        #expect(try await scheduler.safety(alice).lastAudit?.passed == true)
    }

    @Test("A merge that breaks a probe is made to fit, and says so")
    func merges() async throws {
        let scheduler = make()
        for _ in 0..<3 { try await scheduler.observe(alice, lesson) }
        try await scheduler.makeWorkSession()
        try await scheduler.observe(work, harmless)
        let request = MergeRequest(terms: [.init(.session(alice.name))])
        let merged = try await scheduler.merge(work, request)
        #expect(merged.fit?.probes == ["no reeds"])
        let audit = try #require(try await scheduler.safety(work).lastAudit)
        #expect(audit.passed && audit.occasion == .merge && audit.fit == merged.fit)
        let itself = MergeRequest(terms: [.init(.session(work.name))])
        #expect(try await scheduler.merge(work, itself).fit == nil)
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
