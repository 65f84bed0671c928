/// Filters that apply others: `map`, `select` and their like.
extension JinjaInterpreter {
    static let selections = ["map", "reject", "rejectattr", "select", "selectattr"]

    func selection(
        _ name: String, _ value: JinjaValue, _ arguments: JinjaArguments, _ scope: JinjaScope
    ) throws(ChatTemplateError) -> JinjaValue {
        guard value.isTrue else { return .iterator(JinjaIterator([])) }
        let items = try items(of: value)
        if name == "map" {
            return .iterator(JinjaIterator(try mapped(items, arguments, scope)))
        }
        let keeps = name.hasPrefix("select")
        var rest = arguments
        var path: JinjaValue?
        if name.hasSuffix("attr") {
            guard !rest.positional.isEmpty else {
                throw ChatTemplateError(.type, "Missing parameter for attribute name")
            }
            path = rest.positional.removeFirst()
        }
        var test: String?
        if !rest.positional.isEmpty {
            test = try text(of: rest.positional.removeFirst()).string
        }
        var kept: [JinjaValue] = []
        for item in items {
            let subject = try member(path, of: item)
            let holds = try test.map { (test) throws(ChatTemplateError) in
                try self.holds(test, of: subject, rest)
            }
            if (holds ?? subject.isTrue) == keeps { kept.append(item) }
        }
        return .iterator(JinjaIterator(kept))
    }

    private func mapped(
        _ items: [JinjaValue], _ arguments: JinjaArguments, _ scope: JinjaScope
    ) throws(ChatTemplateError) -> [JinjaValue] {
        var rest = arguments
        var mapped: [JinjaValue] = []
        if rest.positional.isEmpty {
            let bound = try rest.bound(to: ["attribute", "default"], required: 1, of: "map")
            for item in items {
                mapped.append(try member(bound[0], of: item, fallback: bound[1]))
            }
            return mapped
        }
        let filter = try text(of: rest.positional.removeFirst()).string
        for item in items { mapped.append(try apply(filter, to: item, rest, in: scope)) }
        return mapped
    }
}
