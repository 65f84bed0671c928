import EngramStorage
import Engrams
import Foundation
import ModelFormats
import OuterCortex
import Testing

@testable import Scheduling

@Suite("A user who leaves the scheduler") struct DepartureTests {
    private let secret = "Seven violet lanterns hang above the ferry house."

    private func expectNobody(_ body: () async throws -> Void) async {
        await #expect(throws: ServiceError.userNotFound(alice.user)) { try await body() }
    }

    @Test("is gone from the store and from memory, and the receipt says what went")
    func leaves() async throws {
        let store = InMemoryStore()
        let scheduler = makeScheduler(store)
        try await scheduler.observe(alice, secret, key: "first")
        _ = try await scheduler.checkpoint(alice, name: "kept", ifMatch: nil)
        try await scheduler.makeWorkSession()
        try await scheduler.observe(work, lesson)
        try await scheduler.observe(bob, lesson, key: "first")
        try await scheduler.answer(alice, "cmpl-1")
        try await scheduler.answer(bob, "cmpl-2")
        let other = try await scheduler.workingState(bob)
        let receipt = try await scheduler.deleteUser(alice.user)
        #expect(receipt.user == alice.user)
        #expect(receipt.sessions == 2 && receipt.checkpoints == 1 && receipt.events == 3)
        #expect(receipt.bytes > 1000)
        #expect(try await store.user(alice.user) == nil)
        #expect(await scheduler.host.residency.sessions.map(\.id) == [bob])
        #expect(await scheduler.host.answers.count == 1)
        #expect(await scheduler.journal.clock.newest[alice.user] == nil)
        await expectNobody { _ = try await scheduler.deleteUser(alice.user) }
        #expect(try await scheduler.workingState(bob) == other)
        // Who comes later with the name knows nothing, and no key of before.
        let bits = try await scheduler.bits(alice, secret)
        #expect(bits.adapted == bits.frozen)
        let again = try await scheduler.observe(alice, secret, key: "first")
        #expect(!again.replayed && again.revision.rawValue == 1)
        await #expect(throws: ServiceError.self) {
            try await scheduler.feedback(alice, "cmpl-1", [1])
        }
        #expect(try await scheduler.checkpoints(alice, page: Page()).items.isEmpty)
    }

    @Test("is not brought back by requests that came before, whatever they wait for")
    func noReturn() async throws {
        let store = InMemoryStore()
        let scheduler = makeScheduler(store)
        try await scheduler.observe(alice, lesson)
        try await scheduler.makeWorkSession()
        let roadblock = Roadblock()
        await roadblock.set(up: scheduler)
        // One that computes, and those that wait for it or for what it holds.
        let computing = Task { try await scheduler.observe(alice, secret) }
        #expect(await eventually { await scheduler.gate.leases.waiting(for: .session(alice)) == 0 })
        try await Task.sleep(for: .milliseconds(50))
        let leaving = Task { try await scheduler.deleteUser(alice.user) }
        #expect(await eventually { await scheduler.gate.leases.waiting(for: .session(alice)) == 1 })
        let late = Task { try await scheduler.observe(alice, lesson) }
        let answering = Task {
            try await Collected(
                try await scheduler.complete(alice, completion(learn: .both)))
        }
        #expect(await eventually { await scheduler.gate.leases.waiting(for: .session(alice)) == 3 })
        roadblock.open()
        _ = try await computing.value
        #expect(try await leaving.value.events == 2)
        await expectNobody { _ = try await late.value }
        await expectNobody { _ = try await answering.value }
        #expect(try await store.user(alice.user) == nil)
        #expect(try await store.sessionCount() == 0)
        #expect(await scheduler.host.residency.count == 0)
        // Nothing is remembered of it once they are done.
        #expect(await eventually { await scheduler.gate.departures.isEmpty })
        try await scheduler.observe(alice, lesson)
        #expect(try await store.sessionCount() == 1)
    }

    @Test("An answer that was under way ends, and is not remembered")
    func reader() async throws {
        let store = InMemoryStore()
        let scheduler = makeScheduler(store)
        try await scheduler.observe(alice, lesson)
        let roadblock = Roadblock()
        await roadblock.set(up: scheduler)
        var request = completion(learn: LearnMode.none)
        request.completion = AnswerID(completion: CompletionID(rawValue: "cmpl-1"))
        let stream = try await scheduler.complete(alice, request)
        let receipt = try await scheduler.deleteUser(alice.user)
        #expect(receipt.sessions == 1)
        roadblock.open()
        #expect(try await Collected(stream).summary != nil)
        #expect(await scheduler.host.answers.count == 0)
        #expect(try await store.user(alice.user) == nil)
    }

    @Test("A disk that fails leaves the user whole; one that cannot erase says so until it has")
    func failures() async throws {
        let store = FaultyStore()
        let scheduler = makeScheduler(store)
        try await scheduler.observe(alice, secret)
        let state = try await scheduler.workingState(alice)
        store.fail(with: .diskFull)
        await #expect(throws: ServiceError.self) { _ = try await scheduler.deleteUser(alice.user) }
        store.fail(with: nil)
        #expect(try await scheduler.workingState(alice) == state)
        store.failErasing(with: .busy)
        for _ in 0..<2 {
            await #expect {
                _ = try await scheduler.deleteUser(alice.user)
            } throws: { error in
                guard case ServiceError.userNotErased(alice.user, _) = error else { return false }
                return true
            }
        }
        store.failErasing(with: nil)
        await expectNobody { _ = try await scheduler.deleteUser(alice.user) }
    }

    @Test("leaves neither words nor name in the folder's files", arguments: [false, true])
    func files(isSealed: Bool) async throws {
        let folder = temporaryFolder()
        let store = try SQLiteStore.open(folder: folder, key: isSealed ? .random() : nil)
        let scheduler = makeScheduler(store)
        for id in [bob, alice, work] {
            if id == work { try await scheduler.makeWorkSession() }
            try await scheduler.observe(id, secret, key: "a key of \(id.user)")
            _ = try await scheduler.checkpoint(id, name: "of \(id.user)", ifMatch: nil)
        }
        let others = try await scheduler.workingState(bob)
        _ = try await scheduler.deleteUser(alice.user)
        let tokens = cortex.tokenizer.encode(secret).map { UInt32(bitPattern: $0.rawValue) }
        let told = Data(tokens.flatMap { token in withUnsafeBytes(of: token) { Array($0) } })
        var copies = 0
        for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
            let file = try Data(contentsOf: URL(fileURLWithPath: folder + "/" + name))
            #expect(file.range(of: Data("alice".utf8)) == nil, "\(name)")
            var rest = file.startIndex..<file.endIndex
            while let found = file.range(of: told, in: rest) {
                copies += 1
                rest = found.upperBound..<file.endIndex
            }
        }
        // Bob's, where it can be read at all.
        #expect(copies == (isSealed ? 0 : 1))
        #expect(try await scheduler.workingState(bob) == others)
        await scheduler.shutdown()
    }
}
