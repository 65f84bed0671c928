import EngramStorage
import Engrams
import Foundation
import Testing

@testable import Scheduling

@Suite("Forgetting over the scheduler") struct ForgettingTests {
    private let secret = "The quorvath hums at dusk."

    @Test("The receipt says what changed; asked again, it is the same one")
    func receipt() async throws {
        let scheduler = makeScheduler()
        let first = try await scheduler.observe(alice, secret)
        let kept = try await scheduler.checkpoint(alice, name: "kept", ifMatch: nil)
        try await scheduler.observe(alice, lesson)
        try await scheduler.makeWorkSession()
        let before = (try await scheduler.hash(alice), try await scheduler.hash(work))
        let receipt = try await scheduler.forget(alice, event: first.event, ifMatch: nil)
        #expect(receipt.event == first.event)
        #expect(receipt.kind == "observe")
        #expect(receipt.replayedEvents == 1)
        #expect(receipt.sessions.map(\.session) == [alice, work])
        #expect(receipt.sessions.map(\.hashBefore) == [before.0, before.1])
        let after = [try await scheduler.hash(alice), try await scheduler.hash(work)]
        #expect(receipt.sessions.map(\.hashAfter) == after)
        #expect(receipt.sessions.map(\.revisionBefore.rawValue) == [3, 0])
        #expect(receipt.sessions.map(\.revisionAfter.rawValue) == [4, 1])
        #expect(try await scheduler.session(alice).revision.rawValue == 4)
        #expect(receipt.checkpoints.map(\.checkpoint) == [kept.id])
        #expect(receipt.checkpoints.map(\.hashBefore) == [kept.hash])
        let listed = try await scheduler.checkpoints(alice, page: Page()).items
        #expect(receipt.checkpoints.map(\.hashAfter) == listed.map(\.hash))
        #expect(listed.map(\.name) == ["kept"])
        #expect(try await scheduler.forget(alice, event: first.event, ifMatch: nil) == receipt)
        #expect(try await scheduler.session(alice).revision.rawValue == 4)
        #expect(await scheduler.statistics().forgottenEvents == 1)
    }

    @Test("Without its only text a session scores as if it had never learned")
    func scores() async throws {
        let scheduler = makeScheduler()
        let before = try await scheduler.bits(alice, secret)
        let event = try await scheduler.observe(alice, secret).event
        #expect(try await scheduler.bits(alice, secret).adapted < before.adapted)
        _ = try await scheduler.forget(alice, event: event, ifMatch: nil)
        #expect(try await scheduler.bits(alice, secret) == before)
    }

