import EngramStorage
import Engrams
import OuterCortex
import Testing
import TinyCore

@testable import Scheduling

/// A cortex whose rule is another than that of `cortex`, of the same shape.
private let otherCortex: Cortex = {
    var rule = cortex.rule
    rule.bias.rate *= 0.5
    do { return try cortex.with(rule: rule) } catch { fatalError("\(error)") }
}()

@Suite struct TransferTests {
    @Test("An engram of another rule is refused, and with force loaded and measured")
    func force() async throws {
        let before = Scheduler(cortex: otherCortex, store: InMemoryStore())
        try await before.observe(alice, lesson)
        let file = try await before.exportDelta(alice, scope: .total).file

        let store = InMemoryStore()
        let scheduler = makeScheduler(store)
        try await scheduler.observe(alice, "The heron stood in the reeds.")
        await #expect(throws: ServiceError.self) {
            _ = try await scheduler.importDelta(alice, file: file, ifMatch: nil)
        }
        let frozen = try await scheduler.bits(bob).adapted
        let result = try await scheduler.transferDelta(alice, file: file, ifMatch: nil)
        #expect(result.report.changes.map(\.part) == ["rule"])
        let measured = try #require(result.measured)
        #expect(measured.bitsPerByte.adapted < measured.bitsPerByte.frozen)
        #expect(try await scheduler.bits(alice).adapted < frozen)
        // Durable like any import.
        let state = try await scheduler.workingState(alice)
        #expect(try await makeScheduler(store).workingState(alice) == state)
        // Nothing was learned here: nothing to measure it on.
        #expect(try await scheduler.transferDelta(bob, file: file, ifMatch: nil).measured == nil)
    }

    @Test("A session that was learned under another rule can be exported, reset and go on")
    func staleSession() async throws {
        let store = InMemoryStore()
        let before = Scheduler(cortex: otherCortex, store: store)
        try await before.observe(alice, lesson)
        _ = try await before.checkpoint(alice, name: nil, ifMatch: nil)

        let scheduler = makeScheduler(store)
        await #expect(throws: ServiceError.self) { try await scheduler.observe(alice, lesson) }
        let head = try await scheduler.exportDelta(alice, scope: .user).file
        let moved = try await scheduler.transferDelta(alice, file: head, ifMatch: nil)
        #expect(moved.report.changes.map(\.part) == ["rule"])
        #expect(moved.session.revision == Revision(rawValue: 3))
        let state = try await scheduler.workingState(alice)
        #expect(try await makeScheduler(store).workingState(alice) == state)

        _ = try await scheduler.reset(alice, to: .frozen, ifMatch: nil)
        try await scheduler.observe(alice, lesson)
        let again = try await scheduler.workingState(alice)
        #expect(try await makeScheduler(store).workingState(alice) == again)
    }
}
