import ModelFormats

/// Makes a grammar of a JSON Schema.
struct JSONSchemaCompiler {
    private let root: ChatValue
    private var builder = JSONGrammarBuilder()
    /// Rules of what `$ref` names, which may be in themselves.
    private var named: [String: Int] = [:]

    private static let rulesMaximum = 50_000
    private static let itemsMaximum = 256
    private static let bytesMaximum = 65_536

    /// What says nothing of which texts fit.
    private static let annotations: Set<String> = [
        "title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly",
        "$schema", "$id", "$comment", "$defs", "definitions", "discriminator",
    ]

    init(root: ChatValue) { self.root = root }

    mutating func compile() throws(JSONSchemaError) -> ByteGrammar {
        builder.grammar.start = try rule(of: root, at: "#")
        guard builder.grammar.prune() else {
            throw JSONSchemaError(path: "#", problem: "no text that ends fits it")
        }
        return builder.grammar
    }

    private mutating func rule(
        of schema: ChatValue, at path: String
    ) throws(JSONSchemaError) -> Int {
        let rule = builder.grammar.reserve()
        try set(rule, schema, path)
        return rule
    }

    private mutating func set(
        _ rule: Int, _ schema: ChatValue, _ path: String
    ) throws(JSONSchemaError) {
        func refuse(_ problem: String) -> JSONSchemaError {
            JSONSchemaError(path: path, problem: problem)
        }
        guard builder.grammar.rules.count <= Self.rulesMaximum else {
            throw refuse("the schema is too large: over \(Self.rulesMaximum) rules")
        }
        if schema == .bool(true) { return builder.grammar.set(rule, [[.rule(builder.any)]]) }
        guard case .object(let members) = schema else { throw refuse("it is no schema") }
        let keywords = members.map(\.name).filter { !Self.annotations.contains($0) }
        func only(_ allowed: Set<String>) throws(JSONSchemaError) {
            if let other = keywords.first(where: { !allowed.contains($0) }) {
                throw refuse("'\(other)' is not supported here")
            }
        }
        if let reference = schema["$ref"] {
            try only(["$ref"])
            return builder.grammar.set(rule, [[.rule(try target(of: reference, path))]])
        }
        if let value = schema["const"] {
            try only(["const", "type"])
            return builder.grammar.set(rule, [[.rule(try literals([value], path))]])
        }
        if let values = schema["enum"] {
            try only(["enum", "type"])
            guard case .array(let values) = values, !values.isEmpty else {
                throw refuse("'enum' is no list")
            }
            return builder.grammar.set(rule, [[.rule(try literals(values, path))]])
        }
        for name in ["anyOf", "oneOf", "allOf"] {
            guard let choices = schema[name] else { continue }
            try only([name])
            guard case .array(let choices) = choices, !choices.isEmpty,
                name != "allOf" || choices.count == 1
            else { throw refuse("'\(name)' of these is not supported") }
            var alternatives: [[ByteGrammar.Symbol]] = []
            for (index, choice) in choices.enumerated() {
                alternatives.append([
                    .rule(try self.rule(of: choice, at: "\(path)/\(name)/\(index)"))
                ])
            }
            return builder.grammar.set(rule, alternatives)
        }
        try setTyped(rule, schema, keywords, path)
    }

    /// By `type`, or by what the keywords are of where it is missing.
    private mutating func setTyped(
        _ rule: Int, _ schema: ChatValue, _ keywords: [String], _ path: String
    ) throws(JSONSchemaError) {
        func refuse(_ problem: String) -> JSONSchemaError {
            JSONSchemaError(path: path, problem: problem)
        }
        var types: [String] = []
        switch schema["type"] {
        case .string(let type)?: types = [type]
        case .array(let values)?:
            for case .string(let type) in values { types.append(type) }
        case nil:
            if !Set(keywords).isDisjoint(with: ["properties", "required", "additionalProperties"]) {
                types = ["object"]
            } else if !Set(keywords).isDisjoint(with: ["items", "minItems", "maxItems"]) {
                types = ["array"]
            } else if keywords.isEmpty {
                return builder.grammar.set(rule, [[.rule(builder.any)]])
            }
        default: break
        }
        guard !types.isEmpty || keywords.isEmpty else {
            throw refuse("'\(keywords[0])' is not supported")
        }
        var allowed: Set<String> = ["type"]
        if types.contains("object") {
            allowed.formUnion(["properties", "required", "additionalProperties"])
        }
        if types.contains("array") { allowed.formUnion(["items", "minItems", "maxItems"]) }
        if let other = keywords.first(where: { !allowed.contains($0) }) {
            throw refuse("'\(other)' is not supported here")
        }
        var alternatives: [[ByteGrammar.Symbol]] = []
        for type in types {
            switch type {
            case "object": alternatives.append([.rule(try object(schema, path))])
            case "array": alternatives.append([.rule(try array(schema, path))])
            case "string": alternatives.append([.rule(builder.string)])
            case "number": alternatives.append([.rule(builder.number)])
            case "integer": alternatives.append([.rule(builder.integer)])
            case "boolean":
                alternatives += [ByteGrammar.literal("true"), ByteGrammar.literal("false")]
            case "null": alternatives.append(ByteGrammar.literal("null"))
            default: throw refuse("there is no type '\(type.prefix(32))'")
            }
        }
        builder.grammar.set(rule, alternatives)
    }

