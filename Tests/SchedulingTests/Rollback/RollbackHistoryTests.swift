import EngramStorage
import Engrams
import Foundation
import Kernels
import ModelFormats
import OuterCortex
import Testing
import TinyCore

@testable import Scheduling

@Suite("What was reset away stays away") struct RollbackHistoryTests {
    /// 2,000, or as many as are asked for.
    private static let count =
        ProcessInfo.processInfo.environment["HEBB_ROLLBACK_HISTORIES"].flatMap(Int.init) ?? 2000

    @Test("Whatever is done in whatever order, each session and the head know what they must")
    func histories() async throws {
        let lanes = max(1, min(4, ProcessInfo.processInfo.activeProcessorCount))
        try await withThrowingTaskGroup(of: Tally.self) { group in
            for lane in 0..<lanes {
                group.addTask {
                    var tally = Tally()
                    for seed in stride(from: lane, to: Self.count, by: lanes) {
                        try await Self.check(UInt64(seed), &tally)
                    }
                    return tally
                }
            }
            var sum = Tally()
            for try await lane in group { sum.add(lane) }
            // That the seeds still lead where it matters.
            #expect(sum.kept * 2 > Self.count)
            #expect(sum.keptUnderMovedHead * 8 > Self.count)
            #expect(sum.forgotten * 4 > Self.count)
            #expect(sum.refusedDeletions * 20 > Self.count)
        }
    }

    struct Tally: Sendable {
        /// Checkpoints that took a head's place, and those of them with another head by then.
        var kept = 0
        var keptUnderMovedHead = 0
        var forgotten = 0
        var refusedDeletions = 0

        mutating func add(_ other: Tally) {
            kept += other.kept
            keptUnderMovedHead += other.keptUnderMovedHead
            forgotten += other.forgotten
            refusedDeletions += other.refusedDeletions
        }
    }

    private static func check(_ seed: UInt64, _ tally: inout Tally) async throws {
        var run = RollbackRun(seed: seed)
        for _ in 0..<run.length {
            guard try await run.advance(&tally), try await run.knowsWhatItMust() else { return }
        }
        try await run.checkCheckpoints()
    }
}

/// A cortex that remembers episodes, and keeps them.
private let remembering: Cortex = {
    var rule = cortex.rule
    rule.episode.capacity = 512
    rule.episode.sharedLatents = 1
    rule.episode.isPersisted = true
    rule.tensors = RuleTensors(keyProjection: .identity(size: TinyCore.hiddenSize))
    do {
        return try cortex.with(rule: rule)
    } catch {
        fatalError("the tiny core does not take this rule: \(error)")
    }
}()

/// One random history, on a server and in the model.
private struct RollbackRun {
    private let seed: UInt64
    private var generator: SeededGenerator
    private let store = InMemoryStore()
    private var scheduler: Scheduler
    private let all: [SessionID]
    let length: Int
    private var model = KnowledgeModel()
    /// What was done, with the event that it became.
    private var moves: [(move: Move, event: (SessionID, EventID)?)] = []
    private var texts = 0
    private var log: [String] = []

    init(seed: UInt64) {
        self.seed = seed
        generator = SeededGenerator(seed: seed)
        let count = Int.random(in: 2...3, using: &generator)
        all = ["default", "work", "play"][..<count].map { SessionID("alice/\($0)")! }
        length = Int.random(in: 6...16, using: &generator)
        scheduler = Self.start(store, seed)
    }

    private static func start(_ store: InMemoryStore, _ seed: UInt64) -> Scheduler {
        var configuration = SchedulerConfiguration()
        configuration.automaticCheckpointTokens = nil
        configuration.snapshotEvents = [1, 3, 32][Int(seed % 3)]
        if seed % 5 == 0 { configuration.residentBytesMaximum = 1 }
        return Scheduler(cortex: remembering, store: store, configuration: configuration)
    }

    private mutating func pick(_ limit: Int) -> Int { Int.random(in: 0..<limit, using: &generator) }

    // MARK: what is done

