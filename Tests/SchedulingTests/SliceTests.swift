import Dispatch
import Engrams
import Foundation
import InnerCortex
import ModelFormats
import OuterCortex
import Synchronization
import Testing

@testable import Scheduling

/// A clock that moves on by itself, as told, whenever it is read.
private final class VirtualClock: Sendable {
    private let state: Mutex<(time: Duration, seed: UInt64)>
    private let step: @Sendable (inout UInt64) -> Duration

    init(seed: UInt64 = 0, step: @escaping @Sendable (inout UInt64) -> Duration) {
        state = Mutex((.zero, seed))
        self.step = step
    }

    /// Jumps by 0 to 31 ms.
    static func jumping(seed: UInt64) -> VirtualClock {
        VirtualClock(seed: seed) { seed in
            seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return .milliseconds(Int(seed >> 59))
        }
    }

    func now() -> Duration {
        state.withLock { state in
            state.time += step(&state.seed)
            return state.time
        }
    }
}

/// A clock that steps of work move on, and what each worker's steps took while it was open.
private final class Meter: Sendable {
    private let state = Mutex((now: Duration.zero, isOpen: false, spent: [String: Duration]()))

    var isOpen: Bool {
        get { state.withLock { $0.isOpen } }
        set { state.withLock { $0.isOpen = newValue } }
    }

    func now() -> Duration { state.withLock { $0.now } }

    func spent(by worker: String) -> Duration { state.withLock { $0.spent[worker] ?? .zero } }

    func note(_ worker: String, _ duration: Duration) {
        state.withLock { state in
            state.now += duration
            if state.isOpen { state.spent[worker, default: .zero] += duration }
        }
    }
}

/// Work whose every step takes as long as the clock says.
private final class Steps: CortexTask {
    private let total: Int
    private let onStep: () -> Void
    private var done = 0

    init(_ total: Int, onStep: @escaping () -> Void) {
        self.total = total
        self.onStep = onStep
    }

    func advance() -> Bool {
        done += 1
        onStep()
        return done == total
    }
}

@Suite("A slice of work") struct SliceTests {
    private func thread(_ clock: VirtualClock) -> CortexThread {
        CortexThread(
            decodeBurstMaximum: 2, stackBytes: 16 << 20,
            budget: SliceBudget(.milliseconds(10)) { clock.now() },
            makeReader: { CoreReader(cortex: cortex) })
    }

    @Test(
        "ends when its time is used up, however long its steps are, and does one at least",
        arguments: [(0, 100), (1, 10), (3, 4), (10, 1), (4000, 1)])
    func length(milliseconds: Int, steps: Int) {
        let clock = VirtualClock { _ in .milliseconds(milliseconds) }
        var done = 0
        let task = Steps(100) { done += 1 }
        var isFinished = false
        SliceBudget(.milliseconds(10)) { clock.now() }.spend {
            isFinished = task.advance()
            return !isFinished
        }
        #expect(done == steps && isFinished == (steps == 100))
    }

    @Test("of one session is as long as another's, though its steps are a hundred times as slow")
    func sharing() async throws {
        let meter = Meter()
        let thread = CortexThread(
            decodeBurstMaximum: 2, stackBytes: 1 << 20,
            budget: SliceBudget(.milliseconds(10)) { meter.now() })
        defer { thread.stop() }
        let slow = Task { @Sendable in
            try await thread.run(for: alice) {
                Steps(100_000) { meter.note("slow", .milliseconds(5)) }
            } output: { _ in
                0
            }
        }
        let quick = Task { @Sendable in
            try await thread.run(for: bob) {
                meter.isOpen = true
                return Steps(20_000) { meter.note("quick", .microseconds(50)) }
            } output: { _ in
                meter.isOpen = false
                return 0
            }
        }
        _ = try await quick.value
        slow.cancel()
        _ = try? await slow.value
        let (a, b) = (meter.spent(by: "slow"), meter.spent(by: "quick"))
        #expect(b == .seconds(1))
        #expect(abs(a / b - 1) < 0.05, "\(a) beside \(b)")
    }

