public import ModelFormats

/// Grammars of JSON texts: any object, or those that a schema describes.
///
/// White space is bounded wherever JSON has it, and so are numbers: an answer must not be able to go
/// on for ever without saying anything.
public enum JSONGrammar {
    /// Any object.
    public static let object: ByteGrammar = {
        var builder = JSONGrammarBuilder()
        builder.grammar.start = builder.anyObject
        return builder.grammar
    }()

    /// The texts that fit a JSON Schema. Objects have the members that it names, in its order, and no
    /// others; where it names none, any.
    ///
    /// - Throws: `JSONSchemaError` for what is not supported, each keyword by its name, and for a
    ///   schema that no finite text fits.
    public static func schema(_ schema: ChatValue) throws(JSONSchemaError) -> ByteGrammar {
        var compiler = JSONSchemaCompiler(root: schema)
        return try compiler.compile()
    }
}

extension JSONGrammar {
    /// One call of one of these functions, as an object with a name and arguments.
    /// - Parameters:
    ///   - functions: names, and the grammars of their arguments.
    ///   - open, close: what stands around the object.
    public static func call(
        of functions: [(name: String, arguments: ByteGrammar)], open: String, close: String
    ) -> ByteGrammar {
        var grammar = ByteGrammar()
        var alternatives: [[ByteGrammar.Symbol]] = []
        for (name, arguments) in functions {
            let head = open + #"{"name": "\#(name)", "arguments": "#
            let rule = grammar.add(arguments)
            alternatives.append(
                ByteGrammar.literal(head) + [.rule(rule)] + ByteGrammar.literal("}" + close))
        }
        grammar.start = grammar.add(alternatives)
        return grammar
    }
}

/// Why a JSON Schema cannot be answered by.
public struct JSONSchemaError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Where in the schema, `#/properties/name`.
    public let path: String
    /// A clause.
    public let problem: String

    public var description: String { "\(path): \(problem)" }
}

/// The pieces that JSON is made of, as rules.
struct JSONGrammarBuilder {
    typealias Symbol = ByteGrammar.Symbol

    var grammar = ByteGrammar()
    let space: Int
    let string: Int
    let number: Int
    let integer: Int
    let any: Int
    let anyObject: Int
    let anyArray: Int

    /// How many spaces may indent a line.
    private static let indentMaximum = 16
    private static let digitsMaximum = 17

    init() {
        var grammar = ByteGrammar()
        func bytes(_ ranges: ClosedRange<UInt8>...) -> Symbol {
            .bytes(ranges.dropFirst().reduce(ByteSet(ranges[0])) { $0.union(ByteSet($1)) })
        }
        func one(_ text: String) -> Symbol { .bytes(ByteSet(text)) }
        /// Up to `count` of a symbol.
        func upTo(_ count: Int, _ symbol: Symbol) -> Int {
            (0..<count).reduce(grammar.add([[]])) { rest, _ in
                grammar.add([[], [symbol, .rule(rest)]])
            }
        }
        space = grammar.add([
            [], [one(" ")], [one("\n"), .rule(upTo(Self.indentMaximum, one(" \t")))],
        ])

        let hex = bytes(0x30...0x39, 0x41...0x46, 0x61...0x66)
        let tail = bytes(0x80...0xbf)
        let characters = grammar.reserve()
        let rest = Symbol.rule(characters)
        grammar.set(
            characters,
            [
                [one("\"")],
                [bytes(0x20...0x21, 0x23...0x5b, 0x5d...0x7e), rest],
                [one("\\"), one("\"\\/bfnrt"), rest],
                // No halves of pairs: what they are together, UTF-8 says.
                [
                    one("\\"), one("u"),
                    bytes(
                        0x30...0x39, 0x41...0x43, 0x45...0x46, 0x61...0x63,
                        0x65...0x66), hex, hex, hex, rest,
                ],
                [one("\\"), one("u"), one("dD"), bytes(0x30...0x37), hex, hex, rest],
                [bytes(0xc2...0xdf), tail, rest],
                [bytes(0xe0...0xe0), bytes(0xa0...0xbf), tail, rest],
                [bytes(0xe1...0xec, 0xee...0xef), tail, tail, rest],
                [bytes(0xed...0xed), bytes(0x80...0x9f), tail, rest],
                [bytes(0xf0...0xf0), bytes(0x90...0xbf), tail, tail, rest],
                [bytes(0xf1...0xf3), tail, tail, tail, rest],
                [bytes(0xf4...0xf4), bytes(0x80...0x8f), tail, tail, rest],
            ])
        string = grammar.add([[one("\""), rest]])

        let digit = bytes(0x30...0x39)
        let digits = Symbol.rule(upTo(Self.digitsMaximum, digit))
        let whole = grammar.add([[one("0")], [bytes(0x31...0x39), digits]])
        integer = grammar.add([[.rule(whole)], [one("-"), .rule(whole)]])
        let fraction = grammar.add([[], [one("."), digit, digits]])
        let exponent = grammar.add([
            [], [one("eE"), .rule(grammar.add([[], [one("+-")]])), digit, .rule(upTo(2, digit))],
        ])
        number = grammar.add([[.rule(integer), .rule(fraction), .rule(exponent)]])

        any = grammar.reserve()
        anyObject = grammar.reserve()
        anyArray = grammar.reserve()
        grammar.set(
            any,
            [
                [.rule(anyObject)], [.rule(anyArray)], [.rule(string)], [.rule(number)],
                ByteGrammar.literal("true"), ByteGrammar.literal("false"),
                ByteGrammar.literal("null"),
            ])
        self.grammar = grammar
        setMap(anyObject, value: any)
        setArray(anyArray, of: any, counts: 0...Int.max)
    }

