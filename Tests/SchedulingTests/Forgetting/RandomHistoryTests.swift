import EngramStorage
import Engrams
import Foundation
import Kernels
import ModelFormats
import OuterCortex
import Testing

@testable import Scheduling

@Suite("Exact unlearning") struct RandomHistoryTests {
    /// 200, or as many as are asked for.
    private static let count =
        ProcessInfo.processInfo.environment["HEBB_RANDOM_HISTORIES"].flatMap(Int.init) ?? 200

    /// Engram files that do not come from the history they are imported into.
    private static let files = Task { () -> [[UInt8]] in
        var files: [[UInt8]] = []
        for text in ["An imported heron.", "A river from elsewhere, and its reeds."] {
            let scheduler = makeScheduler()
            try await scheduler.observe(bob, text)
            files.append(try await scheduler.exportDelta(bob, scope: .total).file)
        }
        return files
    }

    /// Why forgetting was refused.
    private enum Refusal: String {
        /// A session would have come to stand on a checkpoint that is not there.
        case deletedBase = "which has been deleted"
        /// What would change came from a session that is not there.
        case discardedSession = "has been discarded"
    }

    /// Where forgetting is refused, the history stays byte for byte as it is.
    @Test("A history without an event is byte for byte one that never had it, and no trace is left")
    func histories() async throws {
        let files = try await Self.files.value
        let lanes = max(1, min(4, ProcessInfo.processInfo.activeProcessorCount))
        var refusals: [Refusal] = []
        try await withThrowingTaskGroup(of: [Refusal].self) { group in
            for lane in 0..<lanes {
                group.addTask {
                    var refusals: [Refusal] = []
                    for seed in stride(from: lane, to: Self.count, by: lanes) {
                        refusals += try await Self.check(UInt64(seed), files)
                    }
                    return refusals
                }
            }
            for try await lane in group { refusals += lane }
        }
        #expect(refusals.count { $0 == .deletedBase } * 20 < Self.count)
        // Less than half of the quarter that discards.
        #expect(refusals.count { $0 == .discardedSession } * 8 < Self.count)
    }

    /// - Returns: Each refusal.
    private static func check(_ seed: UInt64, _ files: [[UInt8]]) async throws -> [Refusal] {
        let folder = temporaryFolder()
        defer { removeTemporary(folder) }
        let store = try SQLiteStore(folder: folder)
        let snapshots = [1, 3, 32][Int(seed % 3)]
        let scheduler = makeScheduler(store) {
            $0.automaticCheckpointTokens = nil
            $0.snapshotEvents = snapshots
            if seed % 4 == 0 { $0.residentBytesMaximum = 1 }
        }
        var history = RandomHistory(seed: seed, isDiscarding: seed % 4 == 3)
        let begun = history.sessions
        for id in begun {
            _ = try await scheduler.createSession(CreateSession(user: id.user, name: id.name))
        }
        var deeds: [(deed: Deed, event: (SessionID, EventID)?)] = []
        while deeds.count < history.length {
            let deed = history.next { files.randomElement(using: &$0)! }
            do {
                let event = try await scheduler.perform(deed)
                deeds.append((deed, event))
                if case .discard(let gone) = deed {
                    for index in deeds.indices where deeds[index].event?.0 == gone {
                        deeds[index].event = nil
                    }
                }
                if case .checkpoint = deed, let event,
                    let target = try await store.event(event.1, of: event.0)?.target
                {
                    history.note(target)
                }
            } catch ServiceError.checkpointNotFound, ServiceError.checkpointInUse {
                // It has been deleted before, or may not be.
            }
        }
        let candidates = deeds.indices.filter {
            deeds[$0].deed.isForgettable && deeds[$0].event != nil
        }
        guard !candidates.isEmpty else { return [] }
        var refusals: [Refusal] = []
        var omitted = Set([candidates[history.pick(below: candidates.count)]])
        if seed % 5 == 0 { omitted.insert(candidates[history.pick(below: candidates.count)]) }
        for index in omitted.sorted() {
            let (id, event) = try #require(deeds[index].event)
            do {
                _ = try await scheduler.forget(id, event: event, ifMatch: nil)
            } catch ServiceError.cannotForget(_, let reason) {
                let refusal: Refusal =
                    seed % 4 == 3 && reason.contains(Refusal.discardedSession.rawValue)
                    ? .discardedSession : .deletedBase
                #expect(reason.contains(refusal.rawValue), "seed \(seed): \(reason)")
                if refusal == .deletedBase {
                    guard case .reset = deeds[index].deed else {
                        Issue.record("seed \(seed): only a reset decides what a session stands on")
                        return refusals
                    }
                }
                refusals.append(refusal)
                omitted.remove(index)
                continue
            }
            for text in deeds[index].deed.texts {
                #expect(try !holds(text, folder), "seed \(seed)")
            }
        }

        let twin = makeScheduler { $0.automaticCheckpointTokens = nil }
        for id in begun {
            _ = try await twin.createSession(CreateSession(user: id.user, name: id.name))
        }
        for index in deeds.indices where !omitted.contains(index) {
            // Without a reset a session may still stand on what was deleted meanwhile.
            do { _ = try await twin.perform(deeds[index].deed) } catch ServiceError.checkpointInUse
            {}
        }
        try await compare(scheduler, twin, history.sessions, "seed \(seed)")
        // What it goes on to learn, and what a new start finds on the disk.
        let restarted = makeScheduler(store) { $0.automaticCheckpointTokens = nil }
        for one in [scheduler, twin] where seed % 2 == 0 {
            try await one.observe(history.sessions[0], "And the heron flew.")
        }
        try await compare(restarted, twin, history.sessions, "seed \(seed), restarted")
        await scheduler.shutdown()
        return refusals
    }

