/// Turns a request's JSON into a template's values, whose strings remember where they are from.
struct ChatInput {
    private(set) var sources: [RenderedChat.Source] = []
    private var indices: [RenderedChat.Source: Int] = [:]
    private let limits: ChatTemplateLimits

    init(limits: ChatTemplateLimits) {
        self.limits = limits
    }

    private mutating func origin(_ source: RenderedChat.Source) -> Int {
        if let index = indices[source] { return index }
        indices[source] = sources.count
        sources.append(source)
        return sources.count - 1
    }

    mutating func list(
        _ values: [ChatValue]?, _ source: RenderedChat.Source
    ) throws(ChatTemplateError) -> JinjaValue {
        guard let values else { return .none }
        return try value(.array(values), source)
    }

    mutating func value(
        _ value: ChatValue, _ source: RenderedChat.Source, depth: Int = 1
    ) throws(ChatTemplateError) -> JinjaValue {
        guard depth < limits.valueDepth else {
            throw ChatTemplateError(.limit, "JSON nested deeper than \(limits.valueDepth)")
        }
        switch value {
        case .null: return .none
        case .bool(let value): return .bool(value)
        case .integer(let value): return .integer(value)
        case .number(let value): return .float(value)
        case .string(let text): return .string(JinjaText(text, origin: origin(source)))
        case .array(let values):
            var items: [JinjaValue] = []
            items.reserveCapacity(values.count)
            for value in values {
                items.append(try self.value(value, source, depth: depth + 1))
            }
            return .list(items)
        case .object(let members):
            var dictionary = JinjaDictionary()
            for member in members {
                let key = JinjaText(member.name, origin: origin(source))
                dictionary.set(key, try self.value(member.value, source, depth: depth + 1))
            }
            return .dictionary(dictionary)
        }
    }

    // MARK: Messages

    private static let reasoningNames = ["reasoning_content", "thinking", "reasoning"]

    mutating func messages(_ messages: [ChatValue]) throws(ChatTemplateError) -> JinjaValue {
        var values: [JinjaValue] = []
        for (index, message) in messages.enumerated() {
            guard case .object(let members) = message else {
                throw ChatTemplateError(.type, "message \(index) is no object")
            }
            values.append(try self.message(members, index, role: role(of: message)))
        }
        return .list(values)
    }

    private func role(of message: ChatValue) -> String {
        if case .string(let role)? = message["role"] { role } else { "" }
    }

    private mutating func message(
        _ members: [ChatValue.Member], _ index: Int, role: String
    ) throws(ChatTemplateError) -> JinjaValue {
        let members = members.filter { !$0.value.isNull }
        let reasoning = Self.reasoningNames.lazy.compactMap { name in
            members.last { $0.name == name }?.value
        }.first
        var dictionary = JinjaDictionary()
        let field = origin(.field(message: index, role: role))
        func set(_ name: String, _ value: JinjaValue) {
            dictionary.set(JinjaText(name, origin: field), value)
        }
        if let reasoning {
            set("thinking", try value(reasoning, .reasoning(message: index, role: role)))
        }
        for member in members {
            switch member.name {
            case "role" where Self.isPlain(role): set("role", .string(role))
            case "content":
                set("content", try value(member.value, .content(message: index, role: role)))
            case _ where Self.reasoningNames.contains(member.name):
                set(
                    member.name,
                    try value(member.value, .reasoning(message: index, role: role)))
            default:
                set(member.name, try value(member.value, .field(message: index, role: role)))
            }
        }
        if let reasoning {
            set(
                "reasoning_content",
                try value(reasoning, .reasoning(message: index, role: role)))
        }
        return .dictionary(dictionary)
    }

    /// Whether a role is a word. Such a one counts as the template's own text, because templates
    /// build control tokens of it ("<|" + role + "|>"), and no word forges one.
    private static func isPlain(_ role: String) -> Bool {
        role.utf8.count <= 64
            && role.utf8.allSatisfy {
                ($0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x7a) || ($0 >= 0x30 && $0 <= 0x39)
                    || $0 == 0x5f || $0 == 0x2d
            }
    }
}
