import EngramStorage
import Engrams
import Foundation
import ModelFormats
import OuterCortex
import Testing

@testable import Scheduling

@Suite struct SafetyTests {
    private let looping: GenerationVitals = {
        var vitals = GenerationVitals.healthy(tokens: 1000)
        vitals.repetition = 1
        return vitals
    }()

    private func tokenCount(_ text: String) -> Int { cortex.tokenizer.encode(text).count }

    @Test("What was observed is certified and measured, and the answer says it in short")
    func observes() async throws {
        let scheduler = makeScheduler()
        let before = try await scheduler.safety(alice)
        #expect(before.certificate == GainCertificate(zone: cortex.zone))
        #expect(before.divergence.tokens == 0 && !before.isPaused)
        var (frozen, adapted) = (0.0, 0.0)
        var last: ObserveResult?
        for _ in 0..<4 {
            let result = try await scheduler.observe(alice, lesson)
            frozen += result.bitsPerByte.frozen
            adapted += result.bitsPerByte.adapted
            last = result
        }
        let report = try await scheduler.safety(alice)
        #expect(report.certificate.tokens == 4 * tokenCount(lesson))
        #expect(abs(report.certificate.measuredGainPercent - 100 * (1 - adapted / frozen)) < 1e-3)
        #expect(report.certificate.certifiedGain > 0)
        #expect(report.certificate.certifiedGain < report.certificate.measuredGain)
        #expect(report.certificate.helps)
        #expect(last?.certificate == CertificateBrief(report.certificate))
        #expect(report.divergence.tokens == 4 * tokenCount(lesson))
        #expect(report.divergence.maximum > 0)
        #expect(report.divergence.maximum <= report.zone.maximumDivergence)
        #expect(report.revision == Revision(rawValue: 4))
        #expect(report.since == .zero)
        #expect(report.complexity.nats > 0)
        // Another user's certificate is another.
        #expect(try await scheduler.safety(bob).certificate.tokens == 0)
    }

    @Test(
        "What the model wrote itself certifies nothing",
        arguments: [LearnMode.prompt, .completion, .both])
    func ownWords(mode: LearnMode) async throws {
        let scheduler = makeScheduler()
        let answer = try await Collected(
            try await scheduler.complete(alice, completion(maxTokens: 10, learn: mode)))
        #expect(answer.summary?.event != nil)
        let certificate = try await scheduler.safety(alice).certificate
        #expect(certificate.tokens == (mode == .completion ? 0 : tokenCount("The heron")))
        let bits = await scheduler.statistics().safety.observedFrozenBits
        #expect((bits > 0) == (mode != .completion))
    }

    @Test("A reset, a restore and an import start over; a checkpoint does not")
    func startsOver() async throws {
        let scheduler = makeScheduler()
        func tokens() async throws -> Int {
            let report = try await scheduler.safety(alice)
            #expect((report.certificate.tokens == 0) == (report.since == report.revision))
            return report.certificate.tokens
        }
        let count = tokenCount(lesson)
        try await scheduler.observe(alice, lesson)
        let file = try await scheduler.exportDelta(alice, scope: .total).file
        let checkpoint = try await scheduler.checkpoint(alice, name: nil, ifMatch: nil)
        #expect(try await tokens() == count)
        try await scheduler.observe(alice, lesson)
        #expect(try await tokens() == 2 * count)
        _ = try await Collected(try await scheduler.complete(alice, completion()))
        #expect(try await scheduler.safety(alice).monitors[0].value != nil)

        _ = try await scheduler.reset(alice, to: .head, ifMatch: nil)
        #expect(try await tokens() == 0)
        #expect(try await scheduler.safety(alice).monitors.allSatisfy { $0.value == nil })
        try await scheduler.observe(alice, lesson)
        #expect(try await tokens() == count)
        _ = try await scheduler.restore(alice, checkpoint: checkpoint.id, ifMatch: nil)
        #expect(try await tokens() == 0)
        try await scheduler.observe(alice, lesson)
        _ = try await scheduler.importDelta(alice, file: file, ifMatch: nil)
        #expect(try await tokens() == 0)
    }

