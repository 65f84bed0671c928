import InnerCortex
import ModelFormats
import Scheduling

/// The tools of a chat request, in OpenAI's form, and which of them the answer is to call.
struct ToolUse: Sendable {
    struct Tool: Sendable {
        var name: String
        /// The whole description, for the template.
        var value: ChatValue
        var parameters: JSONValue
    }

    static let maximumTools = 128
    private static let (open, close) = ("<tool_call>", "</tool_call>")

    var tools: [Tool]
    /// What an answer must call; empty: it may call or say anything.
    private var required: [Tool] = []
    /// Whether calls are looked for in answers.
    private var isTagged: Bool
    private var callsMaximum: Int

    /// - Parameter form: the core's.
    /// - Returns: nil where there is nothing to call.
    static func read(_ fields: JSONFields, form: ToolForm?) throws(RequestError) -> ToolUse? {
        guard let descriptions = try fields.objects("tools"), !descriptions.isEmpty else {
            return nil
        }
        let choice = fields.value("tool_choice")
        guard choice != .string("none") else { return nil }
        guard let form else {
            throw .notAvailable(
                parameter: "tools", reason: "the core's chat template tells its model of no tools")
        }
        guard descriptions.count <= maximumTools else {
            throw .outOfRange(
                parameter: "tools", found: "\(descriptions.count) tools",
                allowed: "up to \(maximumTools)")
        }
        var tools: [Tool] = []
        let values = try fields.array("tools") ?? []
        for (fields, value) in zip(descriptions, values) { tools.append(try tool(fields, value)) }
        let isParallel = try fields.boolean("parallel_tool_calls") ?? true
        var use = ToolUse(
            tools: tools, isTagged: form == .tagged, callsMaximum: isParallel ? .max : 1)
        try use.choose(choice, fields)
        return use
    }

    private init(tools: [Tool], isTagged: Bool, callsMaximum: Int) {
        self.tools = tools
        self.isTagged = isTagged
        self.callsMaximum = callsMaximum
    }

    private static func tool(
        _ fields: JSONFields, _ value: JSONValue
    ) throws(RequestError) -> Tool {
        guard try fields.string("type") == "function" else {
            throw .outOfRange(
                parameter: fields.path("type"), found: "another type", allowed: "function")
        }
        guard let function = try fields.object("function") else {
            throw .missing(parameter: fields.path("function"))
        }
        guard let name = try function.string("name") else {
            throw .missing(parameter: function.path("name"))
        }
        guard (1...64).contains(name.utf8.count), name.utf8.allSatisfy(isNameByte) else {
            throw .outOfRange(
                parameter: function.path("name"), found: "another text",
                allowed: "1 to 64 letters, digits, '_' and '-'")
        }
        return Tool(
            name: name, value: ChatValue(value),
            parameters: function.value("parameters")
                ?? ["type": "object", "additionalProperties": false])
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        (byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7a) || (0x30...0x39).contains(byte)
            || byte == 0x5f || byte == 0x2d
    }

    private mutating func choose(
        _ choice: JSONValue?, _ fields: JSONFields
    ) throws(RequestError) {
        switch choice {
        case nil, .string("auto")?: return
        case .string("required")?: required = tools
        case .object?:
            let name = try fields.object("tool_choice")?.object("function")?.string("name")
            required = tools.filter { $0.name == name }
            guard !required.isEmpty else {
                throw .outOfRange(
                    parameter: "tool_choice.function.name", found: "another text",
                    allowed: tools.map(\.name).joined(separator: ", "))
            }
        case .some:
            throw .outOfRange(
                parameter: "tool_choice", found: "another value",
                allowed: "none, auto, required, or a function of the tools")
        }
        guard isTagged else {
            throw .notAvailable(
                parameter: "tool_choice",
                reason: "how this core's chat template has calls written is not known, so that "
                    + "none can be asked for")
        }
    }

    /// What an answer that must call has to be; nil where it need not.
    func format() throws(RequestError) -> AnswerFormat? {
        guard !required.isEmpty else { return nil }
        var functions: [(name: String, arguments: ByteGrammar)] = []
        for tool in required {
            do throws(JSONSchemaError) {
                functions.append(
                    (tool.name, try JSONGrammar.schema(ChatValue(tool.parameters))))
            } catch {
                throw .unsupported(
                    parameter: "tools", reason: "parameters of '\(tool.name)', \(error)")
            }
        }
        let key = required.map {
            $0.name + String(decoding: $0.parameters.serialized(), as: UTF8.self)
        }
        return AnswerFormat(
            grammar: JSONGrammar.call(
                of: functions, open: Self.open + "\n", close: "\n" + Self.close),
            key: "call:" + key.joined(separator: ","))
    }

    /// Takes the calls out of an answer: what stands between the tags and names one of the tools.
    /// All else stays text.
    func calls(in answer: String) -> (text: String, calls: [ToolCall]) {
        guard isTagged else { return (answer, []) }
        var (text, calls) = ("", [ToolCall]())
        var rest = answer[...]
        while calls.count < callsMaximum, let start = rest.firstRange(of: Self.open) {
            let behind = rest[start.upperBound...]
            let end = behind.firstRange(of: Self.close)
            guard let call = call(behind[..<(end?.lowerBound ?? behind.endIndex)]) else { break }
            text += rest[..<start.lowerBound]
            calls.append(call)
            rest = end.map { behind[$0.upperBound...] } ?? ""
        }
        guard !calls.isEmpty else { return (answer, []) }
        if calls.count < callsMaximum { text += rest }
        let isBlank = text.allSatisfy(\.isWhitespace)
        return (isBlank ? "" : text, calls)
    }

    private func call(_ json: Substring) -> ToolCall? {
        guard let value = try? JSONParser.parse(Array(json.utf8)),
            case .string(let name)? = value["name"], tools.contains(where: { $0.name == name })
        else { return nil }
        return ToolCall(name: name, arguments: value["arguments"] ?? .object([]))
    }
}

/// A call of a tool in an answer.
struct ToolCall: Sendable {
    let id = "call_" + String(UInt64.random(in: .min ... .max), radix: 36)
    var name: String
    var arguments: JSONValue

    var json: JSONValue {
        [
            "id": .string(id), "type": "function",
            "function": [
                "name": .string(name),
                "arguments": .string(String(decoding: arguments.serialized(), as: UTF8.self)),
            ],
        ]
    }
}
