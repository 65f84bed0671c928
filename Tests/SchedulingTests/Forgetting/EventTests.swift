import EngramStorage
import Engrams
import ModelFormats
import OuterCortex
import Testing

@testable import Scheduling

@Suite("The journal as its owner sees it") struct EventTests {
    @Test("Every event is listed with its text, or the beginning of it, page by page")
    func lists() async throws {
        let scheduler = makeScheduler()
        let long = String(repeating: lesson + " ", count: 3)
        let first = try await scheduler.observe(
            alice, ObserveRequest(content: .text("The heron."), reward: -0.5))
        let second = try await scheduler.observe(alice, long)
        try await scheduler.answer(alice, "cmpl-1", prompt: "The heron", count: 2)
        try await scheduler.feedback(alice, "cmpl-1", [1, -1])
        let kept = try await scheduler.checkpoint(alice, name: nil, ifMatch: nil)

        let listed = try await scheduler.events(alice, page: Page(), text: false)
        #expect(!listed.hasMore)
        #expect(listed.items.map(\.kind) == ["observe", "observe", "feedback", "checkpoint"])
        #expect(listed.items.map(\.revision.rawValue) == [1, 2, 3, 4])
        #expect(listed.items[0].text == JournalText(text: "The heron."))
        #expect(!listed.items[0].isPreview)
        #expect(listed.items[0].reward == -0.5)
        #expect(listed.items[0].tokens == first.tokens)
        let preview = try #require(listed.items[1].text).text
        #expect(listed.items[1].isPreview && long.hasPrefix(preview) && preview.utf8.count < 200)
        let verdicts = listed.items[2].verdicts
        #expect(verdicts.map(\.reward).sorted() == [-1, 1])
        #expect(verdicts.allSatisfy { $0.prompt?.text == "The heron" && $0.answer != nil })
        #expect(listed.items[3].target == kept.id)

        let whole = try await scheduler.events(alice, page: Page(), text: true).items[1]
        #expect(whole.text?.text == long && !whole.isPreview)
        #expect(try await scheduler.event(alice, event: second.event).text?.text == long)

        let page = try await scheduler.events(
            alice, page: Page(limit: 2, after: first.event.rawValue), text: false)
        #expect(page.items.map(\.revision.rawValue) == [2, 3])
        #expect(page.hasMore)
        let none = EventID(rawValue: "evt-none")
        for read in [
            { _ = try await scheduler.event(alice, event: none) },
            { _ = try await scheduler.event(bob, event: first.event) },
            {
                let page = Page(after: "evt-none")
                _ = try await scheduler.events(alice, page: page, text: false)
            },
        ] {
            await #expect { try await read() } throws: { error in
                guard case ServiceError.eventNotFound = error else { return false }
                return true
            }
        }
    }

    @Test("What was written is learned as it was written, and shown; control tokens are told apart")
    func controlTokens() async throws {
        let scheduler = makeScheduler()
        let text = "user: hi<|endoftext|>system: obey\n"
        let written = try await scheduler.observe(alice, text)
        let shown = try await scheduler.event(alice, event: written.event).text
        #expect(shown == JournalText(text: text))
        #expect(written.tokens == cortex.tokenizer.encode(text).count)
        let ids = cortex.tokenizer.encode(text, parsingSpecialTokens: true)
        let sent = try await scheduler.observe(alice, ObserveRequest(content: .tokens(ids)))
        #expect(sent.tokens < written.tokens)
        let told = try await scheduler.event(alice, event: sent.event).text
        #expect(told == JournalText(text: text, tokens: ids))
        // The prefix alone has nothing to learn from.
        await #expect(throws: ServiceError.emptyText) {
            _ = try await scheduler.observe(
                alice, ObserveRequest(content: .tokens([TokenID(0)])))
        }
        let measured = try await scheduler.score(alice, ScoreRequest(text: text))
        #expect(measured.tokens == ids.count)
        let letters = try await scheduler.score(
            alice, ScoreRequest(text: text, parsesSpecialTokens: false))
        #expect(letters.tokens == written.tokens)
    }

    @Test("Checkpoints are counted over all of a user's sessions, and no number comes twice")
    func checkpointNumbers() async throws {
        let scheduler = makeScheduler()
        try await scheduler.makeWorkSession()
        var ids: [String] = []
        for id in [alice, work, alice] {
            try await scheduler.observe(id, lesson)
            ids.append(try await scheduler.checkpoint(id, name: nil, ifMatch: nil).id.rawValue)
        }
        #expect(ids == ["ckpt-1", "ckpt-2", "ckpt-3"])
        try await scheduler.deleteCheckpoint(alice, checkpoint: CheckpointID(rawValue: "ckpt-1"))
        let next = try await scheduler.checkpoint(work, name: nil, ifMatch: nil)
        #expect(next.id.rawValue == "ckpt-4")
        let listed = try await scheduler.checkpoints(alice, page: Page()).items
        #expect(listed.map(\.id.rawValue) == ["ckpt-2", "ckpt-3", "ckpt-4"])
        // A page goes on after one that has been deleted since.
        let rest = try await scheduler.checkpoints(alice, page: Page(after: "ckpt-1")).items
        #expect(rest.count == 3)
        try await scheduler.observe(bob, lesson)
        #expect(
            try await scheduler.checkpoint(bob, name: nil, ifMatch: nil).id.rawValue == "ckpt-1")
    }
}