    @Test("An automatic checkpoint keeps the certificate")
    func automaticCheckpoint() async throws {
        let scheduler = makeScheduler { $0.automaticCheckpointTokens = 1 }
        let result = try await scheduler.observe(alice, lesson)
        #expect(result.revision == Revision(rawValue: 2))
        #expect(try await scheduler.safety(alice).certificate.tokens == tokenCount(lesson))
    }

    @Test("After a kill the ledger is as of the last event, and a replay counts nothing twice")
    func survives() async throws {
        let folder = temporaryFolder()
        let scheduler = makeScheduler(try SQLiteStore(folder: folder))
        try await scheduler.observe(alice, lesson)
        _ = try await Collected(try await scheduler.complete(alice, completion()))
        try await scheduler.observe(alice, lesson)
        let before = try await scheduler.safety(alice)
        // In memory only, as no event followed.
        _ = try await Collected(try await scheduler.complete(alice, completion("Reeds")))
        #expect(try await scheduler.safety(alice).monitors != before.monitors)

        let copy = temporaryFolder()
        try FileManager.default.createDirectory(
            atPath: (copy as NSString).deletingLastPathComponent,
            withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: folder, toPath: copy)
        let reopened = makeScheduler(try SQLiteStore(folder: copy))
        for _ in 0..<2 {
            let after = try await reopened.safety(alice)
            #expect(after.certificate == before.certificate)
            #expect(after.divergence == before.divergence)
            #expect(after.monitors == before.monitors)
            // The second time with the session in memory, its journal done again.
            _ = try await reopened.workingState(alice)
        }
        await reopened.shutdown()
        await scheduler.shutdown()
    }

    @Test("What was not written, and what was asked twice, is not counted")
    func onlyEvents() async throws {
        let store = FaultyStore()
        let scheduler = makeScheduler(store)
        try await scheduler.observe(alice, lesson, key: "k")
        let before = try await scheduler.safety(alice).certificate
        try await scheduler.observe(alice, lesson, key: "k")
        #expect(try await scheduler.safety(alice).certificate == before)
        store.fail(with: .diskFull)
        _ = try? await scheduler.observe(alice, lesson)
        store.fail(with: nil)
        #expect(try await scheduler.safety(alice).certificate == before)
        #expect(before.tokens == tokenCount(lesson))
    }

    @Test(
        "While a monitor fires, nothing is learned from an answer, and the answer says why",
        arguments: [LearnMode.prompt, .completion, .both, .none])
    func pauses(mode: LearnMode) async throws {
        let store = InMemoryStore()
        let scheduler = makeScheduler(store)
        let session = try await scheduler.resident(alice)
        #expect(await scheduler.host.note([looping], of: session).firing == [.repetition])
        let answer = try await Collected(
            try await scheduler.complete(alice, completion(maxTokens: 10, learn: mode)))
        let summary = try #require(answer.summary)
        #expect(summary.completionTokens == 10)
        #expect(answer.reasons[0] == .length)
        let asksForIt = mode == .completion || mode == .both
        #expect(summary.paused == (asksForIt ? [.repetition] : []))
        let prompt = cortex.tokenizer.encode("The heron").map(\.rawValue)
        let learned = try await store.events(of: alice, after: 0, limit: 9).map(\.tokens)
        #expect(learned == (mode == .prompt || mode == .both ? [prompt] : []))
        #expect(summary.learnedTokens <= prompt.count)
        let statistics = await scheduler.statistics().safety
        #expect(statistics.pausedCompletions == (asksForIt ? 1 : 0))
        #expect(statistics.firingSessions == [.repetition: 1])

        // Healthy answers let it learn again.
        let healed = try await scheduler.resident(alice)
        _ = await scheduler.host.note([.healthy(tokens: 1000)], of: healed)
        let next = try await Collected(
            try await scheduler.complete(alice, completion(maxTokens: 10, learn: mode)))
        #expect(next.summary?.paused == [])
        #expect((next.summary?.event != nil) == (mode != .none))
    }

