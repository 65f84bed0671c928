import Synchronization
import Testing

@testable import Serving

/// Every call of the document with thousands of seeded bodies, queries and headers: values of each
/// field's type, and every odd value that JSON has, in every field.
@Suite("Whatever a request holds")
struct RequestPropertyTests {
    @Test(
        "it is answered as described, or refused by the name of what is wrong, and changes nothing",
        arguments: 0..<8)
    func anything(seed: Int) async throws {
        try await withClient(.router) { client in
            let document = try await client.send("GET", "/openapi.json").json()
            var maker = RequestMaker(seed: UInt64(seed), document: document)
            var statuses: [Int: Int] = [:]
            for _ in 0..<250 {
                for operation in maker.operations {
                    let request = maker.request(to: operation)
                    let before = client.models.state.withLock { $0.changes }
                    let answer = try await client.send(
                        operation.method, request.target, headers: request.headers,
                        body: request.body)
                    statuses[answer.status, default: 0] += 1
                    let said = "\(operation.method) \(request.target) \(request.body.prefix(300))"
                    #expect(answer.status < 500, "\(said): \(answer.text)")
                    #expect(operation.statuses.contains(answer.status), "\(said)")
                    guard answer.status >= 400 else { continue }
                    #expect(client.models.state.withLock { $0.changes } == before, "\(said)")
                    let error = try answer.error()
                    #expect(!error.message.isEmpty)
                    // Of what is no JSON, or no HTTP, no name is known.
                    guard answer.status == 400,
                        !["invalid_json", "malformed_request"].contains(error.code)
                    else { continue }
                    // By scalars: a mark behind it would make "." another character.
                    let root = error.parameter.map {
                        String($0.unicodeScalars.prefix { $0 != "." && $0 != "[" })
                    }
                    // Only a body that is no object at all has no name to give.
                    if let root {
                        #expect(request.names.contains(root), "\(said): \(answer.text)")
                    } else {
                        #expect(!request.body.hasPrefix("{"), "\(said): \(answer.text)")
                    }
                }
            }
            #expect(statuses[200, default: 0] > 1_000 && statuses[400, default: 0] > 1_000)
        }
    }

    @Test("The document's own limits are kept: beyond each stands a refusal by name")
    func limits() async throws {
        try await withClient(.router) { client in
            let document = try await client.send("GET", "/openapi.json").json()
            var tried = 0
            for operation in RequestMaker(seed: 0, document: document).operations {
                for (name, schema) in operation.properties {
                    for (limit, step) in [("minimum", -1.0), ("maximum", 1)] {
                        guard let bound = schema[limit] else { continue }
                        var body: JSONValue = [:]
                        let needed: [(String, JSONValue)] = [("completion", "c"), ("reward", 1)]
                        for (other, value) in needed
                        where other != name
                            && operation.properties.contains(where: { $0.name == other })
                        {
                            body = body.with(other, value)
                        }
                        body = body.with(name, .number(bound.double + step))
                        let answer = try await client.send(
                            operation.method, operation.path, bytes: body.serialized())
                        #expect(answer.status == 400, "\(operation.path) \(name)")
                        #expect(try answer.error().parameter == name, "\(operation.path)")
                        tried += 1
                    }
                }
            }
            #expect(tried >= 20)
        }
    }
}

extension FakeModels.State {
    /// How often something changed.
    fileprivate var changes: Int {
        observed.count + verdicts.count + merges.count + checkpoints.count
    }
}

/// Makes requests from the OpenAPI document.
private struct RequestMaker {
    struct Operation {
        var method: String
        /// With ids in the place of parameters.
        var path: String
        var parameters: [JSONValue]
        /// Of the body; empty where it has none.
        var properties: [(name: String, schema: JSONValue)]
        var statuses: Set<Int>
    }

    struct Request {
        var target: String
        var headers: HTTPHeaders = [:]
        var body = ""
        /// What an error may speak of.
        var names: Set<String>
    }

    let operations: [Operation]
    private let document: JSONValue
    private var generator: Generator