    private mutating func object(
        _ schema: ChatValue, _ path: String
    ) throws(JSONSchemaError) -> Int {
        let rule = builder.grammar.reserve()
        var required: [String] = []
        if case .array(let names)? = schema["required"] {
            for case .string(let name) in names { required.append(name) }
        }
        var properties: [ChatValue.Member] = []
        if let given = schema["properties"] {
            guard case .object(let members) = given else {
                throw JSONSchemaError(path: path, problem: "'properties' is no object")
            }
            properties = members
        }
        guard !properties.isEmpty || !required.isEmpty else {
            switch schema["additionalProperties"] {
            case .bool(false)?: builder.setObject(rule, [])
            case nil, .bool(true)?: builder.setMap(rule, value: builder.any)
            case let values?:
                let value = try self.rule(of: values, at: path + "/additionalProperties")
                builder.setMap(rule, value: value)
            }
            return rule
        }
        var members: [JSONGrammarBuilder.Member] = []
        for property in properties {
            members.append(
                .init(
                    name: Self.json(.string(property.name)),
                    value: try self.rule(
                        of: property.value, at: "\(path)/properties/\(property.name.prefix(64))"),
                    isRequired: required.contains(property.name)))
        }
        for name in required where !properties.contains(where: { $0.name == name }) {
            members.append(
                .init(name: Self.json(.string(name)), value: builder.any, isRequired: true))
        }
        builder.setObject(rule, members)
        return rule
    }

    private mutating func array(
        _ schema: ChatValue, _ path: String
    ) throws(JSONSchemaError) -> Int {
        func count(_ name: String) throws(JSONSchemaError) -> Int? {
            guard let value = schema[name] else { return nil }
            guard case .integer(let count) = value, (0...Self.itemsMaximum).contains(count) else {
                throw JSONSchemaError(
                    path: path, problem: "'\(name)' must be from 0 to \(Self.itemsMaximum)")
            }
            return count
        }
        let (least, most) = (try count("minItems") ?? 0, try count("maxItems") ?? .max)
        guard least <= most else {
            throw JSONSchemaError(path: path, problem: "'minItems' is over 'maxItems'")
        }
        let rule = builder.grammar.reserve()
        let item = try schema["items"].map { items throws(JSONSchemaError) in
            try self.rule(of: items, at: path + "/items")
        }
        builder.setArray(rule, of: item ?? builder.any, counts: least...most)
        return rule
    }

    /// `#`, `#/$defs/Name` and any other place in the schema.
    private mutating func target(
        of reference: ChatValue, _ path: String
    ) throws(JSONSchemaError) -> Int {
        guard case .string(let pointer) = reference, pointer.first == "#" else {
            throw JSONSchemaError(path: path, problem: "'$ref' must begin with '#'")
        }
        if let rule = named[pointer] { return rule }
        var place: ChatValue? = root
        for part in pointer.dropFirst().split(separator: "/") {
            let name = String(part).replacing("~1", with: "/").replacing("~0", with: "~")
            if case .array(let values)? = place, let index = Int(name),
                values.indices.contains(index)
            {
                place = values[index]
            } else {
                place = place?[name]
            }
        }
        guard let place else {
            throw JSONSchemaError(path: path, problem: "'$ref' names nothing in the schema")
        }
        if case .object = place, let next = place["$ref"], next == reference {
            throw JSONSchemaError(path: path, problem: "'$ref' names itself")
        }
        let rule = builder.grammar.reserve()
        named[pointer] = rule
        try set(rule, place, String(pointer.prefix(128)))
        guard !isInItself(rule) else {
            throw JSONSchemaError(path: path, problem: "'$ref' names itself")
        }
        return rule
    }

    /// Whether a rule stands in its own first place, by way of choices alone.
    private func isInItself(_ rule: Int) -> Bool {
        var seen: Set<Int> = []
        var open = [rule]
        while let next = open.popLast() {
            for alternative in builder.grammar.rules[next] {
                guard alternative.count == 1, case .rule(let first) = alternative[0] else {
                    continue
                }
                if first == rule { return true }
                if seen.insert(first).inserted { open.append(first) }
            }
        }
        return false
    }

    private mutating func literals(
        _ values: [ChatValue], _ path: String
    ) throws(JSONSchemaError) -> Int {
        let texts = values.map(Self.json)
        guard texts.reduce(0, { $0 + $1.count }) <= Self.bytesMaximum else {
            throw JSONSchemaError(
                path: path, problem: "its values have over \(Self.bytesMaximum) bytes")
        }
        return builder.grammar.add(oneOf: texts)
    }

    /// A value as JSON without spaces.
    private static func json(_ value: ChatValue) -> [UInt8] {
        switch value {
        case .null: Array("null".utf8)
        case .bool(let flag): Array((flag ? "true" : "false").utf8)
        case .integer(let number): Array(String(number).utf8)
        case .number(let number): Array("\(number)".utf8)
        case .string(let text): quoted(text)
        case .array(let values):
            [0x5b] + Array(values.map(json).joined(separator: [0x2c])) + [0x5d]
        case .object(let members):
            [0x7b]
                + Array(
                    members.map { quoted($0.name) + [0x3a] + json($0.value) }
                        .joined(separator: [0x2c])) + [0x7d]
        }
    }

    private static func quoted(_ text: String) -> [UInt8] {
        var bytes: [UInt8] = [0x22]
        for byte in text.utf8 {
            switch byte {
            case 0x22, 0x5c: bytes += [0x5c, byte]
            case 0x0a: bytes += Array("\\n".utf8)
            case 0..<0x20:
                let digits = String(byte, radix: 16)
                bytes += Array(("\\u00" + (byte < 16 ? "0" : "") + digits).utf8)
            default: bytes.append(byte)
            }
        }
        return bytes + [0x22]
    }
}
