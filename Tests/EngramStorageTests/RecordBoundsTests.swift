import Engrams
import Foundation
import Testing

@testable import EngramStorage

/// What a store takes it gives back, and what it would not give back it does not take: random
/// records of every kind, within their bounds, at them and beyond.
@Suite("What a store takes") struct RecordBoundsTests {
    /// SplitMix64.
    private struct Generator: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var mixed = (state ^ state >> 30) &* 0xbf58_476d_1ce4_e5b9
            mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
            return mixed ^ mixed >> 31
        }
    }

    private struct Maker {
        var generator: Generator
        /// Of 100 values, how many may be beyond their bounds.
        var odd: Int

        init(seed: Int, odd: Int) {
            generator = Generator(state: UInt64(seed))
            self.odd = odd
        }

        private mutating func pick<Value>(_ usual: Value, _ odd: [Value]) -> Value {
            Int.random(in: 0..<100, using: &generator) < self.odd
                ? odd.randomElement(using: &generator)! : usual
        }

        mutating func number() -> Int {
            pick(
                [0, 1, 1 << 53, Int.random(in: 0...(1 << 53), using: &generator)]
                    .randomElement(using: &generator)!, [-1, 1 << 53 + 1, .max, .min])
        }

        mutating func streak() -> Int {
            pick([0, -7, 1 << 53, -(1 << 53)].randomElement(using: &generator)!, [.min, .max])
        }

        mutating func time() -> Double {
            let latest = 253_402_300_799.0
            return pick(
                [0, -0.0, 0.1, 1.7e9, latest, latest.nextDown, .leastNonzeroMagnitude]
                    .randomElement(using: &generator)!,
                [-1, latest.nextUp, latest + 1, 1e300, .infinity, -.infinity, .nan])
        }

        mutating func reward() -> Float? {
            pick(
                [nil, 0, -0.0, 1, 0.1, .leastNonzeroMagnitude, .greatestFiniteMagnitude]
                    .randomElement(using: &generator)!, [.nan, .infinity])
        }

        mutating func text() -> String? {
            pick(
                [
                    nil, "", "a", "e\u{301}", "\u{e9}", "it's \"quoted\"; --", "\u{10ffff}\u{fffd}",
                    "\u{fffe}\u{200b}\r\n\u{1}", "null", "0", String(repeating: "😀", count: 500),
                ].randomElement(using: &generator)!, ["\0", "a\0b", "e\u{301}\0"])
        }

        mutating func bytes() -> [UInt8]? {
            [nil, [], [0], [0, 255, 10], Array("{}".utf8)].randomElement(using: &generator)!
        }

        mutating func session(_ sequence: Int, base: CheckpointID? = nil) -> SessionRecord {
            var record = EngramStorageTests.session("alice/default", base: base)
            record.learn = text() ?? ""
            record.sequence = sequence
            record.tokensLearned = number()
            record.tokensSinceCheckpoint = number()
            record.feedbackStreak = streak()
            record.summary = bytes() ?? []
            record.ledger = bytes() ?? []
            record.updated = time()
            return record
        }

        mutating func entry(_ sequence: Int, head: CheckpointID?) -> JournalEntry {
            let makesCheckpoint = Int.random(in: 0..<3, using: &generator) == 0
            let id = CheckpointID(rawValue: "c\(sequence)")
            let event = EventRecord(
                id: EventID(rawValue: "e\(sequence)"), session: alice, sequence: sequence,
                kind: EventKind.allCases.randomElement(using: &generator)!,
                tokens: [.min, 0, .max], tokenCount: number(), reward: reward(), engram: bytes(),
                target: text().map(CheckpointID.init(rawValue:)),
                idempotencyKey: text().map { "\(sequence) \($0)" }, requestHash: text(),
                answer: bytes(), payload: bytes(), keepsContent: Bool.random(using: &generator),
                created: time())
            let record = CheckpointRecord(
                id: id, user: alice.user, session: alice.name, sequence: sequence,
                name: text(), note: text(), isAutomatic: Bool.random(using: &generator),
                parent: head, base: text().map(CheckpointID.init(rawValue:)),
                revision: Revision(rawValue: .random(in: 0...(.max), using: &generator)),
                tokensLearned: number(), byteCount: number(), hash: text() ?? "", created: time())
            return JournalEntry(
                event: event, session: session(sequence, base: makesCheckpoint ? id : head),
                snapshot: SnapshotRecord(sequence: sequence, engram: bytes() ?? []),
                checkpoint: makesCheckpoint ? .init(record: record, engram: bytes() ?? []) : nil,
                head: makesCheckpoint ? .init(from: head, to: id) : nil)
        }
    }

    /// All of an entry, with texts as bytes: `==` takes "é" and "e\u{301}" for one.
    private func spelled(_ event: EventRecord, _ record: SessionRecord) -> [[UInt8]?] {
        [
            event.target?.rawValue, event.idempotencyKey, event.requestHash, record.learn,
        ].map { $0.map { Array($0.utf8) } }
    }

    private func spelled(_ record: CheckpointRecord?) -> [[UInt8]?] {
        [record?.name, record?.note, record?.base?.rawValue, record?.hash]
            .map { $0.map { Array($0.utf8) } }
    }

    @Test(
        "it gives back to the last bit; what it cannot, it refuses, and nothing has changed",
        arguments: Driver.allCases, [0, 2])
    func anything(driver: Driver, odd: Int) async throws {
        let store = try await driver.open()
        var maker = Maker(seed: 5, odd: odd)
        try await store.createSession(session("alice/default"), engram: nil)
        var (sequence, refusals) = (0, 0)
        var head: CheckpointID?
        for _ in 0..<300 {
            let entry = maker.entry(sequence + 1, head: head)
            let before = try await Everything(store)
            do {
                try await store.append(entry)
            } catch {
                guard case StorageError.unstorable = error else { throw error }
                refusals += 1
                #expect(try await Everything(store) == before)
                continue
            }
            sequence += 1
            let after = try await Everything(store)
            #expect(after.events.last == entry.event)
            var record = entry.session
            record.created = 1
            record.origin = nil
            #expect(after.session == record)
            #expect(after.snapshot == entry.snapshot)
            #expect(spelled(after.events.last!, after.session!) == spelled(entry.event, record))
            guard let checkpoint = entry.checkpoint else { continue }
            head = checkpoint.record.id
            #expect(after.checkpoints.last == checkpoint.record)
            #expect(spelled(after.checkpoints.last) == spelled(checkpoint.record))
            #expect(
                try await store.engram(of: checkpoint.record.id, of: alice.user)
                    == checkpoint.engram)
        }
        #expect(odd == 0 ? refusals == 0 : refusals > 20 && sequence > 100)
        // Every other reader of the same rows.
        #expect(try await store.history(of: alice.user).sessions[0].events.count == sequence)
        #expect(try await store.stored(alice)?.record.sequence == sequence)
        await store.close()
    }

    @Test("A session, a snapshot and a note are held to the same", arguments: Driver.allCases)
    func others(driver: Driver) async throws {
        let store = try await driver.open()
        for change: (inout SessionRecord) -> Void in [
            { $0.created = 253_402_300_800 }, { $0.updated = .nan }, { $0.tokensLearned = -1 },
            { $0.feedbackStreak = .min }, { $0.learn = "a\0" }, { $0.sequence = .max },
        ] {
            var record = session("alice/default")
            change(&record)
            await #expect {
                try await store.createSession(record, engram: nil)
            } throws: {
                guard case StorageError.unstorable = $0 else { return false }
                return true
            }
        }
        #expect(try await store.sessionCount() == 0)
        #expect(try await store.user(alice.user) == nil)
        try await store.createSession(session("alice/default"), engram: nil)
        try await store.append(checkpointed("c1", number: 1, from: nil))
        let before = try await Everything(store)
        await #expect(throws: StorageError.unstorable(place: "snapshots.sequence")) {
            try await store.keep(SnapshotRecord(sequence: -1, engram: []), of: alice)
        }
        await #expect(throws: StorageError.unstorable(place: "checkpoints.note")) {
            _ = try await store.describeCheckpoint(
                CheckpointID(rawValue: "c1"), of: alice.user, name: "fine", note: "a\0b")
        }
        #expect(try await Everything(store) == before)
        await store.close()
    }
}
