import EngramStorage
import Engrams
import Foundation
import Testing

@testable import Scheduling

/// A user's history put together by hand.
private struct Tale {
    var sessions: [SessionName: SessionHistory] = [:]
    var checkpoints: [CheckpointHistory] = []
    private var clock = 0.0

    static let main = SessionName.default
    static let side = SessionName(rawValue: "side")!

    mutating func begin(_ name: SessionName = main, on origin: String? = nil, snapshot: Int? = 0) {
        clock += 1
        let base = origin.map(CheckpointID.init(rawValue:))
        sessions[name] = SessionHistory(
            record: SessionRecord(
                id: SessionID(user: alice.user, name: name), base: base, origin: base,
                learn: "none", created: clock, updated: clock), snapshotSequence: snapshot,
            events: [])
    }

    @discardableResult
    mutating func add(
        _ kind: EventKind, to name: SessionName = main, target: String? = nil,
        payload: [UInt8]? = nil, keepsContent: Bool = true
    ) -> HistoryGraph.Omission {
        clock += 1
        let sequence = sessions[name]!.events.count + 1
        sessions[name]!.events.append(
            EventOutline(
                id: EventID(rawValue: "\(name)-\(sequence)"), kind: kind, tokenCount: 10,
                target: target.map(CheckpointID.init(rawValue:)), payload: payload,
                keepsContent: keepsContent, isForgotten: false, created: clock))
        return .init(session: name, sequence: sequence)
    }

    /// A checkpoint event, and the checkpoint.
    mutating func keep(_ id: String, of name: SessionName = main, base: String?, parent: String?) {
        let place = add(.checkpoint, to: name, target: id)
        checkpoints.append(
            CheckpointHistory(
                record: CheckpointRecord(
                    id: CheckpointID(rawValue: id), user: alice.user, session: name,
                    sequence: place.sequence, name: nil,
                    parent: parent.map(CheckpointID.init(rawValue:)),
                    base: base.map(CheckpointID.init(rawValue:)), revision: .zero,
                    tokensLearned: 0, byteCount: 0, hash: "", created: clock), isDeleted: false,
                hasUnknownSources: false))
    }

    mutating func verdict(_ reward: Double, to name: SessionName = main) throws
        -> HistoryGraph.Omission
    {
        let record = FeedbackRecord(
            answers: [.init(promptTokens: 1, answerTokens: 2, reward: reward, advantage: reward)],
            streak: 1, gain: 1)
        return add(.feedback, to: name, payload: Array(try JSONEncoder().encode(record)))
    }

    mutating func merge(
        _ references: [MergeRecord.Reference], to name: SessionName = main
    ) throws -> HistoryGraph.Omission {
        let record = MergeRecord(
            terms: references.map { .init(content: $0, base: nil, scale: 1) }, mode: .add,
            rescale: .sqrt)
        return add(.merge, to: name, payload: Array(try JSONEncoder().encode(record)))
    }

    mutating func delete(_ id: String) {
        let index = checkpoints.firstIndex { $0.record.id.rawValue == id }!
        checkpoints[index].isDeleted = true
    }

    /// As `discardSession` leaves it.
    mutating func discard(_ name: SessionName) {
        let hasMerged = sessions[name]!.events.contains { $0.kind == .merge }
        sessions[name] = nil
        for index in checkpoints.indices where checkpoints[index].record.session == name {
            checkpoints[index].record.sequence = nil
            checkpoints[index].hasUnknownSources = hasMerged
        }
    }

    var history: UserHistory {
        UserHistory(
            sessions: sessions.values.sorted {
                $0.record.id.name.rawValue < $1.record.id.name.rawValue
            }, checkpoints: checkpoints)
    }

    func forget(_ omission: HistoryGraph.Omission) throws -> HistoryPlan {
        try HistoryPlan(forgetting: omission, in: history)
    }
}

extension HistoryPlan {
    fileprivate var checkpointNames: [String] { checkpoints.map(\.rawValue) }
    fileprivate var sessionNames: [String] { sessions.map(\.rawValue) }
    /// The events that are done again, e.g. `default 3`.
    fileprivate var events: [String] {
        steps.compactMap { step in
            guard case .event(let place, _) = step.recipe else { return nil }
            return "\(place.session) \(place.sequence)"
        }
    }
    fileprivate var storedPoints: [HistoryPoint] {
        steps.filter { $0.recipe == .stored }.map(\.point)
    }
}

