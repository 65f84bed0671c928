/// Runs a template once.
///
/// Everything that a template can make grow is charged before it is made: steps, code points of
/// text, depth of values and of calls.
final class JinjaInterpreter {
    let limits: ChatTemplateLimits
    let now: ChatMoment
    /// Variables of the template, under every scope.
    private let context: [String: JinjaValue]
    private(set) var stepsLeft: Int
    private var textLeft: Int
    private var depth = 0
    /// Output of what is being captured, the innermost last.
    private var outputs = [JinjaText()]
    /// What may refer to itself, emptied at the end: reference counts do not free circles.
    private var scopes: [JinjaScope] = []
    private var namespaces: [JinjaNamespace] = []
    private var loops: [JinjaLoop] = []

    init(variables: [String: JinjaValue], now: ChatMoment, limits: ChatTemplateLimits) {
        context = variables
        self.now = now
        self.limits = limits
        stepsLeft = limits.steps
        textLeft = limits.textScalars
    }

    func render(_ template: [JinjaStatement]) throws(ChatTemplateError) -> JinjaText {
        defer {
            for scope in scopes { scope.values = [:] }
            for namespace in namespaces { namespace.values = JinjaDictionary() }
            for loop in loops { loop.lastChanged = nil }
        }
        _ = try run(template, in: JinjaScope(parent: nil))
        return outputs[0]
    }

    // MARK: What is used up

    func charge(steps: Int) throws(ChatTemplateError) {
        guard steps <= stepsLeft else {
            throw ChatTemplateError(.limit, "over \(limits.steps) steps")
        }
        stepsLeft -= steps
    }

    func charge(text: Int) throws(ChatTemplateError) {
        guard text <= textLeft else {
            throw ChatTemplateError(.limit, "over \(limits.textScalars) characters of text")
        }
        textLeft -= text
    }

    /// Charges `count` pieces of `each` characters.
    func charge(text each: Int, times count: Int) throws(ChatTemplateError) {
        let (product, overflow) = each.multipliedReportingOverflow(by: count)
        try charge(text: overflow ? .max : max(0, product))
    }

    func deeper<Result>(
        _ body: () throws(ChatTemplateError) -> Result
    ) throws(ChatTemplateError) -> Result {
        depth += 1
        defer { depth -= 1 }
        guard depth <= limits.evaluationDepth else {
            throw ChatTemplateError(.limit, "calls deeper than \(limits.evaluationDepth)")
        }
        return try body()
    }

    /// - Returns: `value`, unless it is nested too deep for what recurses over values.
    func checked(_ value: JinjaValue) throws(ChatTemplateError) -> JinjaValue {
        guard value.depth <= limits.valueDepth else {
            throw ChatTemplateError(.limit, "a value nested deeper than \(limits.valueDepth)")
        }
        return value
    }

    // MARK: Output

    func write(_ text: JinjaText) throws(ChatTemplateError) {
        try charge(text: text.count)
        outputs[outputs.count - 1].append(text)
        // UTF-8 takes at least a byte a character; the exact count is checked at the end.
        guard outputs[outputs.count - 1].count <= limits.outputBytes else {
            throw ChatTemplateError(.limit, "over \(limits.outputBytes) bytes of output")
        }
    }

    /// What `body` writes.
    func capture(
        _ body: () throws(ChatTemplateError) -> Void
    ) throws(ChatTemplateError) -> JinjaText {
        outputs.append(JinjaText())
        do throws(ChatTemplateError) { try body() } catch {
            outputs.removeLast()
            throw error
        }
        return outputs.removeLast()
    }

    // MARK: Variables

    func value(
        of name: String, in scope: JinjaScope
    ) throws(ChatTemplateError) -> JinjaValue {
        var (next, hops): (JinjaScope?, Int) = (scope, 0)
        while let current = next {
            if let value = current.values[name] { return value }
            (next, hops) = (current.parent, hops + 1)
        }
        try charge(steps: hops / 8)
        return context[name] ?? .undefined(.name(name))
    }

    func makeNamespace() throws(ChatTemplateError) -> JinjaNamespace {
        try charge(steps: 10)
        let namespace = JinjaNamespace()
        namespaces.append(namespace)
        return namespace
    }

    func makeMacro(
        _ definition: JinjaMacroDefinition, in scope: JinjaScope
    ) -> JinjaMacro {
        scopes.append(scope)
        return JinjaMacro(definition, scope)
    }

    func remember(_ value: JinjaValue, asChangedOf loop: JinjaLoop) {
        if loop.lastChanged == nil { loops.append(loop) }
        loop.lastChanged = value
    }

    /// The items that a value gives when gone through.
    func items(of value: JinjaValue) throws(ChatTemplateError) -> [JinjaValue] {
        let items: [JinjaValue]
        switch value {
        case .undefined: items = []
        case .list(let list), .tuple(let list), .view(let list, _): items = list.items
        case .dictionary(let dictionary): items = dictionary.keys
        case .iterator(let iterator): items = iterator.drain()
        case .string(let text):
            try charge(steps: text.count)
            return (0..<text.count).map { .string(text[$0..<$0 + 1]) }
        case .range(let range):
            try charge(steps: range.count)
            return range.values
        default: throw ChatTemplateError(.type, "'\(value.typeName)' object is not iterable")
        }
        try charge(steps: items.count)
        return items
    }
}
