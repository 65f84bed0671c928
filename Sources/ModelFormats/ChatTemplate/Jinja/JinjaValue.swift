/// A value of a template: what Python's objects are to Jinja, as far as templates can see.
///
/// Lists and dictionaries never change, as Jinja's immutable sandbox has it, and are plain values;
/// what does change (a namespace, an iterator) is an object.
enum JinjaValue {
    indirect case undefined(JinjaUndefined)
    case none
    case bool(Bool)
    case integer(Int)
    case float(Double)
    case string(JinjaText)
    case list(JinjaList)
    case tuple(JinjaList)
    case dictionary(JinjaDictionary)
    /// What `keys()`, `values()` and `items()` give.
    indirect case view(JinjaList, kind: String)
    case range(JinjaRange)
    case iterator(JinjaIterator)
    case namespace(JinjaNamespace)
    case loop(JinjaLoop)
    case cycler(JinjaCycler)
    case callable(JinjaCallable)

    static func list(_ items: [JinjaValue]) -> JinjaValue { .list(JinjaList(items)) }
    static func tuple(_ items: [JinjaValue]) -> JinjaValue { .tuple(JinjaList(items)) }
    static func string(_ text: String) -> JinjaValue { .string(JinjaText(text)) }
    static func undefined(hint: String) -> JinjaValue { .undefined(.hint(hint)) }

    /// How deep values lie in this one. What recurses over a value relies on its being bounded.
    var depth: Int {
        switch self {
        case .list(let list), .tuple(let list), .view(let list, _): list.depth
        case .dictionary(let dictionary): dictionary.depth
        case .iterator(let iterator): iterator.depth
        case .loop(let loop): loop.items.depth
        case .cycler(let cycler): cycler.items.depth
        case .callable(.method(let receiver, _)): receiver.depth + 1
        default: 0
        }
    }

    /// The name of the type, as Python's errors have it.
    var typeName: String {
        switch self {
        case .undefined: "Undefined"
        case .none: "NoneType"
        case .bool: "bool"
        case .integer: "int"
        case .float: "float"
        case .string: "str"
        case .list: "list"
        case .tuple: "tuple"
        case .dictionary: "dict"
        case .view(_, let kind): kind
        case .range: "range"
        case .iterator: "generator"
        case .namespace: "Namespace"
        case .loop: "LoopContext"
        case .cycler: "Cycler"
        case .callable: "function"
        }
    }

    /// Python's truth.
    var isTrue: Bool {
        switch self {
        case .undefined, .none: false
        case .bool(let value): value
        case .integer(let value): value != 0
        case .float(let value): value != 0
        case .string(let text): !text.isEmpty
        case .list(let list), .tuple(let list), .view(let list, _): !list.items.isEmpty
        case .dictionary(let dictionary): !dictionary.entries.isEmpty
        case .range(let range): range.count > 0
        case .iterator, .namespace, .loop, .cycler, .callable: true
        }
    }

    var isUndefined: Bool {
        if case .undefined = self { true } else { false }
    }

    var isNone: Bool {
        if case .none = self { true } else { false }
    }

    /// A number's value; true is 1, as in Python.
    var number: JinjaNumber? {
        switch self {
        case .bool(let value): .integer(value ? 1 : 0)
        case .integer(let value): .integer(value)
        case .float(let value): .float(value)
        default: nil
        }
    }

    /// An integer where Python takes one as an index; true is 1.
    var index: Int? {
        if case .integer(let value)? = number { value } else { nil }
    }
}

enum JinjaNumber {
    case integer(Int)
    case float(Double)

    var double: Double {
        switch self {
        case .integer(let value): Double(value)
        case .float(let value): value
        }
    }

    var value: JinjaValue {
        switch self {
        case .integer(let value): .integer(value)
        case .float(let value): .float(value)
        }
    }
}

/// Why something is undefined, told when it is used.
enum JinjaUndefined {
    case name(String)
    case attribute(JinjaText, type: String)
    case element(String, type: String)
    case hint(String)
    /// An attribute that the sandbox keeps from templates.
    case unsafe(JinjaText, type: String)

    var error: ChatTemplateError {
        switch self {
        case .name(let name): .init(.undefined, "\(Self.quoted(name)) is undefined")
        case .attribute(let name, let type):
            .init(.undefined, "\(Self.quoted(type)) has no attribute \(Self.quoted(name.string))")
        case .element(let element, let type):
            .init(.undefined, "\(type) has no element \(element)")
        case .hint(let hint): .init(.undefined, hint)
        case .unsafe(let name, let type):
            .init(
                .security,
                "access to attribute \(Self.quoted(name.string)) of '\(type)' object is unsafe.")
        }
    }

    /// In Python's quotes, fit for one line.
    static func quoted(_ text: String) -> String {
        "'" + ModelFormats.quoted(text).dropFirst().dropLast() + "'"
    }

    /// How Jinja's errors call an object.
    static func objectName(_ value: JinjaValue) -> String {
        value.isNone ? "None" : value.typeName + " object"
    }
}

struct JinjaRange: Equatable {
    let start: Int
    let count: Int
    let step: Int

    var indices: some Sequence<Int> { (0..<count).lazy.map { start + $0 * step } }
    var values: [JinjaValue] { indices.map { .integer($0) } }
}

/// What is gone through once: what `map`, `select`, `items` and their like give.
final class JinjaIterator {
    private var items: [JinjaValue]
    private var position = 0
    let depth: Int

    init(_ items: [JinjaValue]) {
        self.items = items
        depth = JinjaList(items).depth
    }

    /// All that is left; nothing is, afterwards.
    func drain() -> [JinjaValue] {
        defer { (items, position) = ([], 0) }
        return position == 0 ? items : Array(items[position...])
    }

    func next() -> JinjaValue? {
        guard position < items.count else { return nil }
        defer { position += 1 }
        return items[position]
    }
}

final class JinjaNamespace {
    var values = JinjaDictionary()
}

/// What `loop` is inside a `for`.
final class JinjaLoop {
    let items: JinjaList
    var index0 = 0
    var lastChanged: JinjaValue?

    init(_ items: JinjaList) {
        self.items = items
    }
}

/// `cycler` and `joiner`.
final class JinjaCycler {
    let items: JinjaList
    let isJoiner: Bool
    var position = 0

    init(_ items: JinjaList, isJoiner: Bool) {
        self.items = items
        self.isJoiner = isJoiner
    }
}

enum JinjaCallable {
    case function(String)
    indirect case method(receiver: JinjaValue, name: String)
    case macro(JinjaMacro)
}

/// A macro with the variables that it sees.
final class JinjaMacro {
    let definition: JinjaMacroDefinition
    let scope: JinjaScope

    init(_ definition: JinjaMacroDefinition, _ scope: JinjaScope) {
        self.definition = definition
        self.scope = scope
    }
}

/// The variables of a block, on top of those around it.
final class JinjaScope {
    var values: [String: JinjaValue] = [:]
    let parent: JinjaScope?

    init(parent: JinjaScope?) {
        self.parent = parent
    }
}
