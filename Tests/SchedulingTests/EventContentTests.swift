import EngramStorage
import Engrams
import ModelFormats
import OuterCortex
import Testing

@testable import Scheduling

@Suite struct EventContentTests {
    private static let first = CheckpointID(rawValue: "ckpt-1")
    private static let second = CheckpointID(rawValue: "ckpt-2")
    private static let talk: ConversationRecord = {
        var talk = ConversationRecord(EncodedChat(tokens: []), learning: .both, onlyNew: false)
        talk.addAnswer(2, behind: 1, isLearned: true)
        return talk
    }()
    private static let verdicts = TaughtVerdicts(
        record: FeedbackRecord(
            answers: [.init(promptTokens: 1, answerTokens: 2, reward: 1, advantage: 0.5)],
            streak: 3, gain: 1.5), tokens: [7, 8, 9])
    private static func merge(_ mode: MergeRequest.Mode) -> EventContent {
        .merge(
            MergeRecord(
                terms: [.init(content: .checkpoint(first), base: nil, scale: 0.5)], mode: mode,
                rescale: .sqrt))
    }

    static let contents: [EventContent] = [
        .text(TaughtText(tokens: [1, 2, 3], reward: -0.5)),
        .text(TaughtText(tokens: [1, 2, 3], isCompletion: true, conversation: talk)),
        .feedback(verdicts), .import(file: [1, 2]), merge(.add), merge(.replace),
        .reset(to: nil, superseded: first), .reset(to: first, superseded: nil),
        .restore(to: first), .checkpoint(to: second), .forget,
    ]

    private let before = SessionRecord(
        id: alice, base: first, origin: nil, learn: "", sequence: 4, tokensSinceCheckpoint: 100,
        feedbackStreak: 2, created: 1, updated: 2)

    private func change(_ content: EventContent) -> SessionChange {
        var change = SessionChange(content, engram: cortex.emptyEngram(), base: Self.second)
        change.learnedTokens = 3
        return change
    }

    @Test("What an event did is read from the journal as it was written", arguments: contents)
    func kept(content: EventContent) throws {
        let change = change(content)
        let after = change.record(after: before, at: 3)
        let event = try change.eventRecord(leavingBehind: after, in: .text)
        #expect(event.sequence == 5 && event.kind == content.kind && event.created == 3)
        #expect(event.id == change.event && event.keepsContent)
        #expect(try EventContent(event) == content)
    }

    @Test("A journal of outcomes keeps no text and no file", arguments: contents)
    func outcomes(content: EventContent) throws {
        let change = change(content)
        let after = change.record(after: before, at: 3)
        let event = try change.eventRecord(leavingBehind: after, in: .deltas)
        #expect(event.tokens.isEmpty && event.engram == nil)
        #expect(event.keepsContent == !content.kind.bringsContent)
        #expect(event.tokenCount == 3)
        if case .text = content { #expect(event.payload == nil) }
        #expect(change.needsSnapshot(in: .deltas))
    }

    @Test("What an event makes of its session follows from what it did", arguments: contents)
    func session(content: EventContent) {
        let after = change(content).record(after: before, at: 3)
        #expect(after.sequence == 5 && after.base == Self.second && after.updated == 3)
        let superseded: CheckpointID? =
            switch content {
            case .reset(_, let superseded): superseded
            // The total comes from nothing that the session had.
            case .import: Self.first
            case .merge(let record): record.mode == .replace ? Self.first : nil
            case .text, .feedback, .restore, .checkpoint, .forget: nil
            }
        #expect(after.superseded == superseded)
        let streak =
            switch content {
            case .feedback: 3
            case .import, .merge, .reset, .restore: 0
            case .text, .checkpoint, .forget: 2
            }
        #expect(after.feedbackStreak == streak)
        #expect(after.tokensSinceCheckpoint == (content.startsDelta ? 0 : 103))
    }

    @Test("A record that speaks of something else than it has is damaged")
    func damaged() throws {
        let content = Self.contents[1]
        let change = change(content)
        let whole = try change.eventRecord(
            leavingBehind: change.record(after: before, at: 3), in: .text)
        var event = whole
        event.tokens.removeLast()
        #expect(throws: StorageError.corrupt(code: 0)) { _ = try EventContent(event) }
        event = whole
        event.payload = [1]
        #expect(throws: StorageError.corrupt(code: 0)) { _ = try EventContent(event) }
        event.kind = .feedback
        event.payload = nil
        #expect(throws: StorageError.corrupt(code: 0)) { _ = try EventContent(event) }
    }

    @Test("The journal is read backwards, across its pages and no further than asked")
    func backwards() async throws {
        let store = InMemoryStore()
        var record = SessionRecord(
            id: alice, base: nil, origin: nil, learn: "", created: 1, updated: 1)
        let archive = makeScheduler(store).archive
        #expect(try await !archive.walkBack(through: alice) { _ in true })
        try await store.createSession(record, engram: nil)
        for number in 1...150 {
            record.sequence = number
            try await store.append(
                JournalEntry(
                    event: EventRecord(
                        id: EventID(rawValue: "evt-\(number)"), session: alice, sequence: number,
                        kind: .observe, tokens: [Int32(number)], created: 1),
                    session: record))
        }
        func read(_ limit: Int, until last: Int = 0) async throws -> [Int] {
            var found: [Int] = []
            let isThere = try await archive.walkBack(through: alice, atMost: limit) {
                found.append($0.sequence)
                return $0.sequence > last
            }
            #expect(isThere)
            return found
        }
        #expect(try await read(.max) == Array((1...150).reversed()))
        #expect(try await read(100) == Array((51...150).reversed()))
        #expect(try await read(0) == [])
        #expect(try await read(.max, until: 80) == Array((80...150).reversed()))
        let texts = try await archive.ownTexts(of: alice, limit: 70)
        #expect(texts.map { $0.map(\.rawValue) } == (81...150).map { [Int32($0)] })
    }
}
