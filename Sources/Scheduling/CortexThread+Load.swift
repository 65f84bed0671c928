import OuterCortex

extension CortexThread {
    /// What the thread has done so far.
    struct Load: Sendable {
        var busy = Duration.zero
        /// Passes through the frozen core that were shared, or could have been, and their rows.
        var passes = 0
        var rows = 0
        /// Where queues and batches are counted; the rest is answers', and not the thread's.
        var latency = LatencyStatistics()
        /// Contexts that wait for their next turn, their bytes, and how often and for how many tokens
        /// one was gone on with.
        var contexts = 0
        var contextBytes = 0
        var contextHits = 0
        var tokensFound = 0
        /// Bytes that running work may come to need for its contexts, and how much work waits for
        /// some.
        var reservedBytes = 0
        var waitingForMemory = 0
    }

    /// What contexts may take.
    struct MemoryBounds: Sendable {
        var byteLimit = Int.max
        /// Whether a context that waits serves others than its user too.
        var sharesContexts = false
    }
}

extension CortexThread.Load {
    mutating func note(_ store: ContextStore, _ memory: ContextMemory) {
        (contexts, contextBytes) = (store.count, store.byteCount)
        (contextHits, tokensFound) = (store.hits, store.tokensFound)
        (reservedBytes, waitingForMemory) = (memory.reserved, memory.waitingCount)
    }
}