    @Test("Answers that end beside a writer are kept, those of a replaced engram are not")
    func besideAWriter() async throws {
        let scheduler = makeScheduler()
        let roadblock = Roadblock()
        let session = try await scheduler.resident(alice)
        await roadblock.set(up: scheduler)
        let learning = Task { try await scheduler.observe(alice, lesson) }
        #expect(await eventually { await scheduler.statistics().queueDepth == 1 })
        _ = await scheduler.host.note([looping], of: session)
        roadblock.open()
        _ = try await learning.value
        #expect(try await scheduler.safety(alice).isPaused)

        let old = try await scheduler.resident(alice)
        _ = try await scheduler.reset(alice, to: .frozen, ifMatch: nil)
        _ = await scheduler.host.note([looping], of: old)
        #expect(try await !scheduler.safety(alice).isPaused)
    }

    @Test("Answers are measured in every mode but the frozen one")
    func modes() async throws {
        for mode in [CompletionMode.adapted, .frozen, .compare] {
            let scheduler = makeScheduler()
            try await scheduler.observe(alice, lesson)
            _ = try await Collected(
                try await scheduler.complete(alice, completion(mode: mode, count: 2)))
            let report = try await scheduler.safety(alice)
            let generated = report.divergence.tokens - tokenCount(lesson)
            #expect((generated == 0) == (mode == .frozen))
            #expect(report.monitors.contains { $0.value != nil } == (mode != .frozen))
        }
    }

    @Test("The server's gauges count sessions, not users")
    func statistics() async throws {
        let scheduler = makeScheduler()
        for _ in 0..<4 { try await scheduler.observe(alice, lesson) }
        try await scheduler.observe(bob, "x")
        let statistics = await scheduler.statistics().safety
        #expect(statistics.certifiedSessions == 1)
        #expect(statistics.helpedSessions == 1)
        #expect(statistics.firingSessions.isEmpty)
        #expect(statistics.observedAdaptedBits < statistics.observedFrozenBits)
    }

    @Test("A ledger that cannot be read starts anew and refuses nothing", arguments: ["", "{]"])
    func unreadable(text: String) async throws {
        let store = InMemoryStore()
        try await makeScheduler(store).observe(alice, lesson)
        var record = try #require(try await store.session(alice))
        record.sequence += 1
        record.ledger = Array(text.utf8)
        try await store.append(
            JournalEntry(
                event: EventRecord(
                    id: EventID(rawValue: "evt-x"), session: alice, sequence: 2, kind: .observe,
                    created: 0), session: record))
        let scheduler = makeScheduler(store)
        let report = try await scheduler.safety(alice)
        #expect(report.certificate.tokens == 0)
        #expect(report.since == Revision(rawValue: 2))
        try await scheduler.observe(alice, lesson)
        #expect(try await scheduler.safety(alice).certificate.tokens == tokenCount(lesson))
    }

    @Test("A session that is not there has no safety to tell of")
    func missing() async throws {
        let scheduler = makeScheduler()
        await #expect(throws: ServiceError.sessionNotFound(work)) {
            _ = try await scheduler.safety(work)
        }
    }

    @Test("A ledger's bytes are bounded, however much it has seen")
    func size() throws {
        var ledger = SafetyLedger(zone: cortex.zone, start: 12345)
        for step in 0..<100 * 512 {
            let gains = [TokenGain(frozenLoss: 3.1, gain: Float(step % 7) / 3 - 0.9)]
            ledger.add(
                LearnedText(
                    tokens: 1, bytes: 1, bitsPerByte: BitsPerByte(frozen: 1, adapted: 1),
                    adaptation: Adaptation(klMean: 0.1, klMax: 1 / 3, strengthMin: 1),
                    gains: gains, learnedTokens: 1, engram: cortex.emptyEngram()))
            if step.isMultiple(of: 50) { ledger.answers.add(looping) }
        }
        let bytes = try ledger.encoded()
        #expect(bytes.count < 6144, "\(bytes.count)")
        #expect(SafetyLedger(encoded: bytes) == ledger)
    }
}
