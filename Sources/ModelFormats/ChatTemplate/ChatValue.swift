/// A JSON value of a conversation, as it came: members keep their order, which `tojson` shows.
public enum ChatValue: Sendable, Equatable {
    case null
    case bool(Bool)
    case integer(Int)
    case number(Double)
    case string(String)
    case array([ChatValue])
    case object([Member])

    public struct Member: Sendable, Equatable {
        public var name: String
        public var value: ChatValue

        public init(_ name: String, _ value: ChatValue) {
            self.name = name
            self.value = value
        }
    }

    /// The member of that name; the last one where a name is repeated.
    public subscript(name: String) -> ChatValue? {
        guard case .object(let members) = self else { return nil }
        return members.last { $0.name.utf8.elementsEqual(name.utf8) }?.value
    }

    /// A message with nothing but a role and a text.
    public static func message(role: String, content: String) -> ChatValue {
        .object([Member("role", .string(role)), Member("content", .string(content))])
    }

    init(_ json: JSONValue) {
        self =
            switch json {
            case .null: .null
            case .bool(let value): .bool(value)
            case .integer(let value): .integer(value)
            case .number(let value): .number(value)
            case .string(let value): .string(value)
            case .array(let values): .array(values.map(ChatValue.init))
            case .object(let object):
                .object(object.members.map { Member($0.key, ChatValue($0.value)) })
            }
    }

    var isNull: Bool { self == .null }
}
