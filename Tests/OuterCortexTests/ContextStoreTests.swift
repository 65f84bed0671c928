import InnerCortex
import Kernels
import ModelFormats
import Testing
import TinyCore

@testable import Engrams
@testable import OuterCortex

@Suite("A conversation's next turn")
final class ContextStoreTests {
    let folder: String
    let cortex: Cortex
    let alice = UserID(rawValue: "alice")!
    let bob = UserID(rawValue: "bob")!
    /// 47 tokens at most, so that an answer fits into the context behind it.
    let turns = ["The heron on the pier", " is called Ottoline.", " She eats."]

    init() throws {
        folder = try TinyCore.make()
        var rule = PlasticityRule()
        rule.safeZone.learningGate = 1000
        cortex = try Cortex(at: CoreLocation(folder), rule: rule, tappedBlocks: [1])
    }

    deinit { TinyCore.remove(folder) }

    func answer(
        _ prompt: [TokenID], _ engram: Engram, in store: ContextStore? = nil,
        of owner: UserID? = nil, mode: GenerationRequest.Mode = .adapted
    ) -> Generation {
        let task = cortex.startGenerating(
            GenerationRequest(
                prompt: prompt, maxTokens: 4, sampling: SamplingOptions(), seed: 5, mode: mode,
                topLogprobs: 3),
            with: engram, in: store.map { ($0, owner ?? alice) })
        task.run()
        return task.result
    }

    func expectSame(_ a: Generation, _ b: Generation) {
        #expect(a.tokens == b.tokens && a.text == b.text && a.adaptation == b.adaptation)
        #expect(a.vitals == b.vitals)
    }

    func learned() throws -> Engram {
        var engram = cortex.emptyEngram()
        _ = try cortex.observe(lesson, into: &engram)
        return engram
    }

    @Test(
        "reads only what is new, and has the bits of one that reads everything",
        arguments: [GenerationRequest.Mode.adapted, .frozen])
    func nextTurn(mode: GenerationRequest.Mode) throws {
        let store = ContextStore()
        var engram = try learned()
        var prompt: [TokenID] = []
        for (index, turn) in turns.enumerated() {
            let (known, before) = (prompt.count, store.tokensFound)
            prompt += cortex.encode(turn)
            let found = answer(prompt, engram, in: store, mode: mode)
            expectSame(found, answer(prompt, engram, mode: mode))
            #expect(store.hits == index)
            // All of the turns before, behind the start token; the last of a cut answer was not read.
            if index > 0 { #expect((known...known + 1).contains(store.tokensFound - before)) }
            prompt += found.tokens
            // What is learned meanwhile changes the answer and not what is kept.
            _ = try cortex.observe("Ottoline is a heron.", into: &engram)
        }
        #expect(store.count == 1)
        #expect(store.byteCount > 0)
    }

    @Test("goes on from where its text is still the same")
    func edited() throws {
        let store = ContextStore()
        let engram = try learned()
        let first = cortex.encode(turns[0] + turns[1])
        _ = answer(first, engram, in: store)
        let common = 30
        let edited = Array(first[..<common]) + cortex.encode("!!!")
        expectSame(answer(edited, engram, in: store), answer(edited, engram))
        #expect(store.hits == 1)
        #expect((common...common + 3).contains(store.tokensFound))
        // Both are there now, and the first is as it was.
        #expect(store.count == 2)
        expectSame(answer(first, engram, in: store), answer(first, engram))
        // A prompt that is there to its last token has that one read.
        #expect(store.hits == 2)
    }

    @Test("is found by its owner only, unless contexts are shared, and not after being forgotten")
    func owners() throws {
        let engram = try learned()
        let prompt = cortex.encode(turns[0] + turns[1])
        for (isShared, hits) in [(false, 0), (true, 1)] {
            let store = ContextStore(isShared: isShared)
            _ = answer(prompt, engram, in: store, of: alice)
            expectSame(answer(prompt, engram, in: store, of: bob), answer(prompt, engram))
            #expect(store.hits == hits)
            store.forget(alice)
            store.forget(bob)
            #expect(store.count == 0 && store.byteCount == 0)
            #expect(cortex.inner.pageMemory.byteCount == 0)
        }
    }

    @Test("does without states where nothing is judged by them, and never the other way round")
    func states() throws {
        let store = ContextStore()
        let engram = try learned()
        let prompt = cortex.encode(turns[0] + turns[1])
        _ = answer(prompt, engram, in: store, mode: .frozen)
        expectSame(answer(prompt, engram, in: store), answer(prompt, engram))
        #expect(store.hits == 0)
        expectSame(
            answer(prompt, engram, in: store, mode: .frozen),
            answer(prompt, engram, mode: .frozen))
        expectSame(answer(prompt, engram, in: store), answer(prompt, engram))
        #expect(store.hits == 2)
    }

    @Test("is forgotten when others need the room, the one that waited longest first")
    func room() throws {
        let store = ContextStore()
        let engram = cortex.emptyEngram()
        let prompts = ["The heron on the pier waits", "Ottoline eats eels", "Nobody came by here"]
            .map { cortex.encode($0 + " and sleeps.") }
        for prompt in prompts { _ = answer(prompt, engram, in: store) }
        #expect(store.count == 3)
        _ = answer(prompts[0], engram, in: store)
        #expect(store.hits == 1 && store.count == 3)
        store.room = store.byteCount - 1
        #expect(store.count == 2)
        _ = answer(prompts[1], engram, in: store)
        #expect(store.hits == 1)
        store.room = 0
        #expect(store.count == 0 && store.byteCount == 0)
        #expect(cortex.inner.pageMemory.byteCount == 0)
    }

    @Test("reads everything where the engram changes blocks")
    func layers() throws {
        var engram = cortex.emptyEngram()
        let site = ProjectionSite.block(1, .down)
        let delta = LowRankDelta(
            inputs: TinyCore.intermediateSize, outputs: TinyCore.hiddenSize, rank: 1,
            a: [Float](repeating: 0.1, count: TinyCore.intermediateSize),
            b: [Float](repeating: 0.1, count: TinyCore.hiddenSize))
        engram.sites.layer = LayerSynapses(deltas: [site: delta])
        let store = ContextStore()
        let prompt = cortex.encode(turns[0] + turns[1])
        _ = answer(prompt, engram, in: store)
        expectSame(answer(prompt, engram, in: store), answer(prompt, engram))
        #expect(store.hits == 0 && store.count == 0)
    }
}
