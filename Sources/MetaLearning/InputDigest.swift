import Engrams

/// One hash over what a training reads, so that an interrupted one goes on with nothing else.
struct InputDigest: Sendable {
    /// The parts' hashes: each has the same length, so that no two lists of parts run together.
    private var hashes = ""

    mutating func add(_ bytes: [UInt8]) { hashes += ContentDigest.of(bytes) }

    mutating func add(_ text: String) { add(Array(text.utf8)) }

    /// Over all parts in the order they were added.
    var hash: String { ContentDigest.of(Array(hashes.utf8)) }
}
