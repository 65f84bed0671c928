/// A JSON document. Objects keep the order of their members, so that what we write is stable.
package enum JSONValue: Sendable, Equatable {
    case null
    case bool(Bool)
    case integer(Int)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([Member])

    package struct Member: Sendable, Equatable {
        package var name: String
        package var value: JSONValue
    }

    /// The member of that name; the last one where a name is repeated, as most parsers have it.
    subscript(name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.last { $0.name == name }?.value
    }

    /// An object of those members whose value is not nil.
    static func object(compact members: KeyValuePairs<String, JSONValue?>) -> JSONValue {
        .object(members.compactMap { name, value in value.map { Member(name: name, value: $0) } })
    }

    static func strings(_ values: [String]) -> JSONValue { .array(values.map(JSONValue.string)) }

    /// This object with one member more.
    func with(_ name: String, _ value: JSONValue) -> JSONValue {
        guard case .object(let members) = self else { return self }
        return .object(members + [Member(name: name, value: value)])
    }

    /// This object with another one's members behind its own.
    func with(_ other: JSONValue) -> JSONValue {
        guard case .object(let own) = self, case .object(let more) = other else { return self }
        return .object(own + more)
    }

    /// The string, or null.
    static func optional(_ value: String?) -> JSONValue { value.map(JSONValue.string) ?? .null }

    /// A number without a fraction.
    enum WholeNumber: CustomStringConvertible {
        case exact(Int)
        /// Too large to be an integer here, or written as a real number of a size at which not every
        /// integer is one, so that it may not be the one that was meant.
        case inexact(Double)

        var description: String {
            switch self {
            case .exact(let number): String(number)
            case .inexact(let number): "\(number)"
            }
        }
    }

    /// `3`, and `3.0` or `30e-1` too; nil for what is no whole number.
    var wholeNumber: WholeNumber? {
        switch self {
        case .integer(let number): .exact(number)
        case .number(let real) where real.rounded() == real:
            real.magnitude <= 0x1p53 ? .exact(Int(real)) : .inexact(real)
        default: nil
        }
    }

    /// The name of the type, as an error message calls it.
    var typeName: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .integer, .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByFloatLiteral, ExpressibleByBooleanLiteral, ExpressibleByNilLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    package init(stringLiteral value: String) { self = .string(value) }
    package init(integerLiteral value: Int) { self = .integer(value) }
    package init(floatLiteral value: Double) { self = .number(value) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(nilLiteral: ()) { self = .null }
    package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    package init(dictionaryLiteral elements: (String, JSONValue)...) {
        self = .object(elements.map { Member(name: $0.0, value: $0.1) })
    }
}
