/// A set of bytes.
struct ByteSet: Sendable, Hashable {
    private var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

    init(_ ranges: ClosedRange<UInt8>...) {
        for range in ranges { for byte in range { insert(byte) } }
    }

    init(_ text: String) {
        for byte in text.utf8 { insert(byte) }
    }

    private mutating func insert(_ byte: UInt8) {
        let bit = UInt64(1) << UInt64(byte & 63)
        switch byte >> 6 {
        case 0: words.0 |= bit
        case 1: words.1 |= bit
        case 2: words.2 |= bit
        default: words.3 |= bit
        }
    }

    func contains(_ byte: UInt8) -> Bool {
        let word =
            switch byte >> 6 {
            case 0: words.0
            case 1: words.1
            case 2: words.2
            default: words.3
            }
        return word >> UInt64(byte & 63) & 1 == 1
    }

    func union(_ other: ByteSet) -> ByteSet {
        var both = self
        both.words.0 |= other.words.0
        both.words.1 |= other.words.1
        both.words.2 |= other.words.2
        both.words.3 |= other.words.3
        return both
    }

    static func == (a: ByteSet, b: ByteSet) -> Bool { a.words == b.words }

    func hash(into hasher: inout Hasher) {
        hasher.combine(words.0)
        hasher.combine(words.1)
        hasher.combine(words.2)
        hasher.combine(words.3)
    }
}

/// A context-free grammar over bytes: what an answer may be. Rules are in no rule's own first place,
/// so that finding what may come next always ends.
public struct ByteGrammar: Sendable, Equatable {
    enum Symbol: Sendable, Equatable {
        case bytes(ByteSet)
        case rule(Int)
    }

    /// By number: alternatives, each a sequence.
    private(set) var rules: [[[Symbol]]] = []
    var start = 0

    /// A rule that is given its alternatives later, so that rules can be in each other.
    mutating func reserve() -> Int {
        rules.append([])
        return rules.count - 1
    }

    mutating func set(_ rule: Int, _ alternatives: [[Symbol]]) { rules[rule] = alternatives }

    mutating func add(_ alternatives: [[Symbol]]) -> Int {
        rules.append(alternatives)
        return rules.count - 1
    }

    static func literal(_ text: String) -> [Symbol] { literal(Array(text.utf8)) }

    static func literal(_ bytes: [UInt8]) -> [Symbol] { bytes.map { .bytes(ByteSet($0...$0)) } }

    /// One of several texts; those with a common beginning share it.
    mutating func add(oneOf texts: [[UInt8]]) -> Int {
        let texts = Set(texts)
        var byFirst: [UInt8: [[UInt8]]] = [:]
        var alternatives: [[Symbol]] = texts.contains([]) ? [[]] : []
        for text in texts {
            if let first = text.first {
                byFirst[first, default: []].append(Array(text.dropFirst()))
            }
        }
        for (first, rests) in byFirst.sorted(by: { $0.key < $1.key }) {
            let head = Self.literal([first])
            alternatives.append(
                rests.count == 1 ? head + Self.literal(rests[0]) : head + [.rule(add(oneOf: rests))]
            )
        }
        return add(alternatives)
    }

    /// Adds all rules of another grammar.
    /// - Returns: Its start.
    mutating func add(_ other: ByteGrammar) -> Int {
        let offset = rules.count
        rules += other.rules.map { alternatives in
            alternatives.map { sequence in
                sequence.map { symbol in
                    if case .rule(let rule) = symbol { .rule(rule + offset) } else { symbol }
                }
            }
        }
        return other.start + offset
    }

    /// Takes away what never comes to an end, a thing that must hold another of its kind, say.
    /// - Returns: False where nothing is left.
    mutating func prune() -> Bool {
        var ends = [Bool](repeating: false, count: rules.count)
        func doesEnd(_ sequence: [Symbol]) -> Bool {
            sequence.allSatisfy { if case .rule(let rule) = $0 { ends[rule] } else { true } }
        }
        var isChanged = true
        while isChanged {
            isChanged = false
            // Most rules are made after those that they are in.
            for rule in rules.indices.reversed()
            where !ends[rule] && rules[rule].contains(where: doesEnd) {
                ends[rule] = true
                isChanged = true
            }
        }
        for rule in rules.indices { rules[rule] = rules[rule].filter(doesEnd) }
        return ends[start]
    }
}
