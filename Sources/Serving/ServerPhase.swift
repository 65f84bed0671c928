import Synchronization

/// Whether a server takes requests, or only ends those that it has.
final class ServerPhase: Sendable {
    private let draining = Atomic(false)

    var isDraining: Bool { draining.load(ordering: .acquiring) }

    /// From now on, and for good.
    func drain() { draining.store(true, ordering: .releasing) }
}