    /// - Returns: Whether sets can still tell what must be known.
    mutating func advance(_ tally: inout RollbackHistoryTests.Tally) async throws -> Bool {
        if moves.isEmpty {
            for id in all { try await perform(.create(id, from: .head), &tally) }
        }
        switch pick(20) {
        case 0: scheduler = Self.start(store, seed)
        case 1, 2: return try await forget(&tally)
        default: try await perform(next(), &tally)
        }
        return true
    }

    private mutating func next() -> Move {
        let gone = all.filter { model.sessions[$0] == nil }
        let made = model.checkpoints.keys.filter(model.isThere).sorted { $0.rawValue < $1.rawValue }
        let checkpoint = made.randomElement(using: &generator)
        let place = checkpoint.map { ResetTarget.checkpoint($0) } ?? .frozen
        let targets: [ResetTarget] = [.frozen, .frozen, place, .head]
        if let id = gone.first {
            return .create(id, from: targets.randomElement(using: &generator)!)
        }
        let id = all.randomElement(using: &generator)!
        let pending = all.filter { model.sessions[$0]?.superseded != nil }
        if let pending = pending.randomElement(using: &generator), pick(3) == 0 {
            return .checkpoint(pick(2) == 0 ? pending : id)
        }
        switch pick(20) {
        case 0..<5 where texts < Text.count:
            texts += 1
            return .observe(id, text: texts - 1)
        case 5..<9: return .reset(id, targets.randomElement(using: &generator)!)
        case 9: return checkpoint.map { .restore(id, $0) } ?? .checkpoint(id)
        case 10, 11: return .merge(id, merge(checkpoint))
        case 12: return .importTotal(id, of: checkpoint)
        case 13: return checkpoint.map { .delete($0) } ?? .checkpoint(id)
        case 14 where pick(3) == 0: return .discard(id)
        default: return .checkpoint(id)
        }
    }

    private mutating func merge(_ checkpoint: CheckpointID?) -> MergeRequest {
        let terms = (0...pick(2)).map { _ -> MergeRequest.Term in
            let other = all.randomElement(using: &generator)!.name
            let source: MergeRequest.Term.Source =
                checkpoint.map { pick(2) == 0 ? .checkpoint($0) : .session(other) }
                ?? .session(other)
            return .init(source, scope: pick(2) == 0 ? .total : .delta)
        }
        return MergeRequest(
            terms: terms, mode: pick(2) == 0 ? .replace : .add, rescale: .none)
    }