    /// SplitMix64.
    private struct Generator: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var mixed = (state ^ state >> 30) &* 0xbf58_476d_1ce4_e5b9
            mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
            return mixed ^ mixed >> 31
        }
    }

    /// Source texts of values.
    private static let odd =
        [
            "null", "true", "false", "0", "-0", "-0.0", "1", "1.0", "2.5", "1e3", "1e-3", "-1",
            "1e400", "-1e400", "1e-400", "1e308", "9007199254740993", "9007199254740993.0",
            "9223372036854775807", "9223372036854775808", "-9223372036854775808",
            "-9223372036854775809", "18446744073709551615", "18446744073709551616",
            #""""#, #""a""#, #""1""#, #""NaN""#, #""\u0000""#, #""e\u0301""#, #""\u00e9""#,
            #""\u212a""#, #""alice""#, #""alice/x""#, #""../..""#, #""head""#, #""none""#,
            #""a\ud83d\ude00b""#, #""\ud800""#, "[]", "[null]", "[1]", "[1.0]", "[1.5]", "[-1]",
            "[true]", #"["a"]"#, #"["a",1]"#, #"[1,"a"]"#, "[[]]", "[[1]]", "[[1],2]", "[{}]", "{}",
            #"{"a":1}"#, "[9223372036854775808]", "[1e300]", "NaN", "Infinity", "01", "+1", "",
        ] + [
            "[" + [String](repeating: "1", count: 600).joined(separator: ",") + "]",
            String(repeating: "[", count: 70) + String(repeating: "]", count: 70),
            "\"" + String(repeating: "x", count: 3000) + "\"",
        ]
    private static let oddQueries = [
        "", "0", "1", "-1", "+1", "1.0", "1e3", "1001", "99999999999999999999", "true", "TRUE",
        "false", "null", "%", "%00", "%FF", "%C3%A9", "e%CC%81", "e\u{301}", "\u{301}", "\u{661}",
        "alice", "alice%2Fx", "a b", "session", "frozen", "8", "peft", "..", "cp_1",
    ]
    private static let names = [
        "\u{301}", "", "a", "Text", "rewrd", "plasticty", "usr", "lern", "scope", "options",
    ]

    init(seed: UInt64, document: JSONValue) {
        self.document = document
        generator = Generator(state: seed)
        let ids = ["user": "alice", "name": "default", "checkpoint": "cp_1", "event": "ev_1"]
        var operations: [Operation] = []
        let paths = document["paths"]!
        for pattern in paths.names {
            let path = pattern.split(separator: "/").map { part in
                part.hasPrefix("{") ? ids[String(part.dropFirst().dropLast())] ?? "x" : "\(part)"
            }
            // Once there is a key, all else asks for one.
            for method in paths[pattern]!.names where (pattern, method) != ("/v1/keys", "post") {
                let described = paths[pattern]![method]!
                let content = described["requestBody"]?["content"]?["application/json"]
                let schema = Self.resolved(content?["schema"] ?? [:], document)
                let properties = schema["properties"]
                operations.append(
                    Operation(
                        method: method.uppercased(), path: "/" + path.joined(separator: "/"),
                        parameters: described["parameters"]?.elements ?? [],
                        properties: (properties?.names ?? []).map { ($0, properties![$0]!) },
                        statuses: Set(described["responses"]!.names.compactMap { Int($0) })))
            }
        }
        self.operations = operations
    }

    private static func resolved(_ schema: JSONValue, _ document: JSONValue) -> JSONValue {
        guard let reference = schema["$ref"]?.text else { return schema }
        let name = String(reference.dropFirst("#/components/schemas/".count))
        return document["components"]?["schemas"]?[name] ?? [:]
    }

    private mutating func chance(_ percent: Int) -> Bool {
        Int.random(in: 0..<100, using: &generator) < percent
    }

    mutating func request(to operation: Operation) -> Request {
        // `text` and `prompt` are asked for, and some of OpenAI's fields refused, undescribed.
        var request = Request(
            target: operation.path,
            names: Set(operation.properties.map(\.name) + Self.names).union([
                "text", "prompt", "best_of", "echo", "suffix", "logit_bias", "body",
            ]))
        var query: [String] = []
        for parameter in operation.parameters {
            let name = parameter["name"]!.text!
            request.names.formUnion([name, String(name.dropLast())])
            guard chance(30) else { continue }
            let value = Self.oddQueries.randomElement(using: &generator)!
            switch parameter["in"]!.text! {
            case "query": query.append("\(chance(90) ? name : String(name.dropLast()))=\(value)")
            case "header": request.headers[name] = value
            default: continue
            }
        }
        if chance(20) { query.append(Self.names.randomElement(using: &generator)! + "=1") }
        if !query.isEmpty { request.target += "?" + query.joined(separator: "&") }
        guard !operation.properties.isEmpty else { return request }
        if chance(5) {
            request.body = Self.odd.randomElement(using: &generator)!
        } else {
            request.body = object(operation.properties)
        }
        return request
    }

    private mutating func object(_ properties: [(name: String, schema: JSONValue)]) -> String {
        var members: [String] = []
        for (name, schema) in properties where chance(45) {
            members.append("\"\(name)\":\(value(schema))")
        }
        if chance(4) {
            let name = Self.names.randomElement(using: &generator)!
            members.append("\"\(name)\":\(Self.odd.randomElement(using: &generator)!)")
        }
        return "{" + members.shuffled(using: &generator).joined(separator: ",") + "}"
    }

    /// One that the schema allows, mostly.
    private mutating func value(_ given: JSONValue) -> String {
        if chance(12) { return Self.odd.randomElement(using: &generator)! }
        let schema = Self.resolved(given, document)
        if let choice = schema["oneOf"]?.elements.randomElement(using: &generator) {
            return value(choice)
        }
        if let choice = schema["enum"]?.elements.randomElement(using: &generator) {
            return String(decoding: choice.serialized(), as: UTF8.self)
        }
        switch schema["type"]?.text {
        case "object":
            let properties = schema["properties"]
            return object((properties?.names ?? []).map { ($0, properties![$0]!) })
        case "array":
            let count = Int.random(in: 1...3, using: &generator)
            return "["
                + (0..<count).map { _ in value(schema["items"] ?? [:]) }.joined(separator: ",")
                + "]"
        case "string":
            return ["\"alice\"", "\"head\"", "\"fake-core\"", "\"The heron\"", "\"alice/default\""]
                .randomElement(using: &generator)!
        case "boolean": return chance(50) ? "true" : "false"
        case "integer":
            let low = max(-3, schema["minimum"].map { Int($0.double) } ?? -3)
            return String(Int.random(in: low...(low + 4), using: &generator))
        case "number":
            let low = max(-1, schema["minimum"]?.double ?? -1)
            let high = min(1, schema["maximum"]?.double ?? 1)
            return "\(Double.random(in: low...max(low, high), using: &generator))"
        default: return Self.odd.randomElement(using: &generator)!
        }
    }
}