    @Test("A checkpoint, a restore and a receipt are not forgotten, and the answer says what to do")
    func notForgettable() async throws {
        let store = InMemoryStore()
        let scheduler = makeScheduler(store)
        let event = try await scheduler.observe(alice, secret).event
        let kept = try await scheduler.checkpoint(alice, name: nil, ifMatch: nil)
        _ = try await scheduler.restore(alice, checkpoint: kept.id, ifMatch: nil)
        _ = try await scheduler.forget(alice, event: event, ifMatch: nil)
        let events = try await store.events(of: alice, after: 1, limit: 9)
        #expect(events.map(\.kind) == [.checkpoint, .restore, .forget])
        for event in events {
            await #expect {
                _ = try await scheduler.forget(alice, event: event.id, ifMatch: nil)
            } throws: { error in
                guard case ServiceError.notForgettable(event.id, _, let advice) = error else {
                    return false
                }
                return !advice.isEmpty
            }
        }
        let unknown = EventID(rawValue: "evt-none")
        await #expect(throws: ServiceError.eventNotFound(unknown)) {
            _ = try await scheduler.forget(alice, event: unknown, ifMatch: nil)
        }
        await #expect(throws: ServiceError.eventNotFound(event)) {
            try await scheduler.makeWorkSession()
            _ = try await scheduler.forget(work, event: event, ifMatch: nil)
        }
        await #expect(throws: ServiceError.sessionNotFound(bob)) {
            _ = try await scheduler.forget(bob, event: event, ifMatch: nil)
        }
    }

    @Test("A stale If-Match, a refusal and a failing disk change nothing")
    func nothingChanges() async throws {
        let store = FaultyStore()
        let scheduler = makeScheduler(store)
        let event = try await scheduler.observe(alice, secret).event
        try await scheduler.makeWorkSession()
        try await scheduler.observe(work, lesson)
        let made = try await scheduler.checkpoint(alice, name: nil, ifMatch: nil)
        _ = try await scheduler.checkpoint(work, name: nil, ifMatch: nil)
        try await scheduler.discard(work, ifMatch: nil)
        let state = try await scheduler.workingState(alice)
        await #expect(
            throws: ServiceError.revisionConflict(
                expected: Revision(rawValue: 1), found: Revision(rawValue: 2))
        ) {
            _ = try await scheduler.forget(alice, event: event, ifMatch: Revision(rawValue: 1))
        }
        await #expect {
            _ = try await scheduler.forget(alice, event: event, ifMatch: nil)
        } throws: { error in
            guard case ServiceError.cannotForget(event, let reason) = error else { return false }
            return reason.contains("ckpt-2") && reason.contains("discarded")
        }
        // With that checkpoint gone it can be.
        _ = try await scheduler.restore(alice, checkpoint: made.id, ifMatch: nil)
        try await scheduler.deleteCheckpoint(alice, checkpoint: CheckpointID(rawValue: "ckpt-2"))
        store.fail(with: .diskFull)
        await #expect {
            _ = try await scheduler.forget(alice, event: event, ifMatch: nil)
        } throws: { error in
            guard case ServiceError.storageFull = error else { return false }
            return true
        }
        store.fail(with: nil)
        #expect(try await scheduler.workingState(alice) == state)
        #expect(try await scheduler.event(alice, event: event).text?.text == secret)
        _ = try await scheduler.forget(alice, event: event, ifMatch: nil)
        #expect(try await scheduler.workingState(alice) != state)
    }

    @Test("When erasing fails the event is forgotten, and asking again finishes it")
    func notErased() async throws {
        let store = FaultyStore()
        let scheduler = makeScheduler(store)
        let event = try await scheduler.observe(alice, secret).event
        store.failErasing(with: .busy)
        for _ in 0..<2 {
            await #expect {
                _ = try await scheduler.forget(alice, event: event, ifMatch: nil)
            } throws: { error in
                guard case ServiceError.notErased(event, _) = error else { return false }
                return true
            }
            #expect(try await scheduler.session(alice).tokensLearned == 0)
        }
        store.failErasing(with: nil)
        let receipt = try await scheduler.forget(alice, event: event, ifMatch: nil)
        #expect(receipt.sessions.map(\.revisionAfter.rawValue) == [2])
    }

    @Test("The place of a forgotten event stays, its content does not; its key is spent")
    func tombstone() async throws {
        let store = InMemoryStore()
        let scheduler = makeScheduler(store)
        let event = try await scheduler.observe(alice, secret, key: "k").event
        _ = try await scheduler.forget(alice, event: event, ifMatch: nil)
        let listed = try await scheduler.events(alice, page: Page(), text: true).items
        #expect(listed.map(\.kind) == ["observe", "forget"])
        #expect(listed[0].forgottenBy == listed[1].id)
        #expect(listed[0].text == nil && listed[0].tokens == 0 && listed[0].learnedTokens == 0)
        #expect(listed[1].receipt?.event == event)
        let stored = try await store.events(of: alice, after: 0, limit: 1)[0]
        #expect(stored.answer == nil && stored.requestHash == nil && stored.payload == nil)
        // A late repetition is told so.
        await #expect(throws: ServiceError.idempotencyKeySpent) {
            try await scheduler.observe(alice, secret, key: "k")
        }
    }

    @Test("What was learned without keeping it is in the way only where it came later")
    func outcomesOnly() async throws {
        let store = InMemoryStore()
        let event = try await makeScheduler(store).observe(alice, secret).event
        let scheduler = makeScheduler(store) { $0.journal = .deltas }
        let later = try await scheduler.observe(alice, lesson).event
        await #expect {
            _ = try await scheduler.forget(alice, event: event, ifMatch: nil)
        } throws: { error in
            guard case ServiceError.cannotForget(event, let reason) = error else { return false }
            return reason.contains(later.rawValue) && reason.contains("not kept")
        }
        // The later one is not needed to be rid of it.
        _ = try await scheduler.forget(alice, event: later, ifMatch: nil)
        _ = try await scheduler.forget(alice, event: event, ifMatch: nil)
        #expect(try await scheduler.session(alice).tokensLearned == 0)
    }

    @Test("Writers of the user wait, readers do not, and other users are not concerned")
    func waiting() async throws {
        let scheduler = makeScheduler()
        let event = try await scheduler.observe(alice, secret).event
        try await scheduler.observe(alice, lesson)
        try await scheduler.makeWorkSession()
        let bits = try await scheduler.bits(alice, secret)
        try await scheduler.gate.lease(.session(work))
        let forgetting = Task {
            try await scheduler.forget(alice, event: event, ifMatch: nil)
        }
        #expect(await eventually { await scheduler.gate.leases.waiting(for: .session(work)) == 1 })
        let writing = Task { try await scheduler.observe(alice, "The river ran on.") }
        #expect(await eventually { await scheduler.gate.leases.waiting(for: .session(alice)) == 1 })
        #expect(try await scheduler.bits(alice, secret) == bits)
        try await scheduler.observe(bob, secret)
        await scheduler.gate.release(.session(work))
        let receipt = try await forgetting.value
        // The writer came after: it learned on what was left.
        #expect(try await writing.value.revision.rawValue == 4)
        #expect(receipt.sessions.map(\.revisionAfter.rawValue) == [3])
        let twin = makeScheduler()
        try await twin.observe(alice, lesson)
        try await twin.observe(alice, "The river ran on.")
        #expect(try await scheduler.workingState(alice) == twin.workingState(alice))
    }

    @Test("Forgetting, learning and new sessions of one user at once end in one history")
    func concurrent() async throws {
        let store = InMemoryStore()
        let scheduler = makeScheduler(store) { $0.residentBytesMaximum = 1 }
        var events: [EventID] = []
        for turn in 0..<6 {
            events.append(try await scheduler.observe(alice, "Secret number \(turn).").event)
            if turn == 2 { _ = try await scheduler.checkpoint(alice, name: nil, ifMatch: nil) }
        }
        let all = events
        try await withThrowingTaskGroup(of: Void.self) { group in
            for event in all {
                group.addTask { _ = try await scheduler.forget(alice, event: event, ifMatch: nil) }
                group.addTask {
                    let made = try await scheduler.createSession(
                        CreateSession(user: alice.user, name: nil))
                    _ = try await scheduler.score(made.id, ScoreRequest(text: "Secret"))
                }
                group.addTask { try await scheduler.observe(alice, lesson) }
            }
            try await group.waitForAll()
        }
        let twin = makeScheduler()
        _ = try await twin.checkpoint(alice, name: nil, ifMatch: nil)
        let empty = try await twin.workingState(alice)
        for id in try await store.sessions(of: alice.user, after: nil, limit: 99).map(\.id)
        where id != alice {
            #expect(try await scheduler.workingState(id) == empty)
            #expect(try await makeScheduler(store).workingState(id) == empty)
        }
        for _ in 0..<6 { try await twin.observe(alice, lesson) }
        #expect(try await scheduler.workingState(alice) == twin.workingState(alice))
    }

    @Test("The safety ledger of a changed session starts anew, and remembered answers go")
    func tracesInMemory() async throws {
        let scheduler = makeScheduler()
        try await scheduler.observe(alice, lesson)
        try await scheduler.answer(alice, "cmpl-1")
        let event = try await scheduler.feedback(alice, "cmpl-1", [1]).event
        #expect(try await scheduler.safety(alice).certificate.tokens > 0)
        _ = try await scheduler.forget(alice, event: event, ifMatch: nil)
        let report = try await scheduler.safety(alice)
        #expect(report.certificate.tokens == 0)
        #expect(report.since.rawValue == 3)
        await #expect {
            try await scheduler.feedback(alice, "cmpl-1", [1])
        } throws: { error in
            guard case ServiceError.completionNotFound = error else { return false }
            return true
        }
    }
}