    @Test("that asks for a pass shares it: answers of many users are decoded side by side")
    func sharedPasses() async throws {
        let thread = CortexThread(
            decodeBurstMaximum: 2, stackBytes: 16 << 20, makeReader: { CoreReader(cortex: cortex) })
        defer { thread.stop() }
        let gate = DispatchSemaphore(value: 0)
        async let roadblock = thread.run(for: alice) {
            CortexWork<Bool> {
                gate.wait()
                return .done(true)
            }
        }
        let users = (0..<6).map { SessionID("user-\($0)")! }
        let prompt = cortex.tokenizer.encode(lesson).prefix(5)
        @Sendable func request(_ seed: Int) -> GenerationRequest {
            GenerationRequest(
                prompt: Array(prompt), maxTokens: 20, sampling: SamplingOptions(),
                seed: UInt64(seed), mode: .adapted)
        }
        try await withThrowingTaskGroup(of: (Int, [TokenID]).self) { group in
            for (index, user) in users.enumerated() {
                group.addTask {
                    let tokens = try await thread.run(for: user) {
                        let task = cortex.startGenerating(
                            request(index), with: cortex.emptyEngram())
                        var work = CortexWork<[TokenID]> {
                            if task.advance() { return .done(task.result.tokens) }
                            return task.isReadingPrompt ? .goesOn : .more(.decode)
                        }
                        work.asks = { task.asks }
                        return work
                    }
                    return (index, tokens)
                }
            }
            while thread.taskCount < users.count + 1 { await Task.yield() }
            gate.signal()
            for try await (index, tokens) in group {
                let alone = cortex.startGenerating(request(index), with: cortex.emptyEngram())
                while !alone.advance() {}
                #expect(tokens == alone.result.tokens)
            }
        }
        #expect(try await roadblock)
        let load = thread.load
        #expect(load.rows > 100 && load.passes * 2 < load.rows, "\(load)")
    }

    @Test(
        "may end anywhere and share its passes: what work comes to is the same, byte for byte",
        arguments: 1...6)
    func cuts(seed: UInt64) async throws {
        // Several windows of the core's context.
        let text = cortex.tokenizer.encode(String(repeating: lesson + "\n", count: 4))
        let prompt = Array(text.prefix(40))
        #expect(text.count > 3 * cortex.inner.config.contextLength)
        let empty = cortex.emptyEngram()
        func learn(_ task: ObserveTask, _ engram: Engram) throws -> Engram {
            var learned = engram
            try learned.commit(task.result.proposal, within: cortex.zone)
            return learned
        }
        let alone = cortex.startObserving(text, from: empty)
        while !alone.advance() {}
        let expected = try learn(alone, empty)
        let scored = cortex.startScoring(text, with: expected)
        while !scored.advance() {}
        let judged = JudgedAnswer(prompt: prompt, answer: Array(text[40..<60]), drive: 1)
        let fed = cortex.startFeedback([judged], from: expected)
        while !fed.advance() {}
        let request = GenerationRequest(
            prompt: prompt, maxTokens: 12, sampling: SamplingOptions(), seed: 3, mode: .adapted)
        let generated = cortex.startGenerating(request, with: expected)
        while !generated.advance() {}

        let thread = thread(.jumping(seed: seed))
        defer { thread.stop() }
        async let engram = thread.run(for: alice) {
            cortex.startObserving(text, from: empty)
        } output: { task in
            var learned = empty
            try learned.commit(task.result.proposal, within: cortex.zone)
            return learned
        }
        async let perToken = thread.run(for: bob) {
            cortex.startScoring(text, with: expected)
        } output: {
            $0.result.perToken
        }
        async let sites = thread.run(for: work) {
            cortex.startFeedback([judged], from: expected)
        } output: {
            $0.result.proposal.sites
        }
        async let answer = thread.run(for: work) {
            cortex.startGenerating(request, with: expected)
        } output: {
            $0.result.tokens
        }
        #expect(
            try await engram.serialized(as: .workingState)
                == expected.serialized(as: .workingState))
        #expect(try await perToken == scored.result.perToken)
        #expect(try await sites == fed.result.proposal.sites)
        #expect(try await answer == generated.result.tokens)
    }
}
