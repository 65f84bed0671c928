/// A key of PEFT's `rank_pattern` or `alpha_pattern`: a regular expression for the end of a
/// module's path, from its beginning or from behind a dot: `(.*\.)?(KEY)$`.
///
/// Python's syntax without look-around, back-references and flags. Matching follows all
/// possibilities at once (Thompson 1968), so that no key makes it slow: O(path · size).
struct ModulePattern: Sendable {
    /// Its instructions: what matching may cost a byte of a path.
    var size: Int { program.count }

    private enum Instruction {
        case bytes(ByteClass, next: Int)
        case either(Int, Int)
        case start(next: Int)
        case end(next: Int)
        case match
    }

    /// Starts at its last instruction; the first is the match.
    private var program: [Instruction] = [.match]

    static let maximumBytes = 255
    private static let maximumSize = 2_048

    /// - Throws: what is wrong with it, for people.
    init(_ key: String) throws(PatternError) {
        guard (1...Self.maximumBytes).contains(key.utf8.count) else {
            throw PatternError(reason: "is not of 1 to \(Self.maximumBytes) bytes")
        }
        var parser = PatternParser(key)
        let expression = try parser.whole()
        guard let start = append(expression, before: 0) else {
            throw PatternError(reason: "is too large a regular expression")
        }
        // An empty expression has no instruction of its own.
        program.append(.either(start, start))
    }

    /// Whether this is the key of a module.
    func matches(_ path: String) -> Bool {
        let bytes = Array(path.utf8)
        var present: [Int] = []
        var isPresent = [Bool](repeating: false, count: program.count)
        for position in 0...bytes.count {
            if position == 0 || bytes[position - 1] == UInt8(ascii: ".") {
                enter(program.count - 1, position, bytes.count, &present, &isPresent)
            }
            guard position < bytes.count else { break }
            var next: [Int] = []
            var isNext = [Bool](repeating: false, count: program.count)
            for place in present {
                if case .bytes(let wanted, let following) = program[place],
                    wanted.contains(bytes[position])
                {
                    enter(following, position + 1, bytes.count, &next, &isNext)
                }
            }
            (present, isPresent) = (next, isNext)
        }
        return isPresent[0]
    }

    /// Adds an instruction and all that it leads to without a byte.
    private func enter(
        _ place: Int, _ position: Int, _ length: Int, _ places: inout [Int],
        _ isPresent: inout [Bool]
    ) {
        var waiting = [place]
        while let place = waiting.popLast() {
            guard !isPresent[place] else { continue }
            isPresent[place] = true
            switch program[place] {
            case .bytes: places.append(place)
            case .either(let first, let second): waiting += [first, second]
            case .start(let next): if position == 0 { waiting.append(next) }
            case .end(let next): if position == length { waiting.append(next) }
            case .match: break
            }
        }
    }

    /// Appends the instructions of an expression that `next` follows.
    /// - Returns: Where it begins; nil when the program gets too large.
    private mutating func append(_ expression: PatternExpression, before next: Int) -> Int? {
        switch expression {
        case .bytes(let bytes): return append(.bytes(bytes, next: next))
        case .start: return append(.start(next: next))
        case .end: return append(.end(next: next))
        case .sequence(let parts):
            var start = next
            for part in parts.reversed() {
                guard let before = append(part, before: start) else { return nil }
                start = before
            }
            return start
        case .choice(let parts):
            var start: Int?
            for part in parts.reversed() {
                guard let place = append(part, before: next) else { return nil }
                guard let other = start else {
                    start = place
                    continue
                }
                start = append(.either(place, other))
                if start == nil { return nil }
            }
            return start
        case .repeated(let part, let minimum, let maximum):
            return appendRepeated(part, minimum, maximum, before: next)
        }
    }

    private mutating func appendRepeated(
        _ part: PatternExpression, _ minimum: Int, _ maximum: Int?, before next: Int
    ) -> Int? {
        var start = next
        if let maximum {
            for _ in minimum..<max(minimum, maximum) {
                guard let once = append(part, before: start),
                    let place = append(.either(once, next))
                else { return nil }
                start = place
            }
        } else {
            // Loops to itself: the second way in is known only once the part is there.
            guard let loop = append(.either(next, next)),
                let once = append(part, before: loop)
            else { return nil }
            program[loop] = .either(once, next)
            start = loop
        }
        for _ in 0..<minimum {
            guard let place = append(part, before: start) else { return nil }
            // Nothing, however often: without this, nested ones would take for ever.
            guard place != start else { break }
            start = place
        }
        return start
    }

    private mutating func append(_ instruction: Instruction) -> Int? {
        guard program.count < Self.maximumSize else { return nil }
        program.append(instruction)
        return program.count - 1
    }
}

/// Why a key is no pattern that is read.
struct PatternError: Error {
    let reason: String
}

/// A set of bytes.
struct ByteClass: Sendable {
    private var low: (UInt64, UInt64) = (0, 0)
    private var high: (UInt64, UInt64) = (0, 0)

    init() {}

    init(_ bytes: some Sequence<UInt8>) {
        for byte in bytes { insert(byte) }
    }

    static let any = ByteClass(0...255).subtracting(UInt8(ascii: "\n"))
    static let digits = ByteClass(UInt8(ascii: "0")...UInt8(ascii: "9"))
    static let word = ByteClass(
        Array("_".utf8) + Array("0123456789".utf8) + Array(UInt8(ascii: "a")...UInt8(ascii: "z"))
            + Array(UInt8(ascii: "A")...UInt8(ascii: "Z")))
    static let spaces = ByteClass([9, 10, 11, 12, 13, 32])

    func contains(_ byte: UInt8) -> Bool {
        let bit = UInt64(1) << (UInt64(byte) & 63)
        switch byte >> 6 {
        case 0: return low.0 & bit != 0
        case 1: return low.1 & bit != 0
        case 2: return high.0 & bit != 0
        default: return high.1 & bit != 0
        }
    }

    mutating func insert(_ byte: UInt8) {
        let bit = UInt64(1) << (UInt64(byte) & 63)
        switch byte >> 6 {
        case 0: low.0 |= bit
        case 1: low.1 |= bit
        case 2: high.0 |= bit
        default: high.1 |= bit
        }
    }

    mutating func formUnion(_ other: ByteClass) {
        low = (low.0 | other.low.0, low.1 | other.low.1)
        high = (high.0 | other.high.0, high.1 | other.high.1)
    }

    var inverted: ByteClass { ByteClass((0...255).filter { !contains($0) }) }

    private func subtracting(_ byte: UInt8) -> ByteClass {
        ByteClass((0...255).filter { contains($0) && $0 != byte })
    }
}
