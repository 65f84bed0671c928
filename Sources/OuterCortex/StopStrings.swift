/// The texts that end an answer, prepared once for all answers of a request.
///
/// A stop string is a sequence of code points and is found wherever it stands in the answer, also
/// between a letter and its combining mark: UTF-8 makes that a search for bytes. (Swift's own search
/// compares what a reader takes for one character, and would not find "e" in "e\u{301}".) It does
/// not matter how the text was cut into tokens.
public struct StopStrings: Sendable {
    fileprivate struct Pattern: Sendable {
        let bytes: [UInt8]
        /// For each number of bytes that matched, less one: how many of the first bytes still match
        /// when the next one does not.
        let fallbacks: [Int32]
    }

    fileprivate let patterns: [Pattern]

    /// - Parameter texts: empty ones end nothing.
    /// - Complexity: O(bytes).
    public init(_ texts: [String] = []) {
        patterns = texts.filter { !$0.isEmpty }.map { Pattern(Array($0.utf8)) }
    }
}

extension StopStrings.Pattern {
    /// The table of Knuth, Morris and Pratt.
    fileprivate init(_ bytes: [UInt8]) {
        var fallbacks = [Int32](repeating: 0, count: bytes.count)
        var matched = 0
        for index in bytes.indices.dropFirst() {
            while matched > 0, bytes[matched] != bytes[index] {
                matched = Int(fallbacks[matched - 1])
            }
            if bytes[matched] == bytes[index] { matched += 1 }
            fallbacks[index] = Int32(matched)
        }
        self.init(bytes: bytes, fallbacks: fallbacks)
    }

    /// How many of its first bytes the text ends with once `byte` is added.
    /// - Parameter matched: how many it ended with before; not all of them.
    fileprivate func matched(_ matched: Int, then byte: UInt8) -> Int {
        var matched = matched
        while bytes[matched] != byte {
            guard matched > 0 else { return 0 }
            matched = Int(fallbacks[matched - 1])
        }
        return matched + 1
    }
}

/// Lets text through until a stop string is complete, and holds back what may be the start of one.
/// Of those that end at one place, the longest counts.
struct StopScanner {
    private let patterns: [StopStrings.Pattern]
    /// How many bytes of each stop string the text ends with.
    private var matched: [Int]
    private var held: [UInt8] = []
    private(set) var emitted = ""
    private(set) var isStopped = false

    /// - Parameter room: bytes that the text will likely have.
    init(stop: StopStrings, room: Int = 0) {
        patterns = stop.patterns
        held.reserveCapacity(64)
        emitted.reserveCapacity(room)
        matched = [Int](repeating: 0, count: patterns.count)
    }

    /// - Returns: What may be shown.
    /// - Complexity: O(bytes of the piece) for each stop string, amortised over the pieces.
    mutating func append(_ piece: String) -> String {
        guard !isStopped else { return "" }
        for byte in piece.utf8 {
            held.append(byte)
            if let length = lengthOfStop(endingWith: byte) {
                isStopped = true
                return release(held.count - length)
            }
        }
        return release(held.count - (matched.max() ?? 0))
    }

    /// The end of the answer: what was held back was no stop string after all.
    mutating func finish() -> String { isStopped ? "" : release(held.count) }

    private mutating func lengthOfStop(endingWith byte: UInt8) -> Int? {
        var longest: Int?
        for (index, pattern) in patterns.enumerated() {
            matched[index] = pattern.matched(matched[index], then: byte)
            if matched[index] == pattern.bytes.count {
                longest = max(longest ?? 0, pattern.bytes.count)
            }
        }
        return longest
    }

    /// A stop string begins with a whole character, so the text before one is whole too.
    private mutating func release(_ count: Int) -> String {
        let text = String(decoding: held[..<count], as: UTF8.self)
        held.removeFirst(count)
        emitted += text
        return text
    }
}
