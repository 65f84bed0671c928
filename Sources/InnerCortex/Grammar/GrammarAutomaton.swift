/// Recognises the texts of a grammar byte by byte: a pushdown automaton that is made deterministic
/// as far as it is walked. Each state is a number, each step a look-up once it has been taken before.
///
/// A state is a set of stacks: what is still to come, one stack for each way to read the text so far.
/// The number of stacks, their depth and the states that are remembered are bounded, whatever the
/// grammar: ways beyond that are not followed, and what is let through is of the grammar all the same.
struct GrammarAutomaton {
    /// Places in `elements`, the next one last.
    private typealias Stack = [Int32]

    static let dead = 0
    private static let stacksMaximum = 128
    private static let depthMaximum = 96
    /// Beyond the first it should start over; beyond the second no new one is made.
    private static let statesMaximum = (4_096, 16_384)
    private static let expansionsMaximum = 16_384
    private static let unknown = Int32(-1)

    /// All sequences, one after the other: a set of bytes by its number, a rule as -2 - its number,
    /// and `end`.
    private let elements: [Int32]
    private static let end = Int32(-1)
    private let sets: [ByteSet]
    /// Where each rule's alternatives begin in `elements`.
    private let alternatives: [[Int32]]
    private let opening: [Stack]

    private var states: [[Stack]] = []
    private var numbers: [[Stack]: Int32] = [:]
    /// 256 a state; `unknown` where the step has not been taken.
    private var steps: [Int32] = []

    init(_ grammar: ByteGrammar) {
        var elements: [Int32] = []
        var sets: [ByteSet] = []
        var setNumbers: [ByteSet: Int32] = [:]
        alternatives = grammar.rules.map { rule in
            rule.map { sequence in
                let start = Int32(elements.count)
                for symbol in sequence {
                    switch symbol {
                    case .rule(let rule): elements.append(-2 - Int32(rule))
                    case .bytes(let set):
                        if let number = setNumbers[set] {
                            elements.append(number)
                        } else {
                            setNumbers[set] = Int32(sets.count)
                            elements.append(Int32(sets.count))
                            sets.append(set)
                        }
                    }
                }
                elements.append(Self.end)
                return start
            }
        }
        // The start rule by itself, as a sequence.
        let start = Int32(elements.count)
        elements += [-2 - Int32(grammar.start), Self.end]
        opening = [[start]]
        self.elements = elements
        self.sets = sets
        startOver()
    }

    /// Forgets the states that it knows.
    private mutating func startOver() {
        states = []
        numbers = [:]
        steps = []
        _ = number(of: [])
    }

    /// The state before the first byte.
    mutating func start() -> Int { number(of: expanded(opening)) }

    /// Whether the text may end here.
    func mayEnd(_ state: Int) -> Bool { states[state].contains { $0.isEmpty } }

    /// Whether anything may follow.
    func mayGoOn(_ state: Int) -> Bool { states[state].contains { !$0.isEmpty } }

    /// Whether it has so many states that it should be told to keep one alone.
    var isFull: Bool { states.count >= Self.statesMaximum.0 }

    /// Forgets all states but one.
    /// - Returns: Its new number.
    mutating func keepOnly(_ state: Int) -> Int {
        let stacks = states[state]
        startOver()
        return number(of: stacks)
    }

    /// The state after a byte; `dead` where the grammar has no such text.
    mutating func step(_ state: Int, _ byte: UInt8) -> Int {
        let place = state << 8 | Int(byte)
        if steps[place] != Self.unknown { return Int(steps[place]) }
        var advanced: [Stack] = []
        for stack in states[state] {
            guard let top = stack.last, sets[Int(elements[Int(top)])].contains(byte) else {
                continue
            }
            var next = stack
            next.removeLast()
            if elements[Int(top) + 1] != Self.end { next.append(top + 1) }
            advanced.append(next)
        }
        let number = number(of: expanded(advanced))
        steps[place] = Int32(number)
        return number
    }

    private mutating func number(of stacks: [Stack]) -> Int {
        if let number = numbers[stacks] { return Int(number) }
        guard states.count < Self.statesMaximum.1 else { return Self.dead }
        let number = states.count
        states.append(stacks)
        numbers[stacks] = Int32(number)
        steps.append(contentsOf: repeatElement(Self.unknown, count: 256))
        return number
    }

    /// The stacks with rules on their tops replaced by what these may begin with, in a fixed order and
    /// each once.
    private func expanded(_ stacks: [Stack]) -> [Stack] {
        var found: [Stack] = []
        var seen: Set<Stack> = []
        var open: [Stack] = stacks.reversed()
        var work = 0
        while let stack = open.popLast(), found.count < Self.stacksMaximum,
            work < Self.expansionsMaximum
        {
            work += 1
            guard stack.count <= Self.depthMaximum, seen.insert(stack).inserted else { continue }
            guard let top = stack.last, elements[Int(top)] < Self.end else {
                found.append(stack)
                continue
            }
            var rest = stack
            rest.removeLast()
            if elements[Int(top) + 1] != Self.end { rest.append(top + 1) }
            for start in alternatives[Int(-2 - elements[Int(top)])].reversed() {
                open.append(elements[Int(start)] == Self.end ? rest : rest + [start])
            }
        }
        return found.sorted { $0.lexicographicallyPrecedes($1) }
    }
}
