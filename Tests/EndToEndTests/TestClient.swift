import Foundation

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// Plain HTTP, as any client would speak it.
struct TestClient: Sendable {
    let base: String

    struct Answer: Sendable {
        let status: Int
        let headers: [String: String]
        let body: Data

        var text: String { String(decoding: body, as: UTF8.self) }

        /// A field of the JSON answer; fails the test when there is none.
        subscript(name: String) -> JSON {
            get throws { try JSONDecoder().decode(JSON.self, from: body)[name] }
        }

        /// The `type` or `code` of an error in OpenAI's shape is there, and a message with it.
        var errorMessage: String {
            get throws { try self["error"]["message"].string }
        }
    }

    var port: UInt16 { UInt16(base.split(separator: ":").last ?? "") ?? 0 }

    func send(
        _ method: String, _ path: String, body: Data? = nil, headers: [String: String] = [:]
    ) async throws -> Answer {
        guard let url = URL(string: base + path) else { throw TestFailure("bad path \(path)") }
        var request = URLRequest(url: url, timeoutInterval: 600)
        request.httpMethod = method
        request.httpBody = body
        if body != nil { request.setValue("application/json", forHTTPHeaderField: "Content-Type") }
        for (name, value) in headers { request.setValue(value, forHTTPHeaderField: name) }
        let (data, response) = try await URLSession.shared.data(for: request)
        guard let answer = response as? HTTPURLResponse else { throw TestFailure("not HTTP") }
        var fields: [String: String] = [:]
        for case (let name as String, let value as String) in answer.allHeaderFields {
            fields[name.lowercased()] = value
        }
        return Answer(status: answer.statusCode, headers: fields, body: data)
    }

    func get(_ path: String) async throws -> Answer { try await send("GET", path) }

    func post(
        _ path: String, _ body: JSON, headers: [String: String] = [:]
    ) async throws -> Answer {
        try await send("POST", path, body: try JSONEncoder().encode(body), headers: headers)
    }

    // MARK: The calls that the tests make again and again

    func observe(_ session: String, _ text: String) async throws -> Answer {
        try await post("/v1/sessions/\(session)/observe", ["text": .string(text)])
    }

    /// Bits per byte of a text, frozen and adapted.
    func score(_ session: String, _ text: String) async throws -> Bits {
        let answer = try await post("/v1/sessions/\(session)/score", ["text": .string(text)])
        guard answer.status == 200 else { throw TestFailure("score: \(answer.text)") }
        let bits = try answer["bits_per_byte"]
        return Bits(frozen: try bits["frozen"].number, adapted: try bits["adapted"].number)
    }
}

struct Bits: Equatable, Sendable {
    let frozen: Double
    let adapted: Double
}

/// Any JSON value.
enum JSON: Codable, Equatable, Sendable, ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByFloatLiteral, ExpressibleByBooleanLiteral, ExpressibleByDictionaryLiteral,
    ExpressibleByArrayLiteral
{
    case null
    case bool(Bool)
    case number(Double)
    case string(String)
    case array([JSON])
    case object([String: JSON])

    init(stringLiteral value: String) { self = .string(value) }
    init(integerLiteral value: Int) { self = .number(Double(value)) }
    init(floatLiteral value: Double) { self = .number(value) }
    init(booleanLiteral value: Bool) { self = .bool(value) }
    init(arrayLiteral elements: JSON...) { self = .array(elements) }
    init(dictionaryLiteral elements: (String, JSON)...) {
        self = .object(Dictionary(elements) { $1 })
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode([JSON].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: JSON].self))
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let value): try container.encode(value)
        case .number(let value):
            // Whole numbers without a fraction: a count must not look like a measure.
            if let whole = Int(exactly: value) {
                try container.encode(whole)
            } else {
                try container.encode(value)
            }
        case .string(let value): try container.encode(value)
        case .array(let value): try container.encode(value)
        case .object(let value): try container.encode(value)
        }
    }

    /// A field that must be there.
    subscript(name: String) -> JSON {
        get throws {
            guard case .object(let fields) = self, let value = fields[name] else {
                throw TestFailure("no field '\(name)' in \(self)")
            }
            return value
        }
    }

    subscript(index: Int) -> JSON {
        get throws {
            guard case .array(let values) = self, values.indices.contains(index) else {
                throw TestFailure("no element \(index) in \(self)")
            }
            return values[index]
        }
    }

    var number: Double {
        get throws {
            guard case .number(let value) = self else { throw TestFailure("\(self): no number") }
            return value
        }
    }

    var string: String {
        get throws {
            guard case .string(let value) = self else { throw TestFailure("\(self): no string") }
            return value
        }
    }

    var array: [JSON] {
        get throws {
            guard case .array(let values) = self else { throw TestFailure("\(self): no array") }
            return values
        }
    }
}
