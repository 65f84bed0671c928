/// The items of a list or tuple.
struct JinjaList {
    let items: [JinjaValue]
    let depth: Int

    init(_ items: [JinjaValue]) {
        self.items = items
        depth = 1 + items.reduce(0) { max($0, $1.depth) }
    }
}

/// A dictionary in the order in which its keys came.
struct JinjaDictionary {
    private(set) var entries: [(key: JinjaValue, value: JinjaValue)] = []
    private var positions: [JinjaKey: Int] = [:]
    private(set) var depth = 1

    subscript(key: JinjaKey) -> JinjaValue? { positions[key].map { entries[$0].value } }

    subscript(name: String) -> JinjaValue? { self[.string(JinjaText(name))] }

    /// A key that is there keeps its place and its first form, as in Python.
    mutating func set(_ key: JinjaKey, _ keyValue: JinjaValue, _ value: JinjaValue) {
        depth = max(depth, 1 + value.depth, 1 + keyValue.depth)
        if let position = positions[key] {
            entries[position].value = value
        } else {
            positions[key] = entries.count
            entries.append((keyValue, value))
        }
    }

    mutating func set(_ name: JinjaText, _ value: JinjaValue) {
        set(.string(name), .string(name), value)
    }

    var keys: [JinjaValue] { entries.map(\.key) }
    var pairs: [JinjaValue] { entries.map { .tuple([$0.key, $0.value]) } }
}

/// What a value is as a key: 1, 1.0 and true are one.
enum JinjaKey: Hashable {
    case none
    case integer(Int)
    case float(Double)
    case string(JinjaText)
    case tuple([JinjaKey])

    /// Nil for what Python cannot hash, and for tuples in tuples, which templates have no use for.
    init?(_ value: JinjaValue, insideTuple: Bool = false) {
        switch value {
        case .none: self = .none
        case .string(let text): self = .string(text)
        case .bool, .integer, .float:
            switch value.number {
            case .integer(let number)?: self = .integer(number)
            case .float(let number)?:
                self = Int(exactly: number).map(Self.integer) ?? .float(number)
            case nil: return nil
            }
        case .tuple(let list) where !insideTuple:
            var keys: [JinjaKey] = []
            for item in list.items {
                guard let key = JinjaKey(item, insideTuple: true) else { return nil }
                keys.append(key)
            }
            self = .tuple(keys)
        default: return nil
        }
    }
}