    /// An object with any names.
    mutating func setMap(_ rule: Int, value: Int) {
        let members = grammar.reserve()
        let (space, colon) = (Symbol.rule(space), ByteGrammar.literal(":"))
        let member: [Symbol] = [.rule(string)] + colon + [space, .rule(value), space]
        let rest = grammar.add([
            ByteGrammar.literal("}"), ByteGrammar.literal(",") + [space, .rule(members)],
        ])
        grammar.set(members, [member + [.rule(rest)]])
        grammar.set(
            rule,
            [
                ByteGrammar.literal("{") + [space] + ByteGrammar.literal("}"),
                ByteGrammar.literal("{") + [space, .rule(members)],
            ])
    }

    /// - Parameter counts: how many items; `Int.max`: any number.
    mutating func setArray(_ rule: Int, of item: Int, counts: ClosedRange<Int>) {
        let space = Symbol.rule(space)
        let (open, close) = (ByteGrammar.literal("["), ByteGrammar.literal("]"))
        let next = ByteGrammar.literal(",") + [space, .rule(item), space]
        /// What may follow the item of a number, from the last one down.
        var rest: Int
        if counts.upperBound == .max {
            rest = grammar.reserve()
            grammar.set(rest, [close, next + [.rule(rest)]])
            for _ in stride(from: counts.lowerBound, to: 1, by: -1) {
                rest = grammar.add([next + [.rule(rest)]])
            }
        } else {
            rest = grammar.add([close])
            for count in stride(from: counts.upperBound - 1, to: 0, by: -1) {
                let more = next + [.rule(rest)]
                rest = grammar.add(count >= counts.lowerBound ? [close, more] : [more])
            }
        }
        var alternatives: [[Symbol]] = counts.lowerBound == 0 ? [open + [space] + close] : []
        if counts.upperBound > 0 {
            alternatives.append(open + [space, .rule(item), space, .rule(rest)])
        }
        grammar.set(rule, alternatives)
    }

    /// An object's member: what its name is in JSON, what its value may be, and whether it must be there.
    struct Member {
        var name: [UInt8]
        var value: Int
        var isRequired: Bool
    }

    /// An object with these members, in this order.
    mutating func setObject(_ rule: Int, _ members: [Member]) {
        let space = Symbol.rule(space)
        // What may follow where no member, and where some, have come before.
        var (first, later) = (
            grammar.add([ByteGrammar.literal("}")]), grammar.add([ByteGrammar.literal("}")])
        )
        for member in members.reversed() {
            let own: [Symbol] =
                ByteGrammar.literal(member.name) + ByteGrammar.literal(":")
                + [space, .rule(member.value), space, .rule(later)]
            let further = ByteGrammar.literal(",") + [space] + own
            first = grammar.add(member.isRequired ? [own] : [own, [.rule(first)]])
            later = grammar.add(member.isRequired ? [further] : [further, [.rule(later)]])
        }
        grammar.set(rule, [ByteGrammar.literal("{") + [space, .rule(first)]])
    }
}
