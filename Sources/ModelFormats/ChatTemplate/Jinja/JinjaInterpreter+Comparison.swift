extension JinjaInterpreter {
    func compare(
        _ symbol: String, _ left: JinjaValue, _ right: JinjaValue
    ) throws(ChatTemplateError) -> Bool {
        switch symbol {
        case "==": return try equals(left, right)
        case "!=": return try !equals(left, right)
        case "in": return try contains(right, left)
        case "not in": return try !contains(right, left)
        case "<": return try isLess(left, right, symbol)
        case ">": return try isLess(right, left, symbol)
        case "<=": return try isLess(left, right, symbol, orEqual: true)
        default: return try isLess(right, left, symbol, orEqual: true)
        }
    }

    /// Python's `==`. Charged for what is compared: values that share their parts can stand for
    /// trees that are exponentially larger.
    func equals(_ left: JinjaValue, _ right: JinjaValue) throws(ChatTemplateError) -> Bool {
        try charge(steps: 1)
        if let left = left.number, let right = right.number {
            if case .integer(let a) = left, case .integer(let b) = right { return a == b }
            return left.double == right.double
        }
        switch (left, right) {
        case (.none, .none), (.undefined, .undefined): return true
        case (.string(let left), .string(let right)):
            guard left.count == right.count else { return false }
            try charge(text: left.count / 16)
            return left == right
        case (.list(let left), .list(let right)), (.tuple(let left), .tuple(let right)):
            guard left.items.count == right.items.count else { return false }
            for (a, b) in zip(left.items, right.items) where try !equals(a, b) { return false }
            return true
        case (.dictionary(let left), .dictionary(let right)):
            guard left.entries.count == right.entries.count else { return false }
            for (key, value) in left.entries {
                guard let other = right[try self.key(key)], try equals(value, other) else {
                    return false
                }
            }
            return true
        case (.range(let left), .range(let right)): return left == right
        case (.namespace(let left), .namespace(let right)): return left === right
        case (.loop(let left), .loop(let right)): return left === right
        case (.iterator(let left), .iterator(let right)): return left === right
        case (.cycler(let left), .cycler(let right)): return left === right
        case (.callable(.macro(let left)), .callable(.macro(let right))): return left === right
        case (.callable(.function(let left)), .callable(.function(let right))):
            return left == right
        default: return false
        }
    }

    func isLess(
        _ left: JinjaValue, _ right: JinjaValue, _ symbol: String = "<", orEqual: Bool = false
    ) throws(ChatTemplateError) -> Bool {
        try charge(steps: 1)
        if let left = left.number, let right = right.number {
            if case .integer(let a) = left, case .integer(let b) = right {
                return orEqual ? a <= b : a < b
            }
            return orEqual ? left.double <= right.double : left.double < right.double
        }
        switch (left, right) {
        case (.undefined(let undefined), _), (_, .undefined(let undefined)): throw undefined.error
        case (.string(let left), .string(let right)):
            try charge(text: min(left.count, right.count) / 16)
            return left < right || (orEqual && left == right)
        case (.list(let left), .list(let right)), (.tuple(let left), .tuple(let right)):
            for (a, b) in zip(left.items, right.items) where try !equals(a, b) {
                return try isLess(a, b, symbol, orEqual: orEqual)
            }
            return left.items.count < right.items.count
                || (orEqual && left.items.count == right.items.count)
        default:
            throw ChatTemplateError(
                .type,
                "'\(symbol)' not supported between '\(left.typeName)' and '\(right.typeName)'")
        }
    }

    /// Python's `in`.
    func contains(
        _ container: JinjaValue, _ value: JinjaValue
    ) throws(ChatTemplateError) -> Bool {
        switch container {
        case .string(let text):
            guard case .string(let part) = value else {
                throw ChatTemplateError(
                    .type,
                    "'in <string>' requires string as left operand, not \(value.typeName)")
            }
            try charge(text: (text.count + part.count) / 8)
            return text.contains(part)
        case .dictionary(let dictionary): return dictionary[try key(value)] != nil
        case .range(let range):
            guard let index = value.index, range.count > 0 else { return false }
            let (distance, overflow) = index.subtractingReportingOverflow(range.start)
            return !overflow && distance % range.step == 0
                && (0..<range.count).contains(distance / range.step)
        case .list, .tuple, .view, .iterator, .undefined:
            for item in try items(of: container) where try equals(item, value) { return true }
            return false
        case .namespace, .callable, .none, .bool, .integer, .float, .loop, .cycler:
            throw ChatTemplateError(
                .type, "argument of type '\(container.typeName)' is not iterable")
        }
    }

    /// `values` in ascending order of their keys; equal ones keep their order.
    func sorted(
        _ values: [(key: JinjaValue, value: JinjaValue)], descending: Bool
    ) throws(ChatTemplateError) -> [JinjaValue] {
        guard values.count > 1 else { return values.map(\.value) }
        return try merge(values, descending).map(\.value)
    }

    private func merge(
        _ values: [(key: JinjaValue, value: JinjaValue)], _ descending: Bool
    ) throws(ChatTemplateError) -> [(key: JinjaValue, value: JinjaValue)] {
        guard values.count > 1 else { return values }
        let middle = values.count / 2
        let left = try merge(Array(values[..<middle]), descending)
        let right = try merge(Array(values[middle...]), descending)
        var merged: [(key: JinjaValue, value: JinjaValue)] = []
        merged.reserveCapacity(values.count)
        var (i, j) = (0, 0)
        while i < left.count, j < right.count {
            let goesFirst =
                try descending
                ? isLess(left[i].key, right[j].key) : isLess(right[j].key, left[i].key)
            if goesFirst {
                merged.append(right[j])
                j += 1
            } else {
                merged.append(left[i])
                i += 1
            }
        }
        return merged + left[i...] + right[j...]
    }
}
