import Engrams
import Foundation
import InnerCortex
import Kernels
import ModelFormats
import OuterCortex
import Synchronization

/// What computes: the one cortex on its thread, and queues for what is no model's. It knows of no
/// session and no store. What goes in decides what comes out, so that live learning, recovery and
/// forgetting, who all come here, get the same bytes.
final class Engine: Sendable {
    let cortex: Cortex
    let auditor: ProbeAuditor
    let configuration: SchedulerConfiguration
    let thread: CortexThread
    let model: ModelDescription
    let times = AnswerTimes()
    /// Seconds since 1970.
    let now: @Sendable () -> Double
    private let queues = FairQueues()
    private let counted = Mutex(Statistics())

    init(
        cortex: Cortex, configuration: SchedulerConfiguration, now: @escaping @Sendable () -> Double
    ) {
        self.cortex = cortex
        auditor = ProbeAuditor(cortex: cortex)
        self.configuration = configuration
        self.now = now
        thread = CortexThread(
            decodeBurstMaximum: configuration.decodeBurstMaximum,
            stackBytes: configuration.stackBytes,
            budget: SliceBudget(.milliseconds(configuration.sliceMilliseconds)),
            memory: CortexThread.MemoryBounds(
                byteLimit: configuration.contextBytesMaximum,
                sharesContexts: configuration.sharesContextsAmongUsers),
            makeReader: { CoreReader(cortex: cortex) })
        model = ModelDescription(
            name: cortex.modelName, created: Int(RecordClock.believable(now())),
            contextLength: cortex.inner.config.contextLength,
            vocabularySize: cortex.inner.config.vocabularySize, identity: cortex.identity,
            kernelClass: cortex.kernelClass, tools: Self.toolForm(of: cortex))
    }

    deinit { thread.stop() }

    /// Does what takes milliseconds away from the actor and from the cooperative threads.
    /// - Parameter lane: `.short` where what a client sends cannot make it long.
    func offload<Output: Sendable>(
        for user: UserID, _ lane: FairQueues.Lane = .long,
        _ body: @escaping @Sendable () throws -> Output
    ) async throws -> Output {
        try await queues.run(for: user, in: lane, body)
    }

    func count(_ change: (inout Statistics) -> Void) { counted.withLock { change(&$0) } }

    /// What was counted, and how the thread is doing.
    var statistics: Statistics {
        var statistics = counted.withLock { $0 }
        let load = thread.load
        statistics.busySeconds = load.busy / .seconds(1)
        (statistics.corePasses, statistics.coreRows) = (load.passes, load.rows)
        statistics.contexts = ContextStatistics(
            load, pages: cortex.inner.pageMemory, byteLimit: configuration.contextBytesMaximum)
        statistics.latency = times.snapshot
        statistics.latency.queue = load.latency.queue
        statistics.latency.batch = load.latency.batch
        return statistics
    }

    func text(of token: TokenID) -> String {
        String(decoding: cortex.tokenizer.bytes(of: token), as: UTF8.self)
    }

    func text(of tokens: ArraySlice<TokenID>) -> String {
        String(decoding: tokens.flatMap { cortex.tokenizer.bytes(of: $0) }, as: UTF8.self)
    }
}
