/// Attributes, elements and slices.
extension JinjaInterpreter {
    /// `object.name`: an attribute of the object's type first, then an element.
    func attribute(
        _ name: JinjaText, of object: JinjaValue
    ) throws(ChatTemplateError) -> JinjaValue {
        try ownAttribute(name, of: object) ?? storedElement(name, of: object)
            ?? .undefined(.attribute(name, type: JinjaUndefined.objectName(object)))
    }

    /// `object[key]`: an element first, then an attribute.
    func element(
        _ key: JinjaValue, of object: JinjaValue
    ) throws(ChatTemplateError) -> JinjaValue {
        if case .undefined(let undefined) = object { throw undefined.error }
        if case .string(let name) = key {
            try charge(text: name.count / 16)
            return try storedElement(name, of: object) ?? ownAttribute(name, of: object)
                ?? .undefined(.attribute(name, type: JinjaUndefined.objectName(object)))
        }
        if case .dictionary(let dictionary) = object {
            if let key = JinjaKey(key), let value = dictionary[key] { return value }
        } else if let index = key.index, let value = item(at: index, of: object) {
            return value
        }
        return .undefined(
            .element(try brief(key), type: JinjaUndefined.objectName(object)))
    }

    private func brief(_ key: JinjaValue) throws(ChatTemplateError) -> String {
        switch key {
        case .integer(let value): String(value)
        case .bool, .none, .float: try text(of: key).string
        default: "of type '\(key.typeName)'"
        }
    }

    private func storedElement(_ name: JinjaText, of object: JinjaValue) -> JinjaValue? {
        if case .dictionary(let dictionary) = object { return dictionary[.string(name)] }
        return nil
    }

    private func ownAttribute(
        _ name: JinjaText, of object: JinjaValue
    ) throws(ChatTemplateError) -> JinjaValue? {
        if case .undefined(let undefined) = object { throw undefined.error }
        if name.hasPrefix(JinjaText("__")), name.hasSuffix(JinjaText("__")) {
            return .undefined(.unsafe(name, type: object.typeName))
        }
        switch object {
        case .namespace(let namespace): return namespace.values[.string(name)]
        case .loop(let loop): return try self.attribute(name.string, of: loop)
        default: break
        }
        guard name.count <= 32 else { return nil }
        let method = name.string
        if JinjaMethods.names(of: object).contains(method) {
            return .callable(.method(receiver: object, name: method))
        }
        if JinjaMethods.mutating(object).contains(method) {
            return .undefined(.unsafe(name, type: object.typeName))
        }
        return nil
    }

    private func attribute(
        _ name: String, of loop: JinjaLoop
    ) throws(ChatTemplateError) -> JinjaValue? {
        let (index, count) = (loop.index0, loop.items.items.count)
        switch name {
        case "index": return .integer(index + 1)
        case "index0": return .integer(index)
        case "revindex": return .integer(count - index)
        case "revindex0": return .integer(count - index - 1)
        case "first": return .bool(index == 0)
        case "last": return .bool(index == count - 1)
        case "length": return .integer(count)
        case "depth": return .integer(1)
        case "depth0": return .integer(0)
        case "previtem":
            return index > 0
                ? loop.items.items[index - 1] : .undefined(hint: "there is no previous item")
        case "nextitem":
            return index + 1 < count
                ? loop.items.items[index + 1] : .undefined(hint: "there is no next item")
        case "cycle", "changed": return .callable(.method(receiver: .loop(loop), name: name))
        default: return nil
        }
    }

    /// The item of a sequence; a negative index counts from its end. Nil where there is none.
    func item(at index: Int, of sequence: JinjaValue) -> JinjaValue? {
        guard let count = length(of: sequence), index >= -count, index < count else { return nil }
        let place = index < 0 ? index + count : index
        switch sequence {
        case .list(let list), .tuple(let list): return list.items[place]
        case .string(let text): return .string(text[place..<place + 1])
        case .range(let range): return .integer(range.start + place * range.step)
        default: return nil
        }
    }

    /// Python's `len`; nil for what has none.
    func length(of value: JinjaValue) -> Int? {
        switch value {
        case .undefined: 0
        case .string(let text): text.count
        case .list(let list), .tuple(let list), .view(let list, _): list.items.count
        case .dictionary(let dictionary): dictionary.entries.count
        case .range(let range): range.count
        case .loop(let loop): loop.items.items.count
        default: nil
        }
    }

    // MARK: Slices

    func slice(
        _ value: JinjaValue, from start: JinjaValue?, to stop: JinjaValue?, by step: JinjaValue?
    ) throws(ChatTemplateError) -> JinjaValue {
        if case .undefined(let undefined) = value { throw undefined.error }
        let bounds = try (
            integer(start, "a slice's start"), integer(stop, "a slice's end"),
            integer(step, "a slice's step") ?? 1
        )
        guard bounds.2 != 0 else { throw ChatTemplateError(.type, "slice step cannot be zero") }
        switch value {
        case .string(let text):
            let places = Self.places(bounds, count: text.count)
            try charge(text: places.count)
            if places.step == 1 {
                return .string(text[places.start..<places.start + places.count])
            }
            return .string(text.picking(places.indices))
        case .list(let list), .tuple(let list):
            let places = Self.places(bounds, count: list.items.count)
            try charge(steps: places.count / 4)
            let items = places.indices.map { list.items[$0] }
            if case .list = value { return .list(items) }
            return .tuple(items)
        case .range(let range):
            let places = Self.places(bounds, count: range.count)
            try charge(steps: places.count)
            return .list(places.indices.map { .integer(range.start + $0 * range.step) })
        default:
            return .undefined(
                .element("of type 'slice'", type: JinjaUndefined.objectName(value)))
        }
    }

    /// Which items a slice of a sequence of `count` takes; all are within `0..<count`.
    private static func places(
        _ bounds: (start: Int?, stop: Int?, step: Int), count: Int
    ) -> JinjaRange {
        let isForward = bounds.step > 0
        let (lowest, highest) = isForward ? (0, count) : (-1, count - 1)
        func place(_ bound: Int?, _ fallback: Int) -> Int {
            guard let bound else { return fallback }
            return min(max(bound < 0 ? bound + count : bound, lowest), highest)
        }
        let start = place(bounds.start, isForward ? lowest : highest)
        let stop = place(bounds.stop, isForward ? highest : lowest)
        let distance = isForward ? stop - start : start - stop
        guard distance > 0 else { return JinjaRange(start: 0, count: 0, step: 1) }
        // A step beyond the sequence's length takes the first item, like any other.
        let step = isForward ? min(bounds.step, count + 1) : max(bounds.step, -count - 1)
        return JinjaRange(start: start, count: (distance - 1) / abs(step) + 1, step: step)
    }
}
