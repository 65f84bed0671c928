import Kernels

/// Gauges and counters of the keys and values that the core keeps of tokens.
public struct ContextStatistics: Sendable {
    /// Pages of all contexts; those that several have count once.
    public var pages = 0
    public var pageBytes = 0
    public var byteLimit = 0
    /// Bytes that running work may come to need, and how many requests wait for some.
    public var reservedBytes = 0
    public var waiting = 0
    /// Contexts that wait for their conversation's next turn.
    public var idle = 0
    public var idleBytes = 0
    /// Prompts that went on with one, and their tokens that were not read again.
    public var hits = 0
    public var hitTokens = 0

    public init() {}

    init(_ load: CortexThread.Load, pages memory: PageMemory, byteLimit: Int) {
        (pages, pageBytes) = (memory.pageCount, memory.byteCount)
        self.byteLimit = byteLimit
        (reservedBytes, waiting) = (load.reservedBytes, load.waitingForMemory)
        (idle, idleBytes) = (load.contexts, load.contextBytes)
        (hits, hitTokens) = (load.contextHits, load.tokensFound)
    }
}
