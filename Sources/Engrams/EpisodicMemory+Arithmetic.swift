// Episodes do not add: each is a position that was seen. A sum remembers those of both, a
// difference those that the other does not have.

extension EpisodicMemory {
    /// One stored position as a value to compare by.
    private struct Position: Hashable {
        var key: [Int8]
        var latents: [Int32]
        var token: Int32

        init(_ stored: Stored) {
            key = Array(stored.key)
            latents = stored.latents
            token = stored.token
        }
    }

    /// The episodes that `other` does not have, each in its cohort. One that both hold several times
    /// stays as often as it is here more often.
    /// - Complexity: O(episodes·key).
    func without(_ other: EpisodicMemory) -> EpisodicMemory {
        guard !isEmpty, !other.isEmpty else { return self }
        var surplus: [Position: Int] = [:]
        for position in other.stored.map(Position.init) { surplus[position, default: 0] += 1 }
        return filter { stored in
            let position = Position(stored)
            guard let count = surplus[position], count > 0 else { return true }
            surplus[position] = count - 1
            return false
        }
    }

    /// The episodes that `other` does not have at all, each in its cohort: of what was dropped no copy
    /// comes back that a merge has made.
    /// - Complexity: O(episodes·key).
    func without(everyCopyIn other: EpisodicMemory) -> EpisodicMemory {
        let dropped = Set(other.stored.map(Position.init))
        return dropped.isEmpty ? self : filter { !dropped.contains(Position($0)) }
    }

    /// Places in `stored` of the episodes for which `isWanted` holds.
    public func numbers(where isWanted: (Stored) -> Bool) -> [Int] {
        stored.enumerated().filter { isWanted($0.element) }.map(\.offset)
    }

    /// The episodes but those at these places in `stored`, each in its cohort.
    /// - Complexity: O(n log n + n·key).
    func without(numbers: Set<Int>) -> EpisodicMemory {
        guard !numbers.isEmpty else { return self }
        var next = 0
        return filter { _ in
            defer { next += 1 }
            return !numbers.contains(next)
        }
    }

    /// The newest episodes of several memories: as many of each, as far as they reach, and in turns,
    /// so that the next to go when the memory is full are the oldest of all.
    ///
    /// - Parameters:
    ///   - memories: with keys of one length; which is newer, when as old, the later one.
    ///   - capacity: how many may stay.
    /// - Complexity: O(n log n + episodes·key).
    static func joined(_ memories: [EpisodicMemory], capacity: Int) -> EpisodicMemory {
        let parts = memories.filter { !$0.isEmpty }
        guard let first = parts.first, capacity > 0 else { return EpisodicMemory() }
        if parts.count == 1, first.count <= capacity { return first }
        let lists = parts.map(\.stored)
        var newestFirst: [Stored] = []
        var age = 1
        while newestFirst.count < capacity, lists.contains(where: { $0.count >= age }) {
            for list in lists.reversed() where list.count >= age && newestFirst.count < capacity {
                newestFirst.append(list[list.count - age])
            }
            age += 1
        }
        let oldestFirst = newestFirst.reversed()
        return EpisodicMemory(
            keySize: first.keySize, keys: oldestFirst.flatMap(\.key),
            latents: oldestFirst.map(\.latents), tokens: oldestFirst.map(\.token),
            cohortCounts: evenCounts(of: oldestFirst.count, capacity: capacity),
            isKept: parts.contains(where: \.isKept))
    }
}
