/// Reads the members of a request's object by name and type. A member that is null counts as
/// absent, as OpenAI's clients send it; a wrong type is an error that names the parameter.
struct JSONFields {
    private let members: [String: JSONValue]
    private let prefix: String

    /// - Parameter body: a request's body; an empty one counts as `{}`.
    init(body: [UInt8]) throws(RequestError) {
        let document: JSONValue
        do { document = body.isEmpty ? .object([]) : try JSONParser.parse(body) } catch {
            throw .malformedJSON(reason: error.reason, offset: error.offset)
        }
        try self.init(document, prefix: "")
    }

    private init(_ value: JSONValue, prefix: String) throws(RequestError) {
        guard case .object(let members) = value else {
            throw .wrongType(
                parameter: prefix.isEmpty ? nil : String(prefix.dropLast()), expected: "an object",
                found: value.typeName)
        }
        self.members = Dictionary(
            members.map { ($0.name, $0.value) }, uniquingKeysWith: { _, last in last })
        self.prefix = prefix
    }

    /// How an error names the member, e.g. `plasticity.mode`.
    func path(_ name: String) -> String { prefix + name }

    func value(_ name: String) -> JSONValue? {
        guard let value = members[name], value != .null else { return nil }
        return value
    }

    func string(_ name: String) throws(RequestError) -> String? {
        guard let value = value(name) else { return nil }
        guard case .string(let text) = value else {
            throw wrongType(name, expected: "a string", found: value)
        }
        return text
    }

    func boolean(_ name: String) throws(RequestError) -> Bool? {
        guard let value = value(name) else { return nil }
        guard case .bool(let flag) = value else {
            throw wrongType(name, expected: "a boolean", found: value)
        }
        return flag
    }

    /// A number without a fraction; `3.0` counts as 3.
    func integer(_ name: String, in range: ClosedRange<Int>) throws(RequestError) -> Int? {
        guard let value = value(name) else { return nil }
        let number: Int? =
            switch value {
            case .integer(let whole): whole
            case .number(let real): Int(exactly: real)
            default: nil
            }
        guard let number else { throw wrongType(name, expected: "an integer", found: value) }
        guard range.contains(number) else {
            throw .outOfRange(
                parameter: path(name), found: String(number),
                allowed: "\(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    func number(_ name: String, in range: ClosedRange<Double>) throws(RequestError) -> Double? {
        guard let value = value(name) else { return nil }
        let number: Double
        switch value {
        case .integer(let whole): number = Double(whole)
        case .number(let real): number = real
        default: throw wrongType(name, expected: "a number", found: value)
        }
        guard range.contains(number) else {
            throw .outOfRange(
                parameter: path(name), found: "\(number)",
                allowed: "\(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    func object(_ name: String) throws(RequestError) -> JSONFields? {
        guard let value = value(name) else { return nil }
        return try JSONFields(value, prefix: path(name) + ".")
    }

    func array(_ name: String) throws(RequestError) -> [JSONValue]? {
        guard let value = value(name) else { return nil }
        guard case .array(let elements) = value else {
            throw wrongType(name, expected: "an array", found: value)
        }
        return elements
    }

    /// An array of objects.
    func objects(_ name: String) throws(RequestError) -> [JSONFields]? {
        guard let elements = try array(name) else { return nil }
        var fields: [JSONFields] = []
        for (index, element) in elements.enumerated() {
            fields.append(try JSONFields(element, prefix: path(name) + "[\(index)]."))
        }
        return fields
    }

    /// One of a type's raw values.
    func choice<Choice: RawRepresentable<String>>(
        _ name: String, of type: Choice.Type, allowed: [String]
    ) throws(RequestError) -> Choice? {
        guard let text = try string(name) else { return nil }
        guard let choice = Choice(rawValue: text) else {
            throw .outOfRange(
                parameter: path(name), found: "another word",
                allowed: allowed.joined(separator: ", "))
        }
        return choice
    }

    func wrongType(_ name: String, expected: String, found: JSONValue) -> RequestError {
        .wrongType(parameter: path(name), expected: expected, found: found.typeName)
    }
}
