import Dispatch
import EngramStorage
import Engrams
import Foundation
import InnerCortex
import OuterCortex
import Synchronization
import TinyCore

@testable import Scheduling

/// One cortex for all tests: it is immutable and holds no engram.
let cortex: Cortex = {
    // A random core finds every text surprising; its gate would let next to nothing be learned.
    var rule = PlasticityRule()
    rule.safeZone.learningGate = 1000
    do {
        return try Cortex(folder: TinyCore.make(), rule: rule)
    } catch {
        fatalError("the tiny core could not be loaded: \(error)")
    }
}()

let alice = SessionID("alice/default")!
let work = SessionID("alice/work")!
let bob = SessionID("bob/default")!

let lesson = """
    The heron stood in the reeds. The heron stood in the rain. The heron stood in the river, and \
    the river ran on. The heron stood in the reeds again, and the rain ran on.
    """

func makeScheduler(
    _ store: any EngramStore = InMemoryStore(),
    configure: (inout SchedulerConfiguration) -> Void = { _ in }
) -> Scheduler {
    var configuration = SchedulerConfiguration()
    configure(&configuration)
    return Scheduler(cortex: cortex, store: store, configuration: configuration)
}

func temporaryFolder() -> String { TemporaryPlace.path("scheduler") + "/data" }

extension Scheduler {
    @discardableResult
    func observe(_ id: SessionID, _ text: String, key: String? = nil, ifMatch: Revision? = nil)
        async throws -> ObserveResult
    {
        try await observe(
            id, ObserveRequest(content: .text(text), idempotencyKey: key, ifMatch: ifMatch))
    }

    func bits(_ id: SessionID, _ text: String = lesson) async throws -> BitsPerByte {
        try await score(id, ScoreRequest(text: text)).bitsPerByte
    }

    func resident(_ id: SessionID) async throws -> ResidentSession {
        try await host.resident(id)
    }

    /// The hash of all that acts on a session.
    func hash(_ id: SessionID) async throws -> String {
        try await exportDelta(id, scope: .total).hash
    }

    /// The working state with its traces, to the last bit.
    func workingState(_ id: SessionID) async throws -> [UInt8] {
        try await resident(id).engram.serialized(as: .workingState)
    }

    /// Has a session answer under an id.
    /// - Returns: The answers' texts by choice.
    @discardableResult
    func answer(
        _ session: SessionID, _ id: String, prompt: String = "The heron", maxTokens: Int = 12,
        mode: CompletionMode = .adapted, count: Int = 1, stop: [String] = []
    ) async throws -> [Int: String] {
        var request = completion(
            prompt, maxTokens: maxTokens, mode: mode, count: count, stop: stop)
        request.completion = AnswerID(completion: CompletionID(rawValue: id))
        return try await Collected(try await complete(session, request)).texts
    }

    /// Judges the first choices of a completion.
    @discardableResult
    func feedback(
        _ session: SessionID, _ id: String, _ rewards: [Double], key: String? = nil,
        ifMatch: Revision? = nil
    ) async throws -> FeedbackResult {
        try await feedback(
            session,
            FeedbackRequest(
                verdicts: rewards.enumerated().map { choice, reward in
                    let completion = CompletionID(rawValue: id)
                    return .init(
                        answer: AnswerID(completion: completion, choice: choice), reward: reward)
                }, idempotencyKey: key, ifMatch: ifMatch))
    }

    func makeWorkSession() async throws { try await makeSession(work) }

    func makeSession(_ id: SessionID) async throws {
        _ = try await createSession(CreateSession(user: id.user, name: id.name))
    }
}

func completion(
    _ prompt: String = "The heron", maxTokens: Int = 12, mode: CompletionMode = .adapted,
    learn: LearnMode? = nil, count: Int = 1, stop: [String] = [], topLogprobs: Int? = nil,
    temperature: Float = 1, ifMatch: Revision? = nil
) -> CompleteRequest {
    CompleteRequest(
        prompt: .text(prompt), maxTokens: maxTokens,
        sampling: SamplingOptions(temperature: temperature), seed: 7, stop: stop, mode: mode,
        learn: learn, topLogprobs: topLogprobs, count: count, ifMatch: ifMatch)
}

/// A whole answer, as a client collects it.
struct Collected {
    var texts: [Int: String] = [:]
    var reasons: [Int: FinishReason] = [:]
    var logprobs = 0
    var summary: CompletionSummary?
    var order: [String] = []
    /// What it was called, where it was given before.
    var repeats: CompletionID?

    init(_ stream: AsyncThrowingStream<CompletionEvent, any Error>) async throws {
        for try await event in stream {
            switch event {
            case .repeated(let first): repeats = first
            case .piece(let piece):
                texts[piece.choice, default: ""] += piece.text
                logprobs += piece.logprobs.count
                order.append("piece")
            case .choiceFinished(let choice, let reason):
                reasons[choice] = reason
                order.append("choice")
            case .finished(let summary):
                self.summary = summary
                order.append("finished")
            }
        }
    }
}

/// Work on the cortex thread that does a slice whenever it is told to, and holds up all others
/// until then.
final class Roadblock: Sendable {
    private let slices = DispatchSemaphore(value: 0)
    private let isOpen = Mutex(false)

    /// Takes the thread, on behalf of a session of its own.
    func set(up scheduler: Scheduler) async {
        let (began, signal) = AsyncStream<Void>.makeStream()
        Task { [self] in
            _ = try? await scheduler.engine.thread.run(for: SessionID("roadblock")!) {
                signal.yield()
                return CortexWork<Bool> { [self] in
                    if isOpen.withLock({ $0 }) { return .done(true) }
                    slices.wait()
                    return .more(.bulk)
                }
            }
        }
        for await _ in began { break }
    }

    /// Lets one slice pass.
    func step() { slices.signal() }

    /// Lets slices pass, one a millisecond, until it is cancelled.
    func keepStepping() -> Task<Void, Never> {
        Task {
            while !Task.isCancelled {
                step()
                try? await Task.sleep(for: .milliseconds(1))
            }
        }
    }

    func open() {
        isOpen.withLock { $0 = true }
        slices.signal()
    }
}

/// Counts from many tasks.
final class Tally: Sendable {
    private let state = Mutex(0)

    var count: Int { state.withLock { $0 } }

    func add() { state.withLock { $0 += 1 } }
}

/// Waits until something holds; gives up, and says no, after some seconds.
func eventually(_ condition: () async throws -> Bool) async rethrows -> Bool {
    for _ in 0..<6_000 {
        if try await condition() { return true }
        try? await Task.sleep(for: .milliseconds(10))
    }
    return false
}
