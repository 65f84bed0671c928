/// A parsed JSON document: what `JSONScanner` makes of a configuration file.
///
/// Integers that fit `Int` stay exact; every other number is a `Double`.
enum JSONValue: Sendable {
    case null
    case bool(Bool)
    case integer(Int)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object(JSONObject)

    /// What the value is, for an error's text.
    var kind: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .integer: "an integer"
        case .number: "a fractional number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }

    var isNull: Bool {
        if case .null = self { true } else { false }
    }

    var stringValue: String? {
        if case .string(let value) = self { value } else { nil }
    }

    var integerValue: Int? {
        if case .integer(let value) = self { value } else { nil }
    }

    var doubleValue: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }

    var boolValue: Bool? {
        if case .bool(let value) = self { value } else { nil }
    }

    var arrayValue: [JSONValue]? {
        if case .array(let value) = self { value } else { nil }
    }

    var objectValue: JSONObject? {
        if case .object(let value) = self { value } else { nil }
    }
}

/// A string compared by its bytes.
///
/// Swift's own equality is canonical equivalence, by which "é" equals "e" + U+0301. JSON keys,
/// tensor names and vocabularies mean exact code points, hence this key.
struct ExactString: Hashable, Sendable {
    let text: String

    init(_ text: String) {
        self.text = text
    }

    static func == (left: ExactString, right: ExactString) -> Bool {
        left.text.utf8.elementsEqual(right.text.utf8)
    }

    func hash(into hasher: inout Hasher) {
        var text = text
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        hasher.combine(UInt8(0xff))
    }
}

/// The members of a JSON object in the file's order, without duplicate keys.
struct JSONObject: Sendable {
    private(set) var members: [(key: String, value: JSONValue)] = []
    private var positions: [ExactString: Int] = [:]

    /// The value of `key`; nil when the key is absent (an explicit null is `.null`).
    subscript(key: String) -> JSONValue? {
        positions[ExactString(key)].map { members[$0].value }
    }

    /// Adds a member; false when the key is there already.
    mutating func append(key: String, value: JSONValue) -> Bool {
        let added = positions.updateValue(members.count, forKey: ExactString(key)) == nil
        members.append((key, value))
        return added
    }
}