    private mutating func perform(
        _ move: Move, _ tally: inout RollbackHistoryTests.Tally
    ) async throws {
        var after = model
        if case .checkpoint(let id) = move, let old = model.sessions[id]?.superseded {
            tally.kept += 1
            if model.head != old { tally.keptUnderMovedHead += 1 }
        }
        guard after.perform(move) else {
            guard case .delete(let checkpoint) = move else { return }
            tally.refusedDeletions += 1
            await #expect(throws: ServiceError.checkpointInUse(checkpoint), "\(report)") {
                try await scheduler.deleteCheckpoint(all[0], checkpoint: checkpoint)
            }
            return
        }
        log.append("\(move)")
        moves.append((move, try await carryOut(move)))
        model = after
        if case .discard(let gone) = move {
            for index in moves.indices where moves[index].event?.0 == gone {
                moves[index].event = nil
            }
        }
    }

    private mutating func carryOut(_ move: Move) async throws -> (SessionID, EventID)? {
        let id: SessionID
        switch move {
        case .observe(let session, let text):
            id = session
            _ = try await scheduler.observe(
                id, ObserveRequest(content: .tokens(Text.tokens(text))))
        case .checkpoint(let session):
            id = session
            _ = try await scheduler.checkpoint(id, name: nil, ifMatch: nil)
        case .reset(let session, let target):
            id = session
            _ = try await scheduler.reset(id, to: target, ifMatch: nil)
        case .restore(let session, let checkpoint):
            id = session
            _ = try await scheduler.restore(id, checkpoint: checkpoint, ifMatch: nil)
        case .merge(let session, let request):
            id = session
            _ = try await scheduler.merge(id, request)
        case .importTotal(let session, let checkpoint):
            id = session
            let engram = try await scheduler.archive.engram(standingOn: checkpoint, of: id.user)
            _ = try await scheduler.importDelta(
                id, file: engram.serialized(as: .checkpoint), ifMatch: nil)
        case .delete(let checkpoint):
            try await scheduler.deleteCheckpoint(all[0], checkpoint: checkpoint)
            return nil
        case .create(let session, let target):
            _ = try await scheduler.createSession(
                CreateSession(user: session.user, name: session.name, from: target))
            return nil
        case .discard(let session):
            try await scheduler.discard(session, ifMatch: nil)
            return nil
        }
        let sequence = try await scheduler.resident(id).record.sequence
        return (id, try await store.events(of: id, after: sequence - 1, limit: 1)[0].id)
    }

    /// Forgets one of the events. What is to be known then is what the other moves come to.
    private mutating func forget(
        _ tally: inout RollbackHistoryTests.Tally
    ) async throws -> Bool {
        let candidates = moves.indices.filter { index in
            guard moves[index].event != nil else { return false }
            return switch moves[index].move {
            case .observe, .merge, .reset: true
            // A file is an event of its own: it has what it has, whatever is forgotten elsewhere.
            case .importTotal, .checkpoint, .restore, .delete, .create, .discard: false
            }
        }
        guard !moves.contains(where: { $0.move.isImport }),
            let index = candidates.randomElement(using: &generator),
            let (id, event) = moves[index].event
        else { return true }
        log.append("forgotten: \(moves[index].move)")
        do {
            _ = try await scheduler.forget(id, event: event, ifMatch: nil)
        } catch ServiceError.cannotForget {
            log.append("(refused)")
            return true
        }
        tally.forgotten += 1
        moves.remove(at: index)
        model = KnowledgeModel()
        return moves.allSatisfy { model.perform($0.move, isPast: true) }
    }

    // MARK: what is known

    private var report: Comment { "seed \(seed):\n  \(log.joined(separator: "\n  "))" }

    func knowsWhatItMust() async throws -> Bool {
        for (id, expected) in model.sessions {
            let found = try await scheduler.resident(id)
            #expect(found.record.base == expected.base, "\(id), \(report)")
            #expect(found.record.superseded == expected.superseded, "\(id), \(report)")
            guard check(found.engram, expected.known, "\(id)") else { return false }
        }
        let head = try await store.user(alice.user)?.head
        #expect(head == model.head, "\(report)")
        return head == model.head
    }

    func checkCheckpoints() async throws {
        for (id, expected) in model.checkpoints where !expected.isDeleted {
            let engram = try await scheduler.archive.engram(standingOn: id, of: alice.user)
            guard check(engram, expected.known, "\(id)") else { return }
        }
    }

    private func check(_ engram: Engram, _ expected: Set<Int>, _ name: String) -> Bool {
        // A tenth of what a text leaves.
        let threshold: Float = model.hasSummedDifferences ? 0.1 : 0
        let found = Text.known(to: engram, above: threshold)
        #expect(found == expected, "\(name), \(report)")
        let remembered = Text.remembered(by: engram)
        #expect(remembered.isSubset(of: expected), "\(name), \(report)")
        return found == expected && remembered.isSubset(of: expected)
    }
}

extension Move {
    fileprivate var isImport: Bool { if case .importTotal = self { true } else { false } }
}

/// Texts that share no token, so that what an engram remembers tells which of them taught it.
private enum Text {
    /// As many as targets in a context: all follow the start of text.
    static let count = 12
    private static let alphabet = 20

    static func tokens(_ text: Int) -> [TokenID] {
        // Each token twice, so that half of the contexts are there again.
        let all = (0..<alphabet / 2).map { TokenID(rawValue: Int32(1 + text * alphabet + $0)) }
        return all + all.prefix(4)
    }

    /// Those to whose tokens sequence synapses lead.
    static func known(to engram: Engram, above threshold: Float) -> Set<Int> {
        texts(
            of: engram.sites.sequences.sorted().flatMap { context in
                context.targets.filter { $0.weight > threshold }.map(\.token)
            })
    }

    /// Those whose tokens are in episodes.
    static func remembered(by engram: Engram) -> Set<Int> {
        texts(of: engram.sites.episodes.stored.map(\.token))
    }

    private static func texts(of tokens: [Int32]) -> Set<Int> {
        Set(tokens.filter { $0 > 0 }.map { (Int($0) - 1) / alphabet })
    }
}