@Suite("The plan to forget") struct HistoryPlanTests {
    @Test("It starts from the nearest checkpoint before the event, and does later events again")
    func nearestCheckpoint() throws {
        var tale = Tale()
        tale.begin()
        tale.add(.observe)
        tale.keep("a", base: nil, parent: nil)
        tale.add(.observe)
        let event = tale.add(.observe)
        tale.add(.observe)
        tale.keep("b", base: "a", parent: "a")
        tale.add(.observe)
        let plan = try tale.forget(event)
        #expect(plan.checkpointNames == ["b"])
        #expect(plan.sessionNames == ["default"])
        #expect(plan.events == ["default 3", "default 5", "default 7"])
        #expect(plan.storedPoints == [.checkpoint(CheckpointID(rawValue: "a"))])
    }

    @Test("A working state that is stored is a start as well, unless it knows the event")
    func snapshots() throws {
        var tale = Tale()
        tale.begin()
        for _ in 0..<3 { tale.add(.observe) }
        let event = tale.add(.observe)
        tale.add(.observe)
        tale.sessions[Tale.main]?.snapshotSequence = 3
        #expect(try tale.forget(event).events == ["default 5"])
        tale.sessions[Tale.main]?.snapshotSequence = 4
        #expect(
            try tale.forget(event).events == ["default 1", "default 2", "default 3", "default 5"])
    }

    @Test("What a reset or an import has dropped since leaves only the past to change")
    func dropped() throws {
        var tale = Tale()
        tale.begin()
        let event = tale.add(.observe)
        tale.keep("a", base: nil, parent: nil)
        tale.add(.reset, target: nil)
        tale.add(.observe)
        tale.sessions[Tale.main]?.snapshotSequence = 3
        let plan = try tale.forget(event)
        #expect(plan.checkpointNames == ["a"])
        #expect(plan.sessionNames == ["default"])
        #expect(!plan.changed.contains(.state(Tale.main, 4)))
        // A working state from before the reset would still hold it.
        tale.sessions[Tale.main]?.snapshotSequence = 1
        #expect(try tale.forget(event).storedPoints.isEmpty)
    }

    @Test("Another session changes when it came from a changed checkpoint, and else does not")
    func otherSessions() throws {
        var tale = Tale()
        tale.begin()
        tale.begin(SessionName(rawValue: "apart")!)
        tale.add(.observe, to: SessionName(rawValue: "apart")!)
        let event = tale.add(.observe)
        tale.keep("a", base: nil, parent: nil)
        tale.begin(Tale.side, on: "a")
        tale.add(.observe, to: Tale.side)
        tale.keep("b", of: Tale.side, base: "a", parent: "a")
        let plan = try tale.forget(event)
        #expect(plan.checkpointNames == ["a", "b"])
        #expect(plan.sessionNames == ["default", "side"])
        #expect(plan.events == ["side 1"])
    }

    @Test("A checkpoint added to a changed head changes, with a clean session below it")
    func addedToHead() throws {
        var tale = Tale()
        tale.begin()
        tale.begin(Tale.side)
        tale.add(.observe, to: Tale.side)
        let event = tale.add(.observe)
        tale.keep("a", base: nil, parent: nil)
        tale.keep("b", of: Tale.side, base: nil, parent: "a")
        let plan = try tale.forget(event)
        #expect(plan.checkpointNames == ["a", "b"])
        #expect(plan.changed.contains(.state(Tale.side, 2)))
        #expect(!plan.changed.contains(.state(Tale.side, 1)))
    }

    @Test("A forgotten reset changes what later checkpoints are measured from")
    func resetMovesBase() throws {
        var tale = Tale()
        tale.begin()
        tale.keep("z", base: nil, parent: nil)
        tale.add(.observe)
        tale.keep("a", base: "z", parent: "z")
        let event = tale.add(.reset, target: "z")
        tale.add(.import)
        tale.keep("b", base: "z", parent: "a")
        // The import hides the state that the reset left, but not what it stood on.
        let plan = try tale.forget(event)
        #expect(plan.checkpointNames == ["b"])
        #expect(!plan.changed.contains(.state(Tale.main, 5)))
        #expect(
            plan.steps.contains {
                $0.recipe
                    == .consolidation(
                        total: .state(Tale.main, 5), common: CheckpointID(rawValue: "a"),
                        head: CheckpointID(rawValue: "a"), .replaced)
            })
    }

    @Test("Without a verdict the streak of the next ones is another")
    func streaks() throws {
        var tale = Tale()
        tale.begin()
        let first = try tale.verdict(1)
        _ = try tale.verdict(1)
        tale.add(.import)
        _ = try tale.verdict(1)
        let plan = try tale.forget(first)
        #expect(plan.graph.bearings(of: Tale.main, at: 2)?.streak == 1)
        #expect(plan.graph.bearings(of: Tale.main, at: 4)?.streak == 1)
        #expect(plan.changed.contains(.state(Tale.main, 2)))
        #expect(!plan.changed.contains(.state(Tale.main, 4)))
    }

    @Test("A merge follows what it merged: checkpoints, sessions, and what they stood on")
    func merges() throws {
        var tale = Tale()
        tale.begin()
        tale.begin(Tale.side)
        let event = tale.add(.observe, to: Tale.side)
        tale.add(.observe, to: Tale.side)
        tale.add(.observe)
        _ = try tale.merge([.session(Tale.side, sequence: 2)])
        let plan = try tale.forget(event)
        #expect(plan.sessionNames == ["default", "side"])
        #expect(plan.events.contains("default 2") && plan.events.contains("side 2"))

        tale = Tale()
        tale.begin()
        tale.begin(Tale.side)
        tale.add(.observe)
        tale.keep("a", base: nil, parent: nil)
        tale.add(.reset, to: Tale.side, target: "a")
        let reset = tale.add(.reset, to: Tale.side, target: nil)
        tale.add(.import, to: Tale.side)
        _ = try tale.merge([
            .session(Tale.side, sequence: 3), .base(Tale.side, sequence: 3),
        ])
        let second = try tale.forget(reset)
        #expect(!second.changed.contains(.state(Tale.side, 3)))
        #expect(second.changed.contains(.base(Tale.side, 3)))
        #expect(second.sessionNames == ["default", "side"])
    }

    @Test("A deleted checkpoint is made again for what came from it")
    func throughDeleted() throws {
        var tale = Tale()
        tale.begin()
        let event = tale.add(.observe)
        tale.keep("a", base: nil, parent: nil)
        tale.add(.observe)
        tale.keep("b", base: "a", parent: "a")
        tale.delete("a")
        let plan = try tale.forget(event)
        #expect(plan.checkpointNames == ["b"])
        #expect(plan.steps.contains { $0.point == .checkpoint(CheckpointID(rawValue: "a")) })
    }

    @Test("What cannot be made again is said: whose session is gone, or whose text")
    func losses() throws {
        var tale = Tale()
        tale.begin()
        let event = tale.add(.observe)
        tale.keep("a", base: nil, parent: nil)
        tale.begin(Tale.side, on: "a")
        tale.keep("b", of: Tale.side, base: "a", parent: "a")
        tale.discard(Tale.side)
        #expect(throws: HistoryLoss.discardedSession(CheckpointID(rawValue: "b"))) {
            try tale.forget(event)
        }
        // Gone as well, it need not be made again.
        tale.delete("b")
        #expect(try tale.forget(event).checkpointNames == ["a"])

        tale.add(.observe, keepsContent: false)
        #expect(throws: HistoryLoss.notKept(EventID(rawValue: "default-3"))) {
            try tale.forget(event)
        }
        #expect(try tale.forget(.init(session: Tale.main, sequence: 3)).events.isEmpty)
    }

    @Test("A discarded session that merged may have taken from anywhere")
    func unknownSources() throws {
        for merges in [false, true] {
            var tale = Tale()
            tale.begin()
            tale.begin(Tale.side)
            let event = tale.add(.observe)
            if merges { _ = try tale.merge([.session(Tale.main, sequence: 1)], to: Tale.side) }
            tale.keep("a", of: Tale.side, base: nil, parent: nil)
            tale.discard(Tale.side)
            if merges {
                #expect(throws: HistoryLoss.discardedSession(CheckpointID(rawValue: "a"))) {
                    try tale.forget(event)
                }
            } else {
                #expect(try tale.forget(event).checkpointNames.isEmpty)
            }
        }
    }

    @Test("A session that has been made anew is not the one that was merged")
    func sameName() throws {
        var tale = Tale()
        tale.begin()
        tale.begin(Tale.side)
        tale.add(.observe, to: Tale.side)
        let event = tale.add(.observe)
        _ = try tale.merge([.session(Tale.side, sequence: 1)])
        tale.discard(Tale.side)
        tale.begin(Tale.side)
        tale.add(.observe, to: Tale.side)
        #expect(throws: HistoryLoss.mergedSession(EventID(rawValue: "default-2"), Tale.side)) {
            try tale.forget(event)
        }
    }

    @Test("A session is not put back on a checkpoint that has been deleted")
    func deletedBase() throws {
        var tale = Tale()
        tale.begin()
        tale.add(.observe)
        tale.keep("a", base: nil, parent: nil)
        let reset = tale.add(.reset, target: nil)
        tale.delete("a")
        #expect(throws: HistoryLoss.deletedBase(Tale.main, CheckpointID(rawValue: "a"))) {
            try tale.forget(reset)
        }
    }

    @Test("A long history is planned in a moment, and without a deep stack")
    func long() throws {
        var tale = Tale()
        tale.begin()
        let event = tale.add(.observe)
        for _ in 0..<50_000 { tale.add(.observe) }
        let start = ContinuousClock.now
        #expect(try tale.forget(event).events.count == 50_000)
        #expect(start.duration(to: .now) < .seconds(10))
    }
}