    private static func compare(
        _ one: Scheduler, _ other: Scheduler, _ sessions: [SessionID], _ comment: Comment
    ) async throws {
        for id in sessions {
            let (a, b) = (try await one.resident(id), try await other.resident(id))
            #expect(
                try a.engram.serialized(as: .workingState)
                    == b.engram.serialized(as: .workingState), comment)
            #expect(
                try await one.exportDelta(id, scope: .session).file
                    == other.exportDelta(id, scope: .session).file, comment)
            #expect(a.record.base == b.record.base, comment)
            #expect(a.record.tokensLearned == b.record.tokensLearned, comment)
            #expect(a.record.tokensSinceCheckpoint == b.record.tokensSinceCheckpoint, comment)
            #expect(a.record.feedbackStreak == b.record.feedbackStreak, comment)
        }
        let user = alice.user
        #expect(try await one.store.user(user)?.head == other.store.user(user)?.head, comment)
        let listed = try await one.store.checkpoints(of: user, after: nil, limit: 99)
        for record in listed {
            let blob = try #require(try await one.store.engram(of: record.id, of: user))
            #expect(try await other.store.engram(of: record.id, of: user) == blob, comment)
            #expect(record.hash == ContentDigest.of(blob), comment)
            let twin = try await other.store.checkpoint(record.id, of: user)
            #expect(twin?.hash == record.hash && twin?.parent == record.parent, comment)
            #expect(twin?.tokensLearned == record.tokensLearned, comment)
        }
    }

    /// Whether a text, its tokens as they are stored, or part of one is in a file of the folder.
    private static func holds(_ text: String, _ folder: String) throws -> Bool {
        let tokens = cortex.tokenizer.encode(text).flatMap { token in
            withUnsafeBytes(of: token.rawValue.littleEndian) { [UInt8]($0) }
        }
        var patterns = [Data(text.utf8)]
        // A third of it, so that what is cut in two is found as well.
        let part = max(24, tokens.count / 3 / 4 * 4)
        for start in stride(from: 0, through: max(0, tokens.count - part), by: 4) {
            patterns.append(Data(tokens[start..<min(tokens.count, start + part)]))
        }
        for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
            let data = try Data(contentsOf: URL(fileURLWithPath: folder + "/" + name))
            if patterns.contains(where: { data.range(of: $0) != nil }) { return true }
        }
        return false
    }
}

private func removeTemporary(_ folder: String) {
    try? FileManager.default.removeItem(
        at: URL(fileURLWithPath: folder).deletingLastPathComponent())
}
