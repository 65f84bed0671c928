/// Reads the members of a request's object by name and type. A member that is null counts as
/// absent, as OpenAI's clients send it; a wrong type is an error that names the parameter.
///
/// Where the object's schema in the OpenAPI document says `additionalProperties: false`, a member
/// that it does not name is refused, with the one that was probably meant: what is let pass unread
/// where a person's model learns would teach it something else than was asked for. Where the schema
/// says `x-misspellings: refused`, that holds of names that are nearly one of its own, or one that
/// says elsewhere who learns; others pass, as OpenAI has it.
struct JSONFields {
    /// In the order they came.
    let names: [String]
    private let members: [String: JSONValue]
    private let schema: JSONValue
    private let prefix: String

    /// - Parameters:
    ///   - body: a request's body; an empty one counts as `{}`.
    ///   - schema: the name of its schema in the document.
    init(body: [UInt8], as schema: String) throws(RequestError) {
        let document: JSONValue
        do { document = body.isEmpty ? .object([]) : try JSONParser.parse(body) } catch {
            throw .malformedJSON(reason: error.reason, offset: error.offset)
        }
        try self.init(document, OpenAPISchemas.schema(named: schema), prefix: "")
    }

    private init(
        _ value: JSONValue, _ schema: JSONValue, prefix: String
    ) throws(RequestError) {
        guard case .object(let members) = value else {
            throw .wrongType(
                parameter: prefix.isEmpty ? nil : String(prefix.dropLast()), expected: "an object",
                found: value.typeName)
        }
        names = members.map(\.name)
        self.members = Dictionary(
            members.map { ($0.name, $0.value) }, uniquingKeysWith: { _, last in last })
        self.schema = schema
        self.prefix = prefix
        let isClosed = schema["additionalProperties"] == false
        guard isClosed || schema["x-misspellings"] == "refused" else { return }
        for name in names where !knownNames.contains(name) {
            let nearest = NearName.nearest(to: name, among: knownNames)
            guard
                isClosed || nearest != nil
                    || NearName.nearest(to: name, among: Self.learningNames) != nil
            else { continue }
            throw unknown(name, nearest: nearest)
        }
    }

    /// Names that say in a completion who learns.
    static let learningNames = ["plasticity", "user", "learn"]

    /// The names that the schema has.
    var knownNames: [String] {
        guard case .object(let properties)? = schema["properties"] else { return [] }
        return properties.map(\.name)
    }

    func unknown(_ name: String, nearest: String?) -> RequestError {
        .unknown(parameter: path(name), nearest: nearest.map(path), known: knownNames.sorted())
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
        guard let number = value.wholeNumber else {
            throw wrongType(name, expected: "an integer", found: value)
        }
        guard case .exact(let number) = number, range.contains(number) else {
            throw .outOfRange(
                parameter: path(name), found: "\(number)",
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
        return try JSONFields(value, property(name), prefix: path(name) + ".")
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
        let schema = OpenAPISchemas.resolved(property(name)["items"] ?? [:])
        var fields: [JSONFields] = []
        for (index, element) in elements.enumerated() {
            fields.append(
                try JSONFields(element, schema, prefix: path(name) + "[\(index)]."))
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

    /// A member's schema.
    private func property(_ name: String) -> JSONValue {
        OpenAPISchemas.resolved(schema["properties"]?[name] ?? [:])
    }

    func wrongType(_ name: String, expected: String, found: JSONValue) -> RequestError {
        .wrongType(parameter: path(name), expected: expected, found: found.typeName)
    }
}
