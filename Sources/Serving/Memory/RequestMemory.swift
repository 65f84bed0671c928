import Glibc
import Synchronization

/// The memory of all requests under way, bounded: their bodies, what parsing makes of these, and
/// their answers, from the first byte that comes to the last one that goes.
///
/// Every request has a small allowance that it need not ask for, so that small requests are served
/// while others fill the budget. Beyond it a request claims, before it allocates; what cannot be
/// claimed is refused with 503. A claim is also refused where the system has not so much memory to
/// give and some to spare, as under `ulimit -v`: Swift ends the process when an allocation fails,
/// so none of a client's size may be tried that could.
final class RequestMemory: Sendable {
    /// What each request may take unasked, bytes. Times the connections it is a part of the bound.
    static let allowanceBytes = 64 << 10
    /// What must be left to the rest of the process when a claim grows, bytes.
    private static let headroomBytes = 48 << 20

    private let budget: Mutex<ByteBudget>
    let capacity: Int

    init(capacity: Int) {
        self.capacity = capacity
        budget = Mutex(ByteBudget(capacity: capacity))
    }

    /// Claimed at this moment, bytes.
    var claimedBytes: Int { budget.withLock { $0.used } }

    /// What one request takes. It gives it back when nobody holds it any more.
    final class Claim: Sendable {
        /// What memory is taken for.
        enum Part: Int, CaseIterable { case body, document, answer }

        private let memory: RequestMemory
        private let parts = Mutex([Int](repeating: 0, count: Part.allCases.count))

        init(on memory: RequestMemory) { self.memory = memory }

        deinit {
            let parts = parts.withLock { $0 }
            _ = memory.replace(Self.beyondAllowance(parts), by: 0)
        }

        /// Changes how much is taken for one purpose.
        ///
        /// - Parameter bytes: at least 0.
        /// - Throws: `.memoryBusy` while others have it, `.bodyTooCostly` when it is more than there
        ///   is for all; the claim is then as it was.
        func set(_ part: Part, to bytes: Int) throws(RequestError) {
            let outcome: RequestError? = parts.withLock { parts in
                var changed = parts
                changed[part.rawValue] = bytes
                let needed = Self.beyondAllowance(changed)
                guard needed <= memory.capacity else {
                    return .bodyTooCostly(bytes: bytes, limit: memory.capacity)
                }
                guard memory.replace(Self.beyondAllowance(parts), by: needed) else {
                    return .memoryBusy
                }
                parts = changed
                return nil
            }
            if let outcome { throw outcome }
        }

        /// Refuses early what would be refused later anyway.
        ///
        /// - Parameter bytes: how long a body is going to be.
        func expect(_ bytes: Int) throws(RequestError) {
            guard bytes > RequestMemory.allowanceBytes else { return }
            guard bytes <= memory.capacity - memory.claimedBytes else { throw .memoryBusy }
        }

        private static func beyondAllowance(_ parts: [Int]) -> Int {
            let total = parts.reduce(0) { sum, part in
                let (sum, overflow) = sum.addingReportingOverflow(part)
                return overflow ? .max : sum
            }
            return max(0, total - RequestMemory.allowanceBytes)
        }
    }

    private func replace(_ old: Int, by new: Int) -> Bool {
        guard budget.withLock({ $0.replace(old, by: new) }) else { return false }
        guard new > old, !Self.isThere(new - old) else { return true }
        // Giving back always succeeds.
        _ = budget.withLock { $0.replace(new, by: old) }
        return false
    }

    /// Whether the system would give so much and some to spare: asks for it, and gives it back
    /// untouched, which costs two calls and no memory.
    private static func isThere(_ bytes: Int) -> Bool {
        let size = bytes + headroomBytes
        let place = mmap(
            nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let place, place != MAP_FAILED else { return false }
        munmap(place, size)
        return true
    }
}
