import Dispatch
import Engrams
import Synchronization

/// Where work is done that is no model's (tokenizing, files, hashes), away from the actor and from
/// the cooperative threads, one piece after the other.
///
/// There are two lanes, so that what takes a millisecond never stands behind what takes a hundred.
/// In each, users take turns: nobody waits for more than one piece of work of every other user.
final class FairQueues: Sendable {
    enum Lane: Sendable {
        /// For work that ends within some milliseconds whatever a client sent.
        case short
        /// For everything that grows with a file, an engram or a long text.
        case long

        /// Where a text, or so many tokens, is worked through once.
        static func ofText(bytes: Int) -> Lane { bytes <= 16 << 10 ? .short : .long }
    }

    private let short = FairQueue(label: "hebb.queue.short")
    private let long = FairQueue(label: "hebb.queue.long")

    func run<Output: Sendable>(
        for user: UserID, in lane: Lane, _ body: @escaping @Sendable () throws -> Output
    ) async throws -> Output {
        try await withCheckedThrowingContinuation { continuation in
            let queue = lane == .short ? short : long
            queue.add(for: user) { continuation.resume(with: Result { try body() }) }
        }
    }
}

/// Does one piece of work after the other, each time that of the user whose turn it is.
private final class FairQueue: Sendable {
    private let turns = Mutex(Turns<UserID, @Sendable () -> Void>())
    private let queue: DispatchQueue

    init(label: String) { queue = DispatchQueue(label: label) }

    func add(for user: UserID, _ work: @escaping @Sendable () -> Void) {
        turns.withLock { $0.add(work, of: user) }
        // One call for each piece, though not each for its own.
        queue.async { [self] in turns.withLock { $0.next() }?() }
    }
}

/// Things that wait, each somebody's: parties take turns, and what is one party's goes in the order
/// it came. A pure value.
struct Turns<Party: Hashable & Sendable, Item: Sendable>: Sendable {
    private var order: [Party] = []
    private var items: [Party: [Item]] = [:]

    /// Puts it behind the party's others; a party that had none comes last.
    mutating func add(_ item: Item, of party: Party) {
        if items[party] == nil { order.append(party) }
        items[party, default: []].append(item)
    }

    /// Takes the next out; nil when there is none.
    /// - Complexity: O(parties + the party's items).
    mutating func next() -> Item? {
        guard !order.isEmpty else { return nil }
        let party = order.removeFirst()
        guard let item = items[party]?.removeFirst() else { return nil }
        if items[party]?.isEmpty == true { items[party] = nil } else { order.append(party) }
        return item
    }
}
