/// What a function, filter or macro is called with.
struct JinjaArguments {
    var positional: [JinjaValue] = []
    /// Names are texts: `**` takes them from anywhere.
    var keywords: [(name: JinjaText, value: JinjaValue)] = []

    /// The arguments for parameters of these names, nil where one is not given.
    ///
    /// - Parameters:
    ///   - required: how many of the first must be given.
    ///   - function: its name, for errors.
    func bound(
        to names: [String], required: Int = 0, of function: String
    ) throws(ChatTemplateError) -> [JinjaValue?] {
        guard positional.count <= names.count else {
            throw ChatTemplateError(
                .type,
                "\(function) takes at most \(names.count) arguments, got \(positional.count)")
        }
        var values: [JinjaValue?] = positional
        values += Array(repeating: nil, count: names.count - positional.count)
        for (name, value) in keywords {
            guard let index = names.firstIndex(of: name.string) else {
                throw ChatTemplateError(
                    .type, "\(function) has no argument \(JinjaUndefined.quoted(name.string))")
            }
            guard values[index] == nil else {
                throw ChatTemplateError(.type, "\(function) got \(names[index]) twice")
            }
            values[index] = value
        }
        for index in 0..<required where values[index] == nil {
            throw ChatTemplateError(.type, "\(function) lacks its argument \(names[index])")
        }
        return values
    }
}

extension JinjaInterpreter {
    /// An argument that must be an integer; nil where none is given, or none is.
    func integer(
        _ value: JinjaValue?, _ name: String
    ) throws(ChatTemplateError) -> Int? {
        guard let value, !value.isNone else { return nil }
        guard let integer = value.index else {
            if case .undefined(let undefined) = value { throw undefined.error }
            throw ChatTemplateError(
                .type, "\(name) is of type '\(value.typeName)' where an integer must be")
        }
        return integer
    }

    /// An argument that must be a string.
    func string(
        _ value: JinjaValue?, _ name: String
    ) throws(ChatTemplateError) -> JinjaText? {
        guard let value, !value.isNone else { return nil }
        guard case .string(let text) = value else {
            throw ChatTemplateError(
                .type, "\(name) is of type '\(value.typeName)' where a string must be")
        }
        return text
    }
}
