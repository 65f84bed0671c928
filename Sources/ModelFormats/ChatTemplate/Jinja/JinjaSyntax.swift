/// An expression of a template, parsed.
final class JinjaExpression: Sendable {
    enum Kind: Sendable {
        case none
        case bool(Bool)
        case integer(Int)
        case float(Double)
        case string(JinjaText)
        case name(String)
        case list([JinjaExpression])
        case tuple([JinjaExpression])
        case dictionary([(key: JinjaExpression, value: JinjaExpression)])
        /// Operators of one rank, from left to right.
        case arithmetic(JinjaExpression, [(symbol: String, operand: JinjaExpression)])
        case comparison(JinjaExpression, [(symbol: String, operand: JinjaExpression)])
        case concatenation([JinjaExpression])
        case and([JinjaExpression])
        case or([JinjaExpression])
        case not(JinjaExpression)
        case sign(negative: Bool, JinjaExpression)
        case condition(JinjaExpression, then: JinjaExpression, otherwise: JinjaExpression?)
        case attribute(JinjaExpression, String)
        case element(JinjaExpression, JinjaExpression)
        case slice(JinjaExpression?, JinjaExpression?, JinjaExpression?)
        case call(JinjaExpression, JinjaCallArguments)
        case filter(JinjaExpression, JinjaApplication)
        case test(JinjaExpression, JinjaApplication)
    }

    let kind: Kind
    let line: Int
    /// Of the tree: evaluating and freeing it takes that many calls in calls.
    let depth: Int

    init(_ kind: Kind, line: Int, depth: Int) {
        self.kind = kind
        self.line = line
        self.depth = depth
    }
}

struct JinjaCallArguments: Sendable {
    var positional: [JinjaExpression] = []
    var keywords: [(name: String, value: JinjaExpression)] = []
    var positionalRest: JinjaExpression?
    var keywordRest: JinjaExpression?

    var depth: Int {
        let rests = [positionalRest, keywordRest].compactMap(\.self)
        let all = positional + keywords.map(\.value) + rests
        return all.reduce(0) { max($0, $1.depth) }
    }
}

/// A filter or test by its name, with what stands in its brackets.
struct JinjaApplication: Sendable {
    let name: String
    let arguments: JinjaCallArguments
    let line: Int
}

/// What an assignment goes to.
indirect enum JinjaTarget: Sendable {
    case name(String)
    case attribute(namespace: String, String)
    case tuple([JinjaTarget])
}

struct JinjaMacroDefinition: Sendable {
    let name: String
    let parameters: [(name: String, fallback: JinjaExpression?)]
    let body: [JinjaStatement]
    /// Names that the body reads; with `varargs`, `kwargs` and `caller` it takes more arguments.
    let names: Set<String>
}

struct JinjaStatement: Sendable {
    indirect enum Kind: Sendable {
        case text(JinjaText)
        case output(JinjaExpression)
        case condition(
            [(test: JinjaExpression, body: [JinjaStatement])], otherwise: [JinjaStatement])
        case loop(JinjaForLoop)
        case assignment(JinjaTarget, JinjaExpression)
        case capture(JinjaTarget, filters: [JinjaApplication], [JinjaStatement])
        case macro(JinjaMacroDefinition)
        case call(JinjaExpression, caller: JinjaMacroDefinition)
        case filter([JinjaApplication], [JinjaStatement])
        /// `with`, and transformers' `generation`, which has no variables.
        case scope([(target: JinjaTarget, value: JinjaExpression)], [JinjaStatement])
        case leave
        case proceed
    }

    let kind: Kind
    let line: Int
}

struct JinjaForLoop: Sendable {
    let target: JinjaTarget
    let iterable: JinjaExpression
    let test: JinjaExpression?
    let body: [JinjaStatement]
    let otherwise: [JinjaStatement]
}
