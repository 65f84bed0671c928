import Foundation

/// JSON as the server speaks it: snake_case names.
enum WireFormat {
    static func encoded(_ value: some Encodable) throws -> Data {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.withoutEscapingSlashes, .sortedKeys]
        return try encoder.encode(value)
    }

    static func decoded<Value: Decodable>(
        _ type: Value.Type, from data: Data, path: String
    ) throws -> Value {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        do {
            return try decoder.decode(type, from: data)
        } catch {
            throw ClientError.unexpectedAnswer(path: path, reason: reason(of: error))
        }
    }

    /// Which field is wrong, without the answer's text.
    private static func reason(of error: any Error) -> String {
        guard let error = error as? DecodingError else { return "not JSON" }
        switch error {
        case .keyNotFound(let key, _): return "no field '\(key.stringValue)'"
        case .typeMismatch(_, let context), .valueNotFound(_, let context):
            return "wrong type at '\(context.codingPath.map(\.stringValue).joined(separator: "."))'"
        default: return "not JSON"
        }
    }
}

/// OpenAI's error shape.
struct WireError: Decodable {
    struct Body: Decodable {
        let message: String
        let code: String?
    }
    let error: Body
}

/// Bits per byte under the frozen core and under the personal model.
struct WireBits: Codable, Equatable, Sendable {
    var frozen: Double
    var adapted: Double

    /// The change in percent: below zero when the personal model predicts better.
    var changePercent: Double { frozen > 0 ? (adapted / frozen - 1) * 100 : 0 }
}

struct WireHealth: Codable, Sendable {
    let status: String
    let model: String?
}

struct WireObservation: Codable, Sendable {
    let event: String
    let tokens: Int
    let bytes: Int?
    let bitsPerByte: WireBits
    let revision: Int
    /// Whether this is the answer to an earlier request of the same name.
    let replayed: Bool?
}

struct WireFeedback: Codable, Sendable {
    struct Answer: Codable, Sendable {
        struct Likelihood: Codable, Sendable {
            let before: Double
            let after: Double
        }
        let id: String
        let choice: Int
        let reward: Double
        let advantage: Double
        let tokens: Int
        let logprob: Likelihood
    }
    let event: String
    let tokens: Int
    let learnedTokens: Int
    let streak: Int
    let gain: Double
    let revision: Int
    let completions: [Answer]
}

struct WireScore: Codable, Sendable {
    let tokens: Int
    let bytes: Int
    let bitsPerByte: WireBits
}

struct WireSession: Codable, Sendable {
    let id: String
    let revision: Int
    let base: String?
    let supersedes: String?
    let tokensLearned: Int?
    let events: Int?
    let learn: String?
    let created: String?
    let updated: String?
    let transfer: WireTransfer?
    let fitted: WireFit?
}

struct WireTransfer: Codable, Sendable {
    struct Change: Codable, Sendable {
        let part: String
        let learnedOn: String
        let here: String
    }
    struct Site: Codable, Sendable {
        let site: String
        let before: Int
        let after: Int
    }
    struct Measurement: Codable, Sendable {
        let tokens: Int
        let bitsPerByte: WireBits
    }
    let changed: [Change]
    let sites: [Site]
    let measured: Measurement?
}

struct WireCheckpoint: Codable, Sendable {
    let id: String
    let name: String?
    let note: String?
    let automatic: Bool?
    let parent: String?
    let supersedes: String?
    let revision: Int?
    let tokensLearned: Int?
    let bytes: Int?
    let created: String?
    let isHead: Bool?
    let fitted: WireFit?
}

/// What was turned down so that an engram passes the probes of the constitution.
struct WireFit: Codable, Sendable {
    let scope: String
    let scale: Double
    let probes: [String]

    var remark: String {
        let what =
            switch scope {
            case "continuations": "what pushed their own words"
            case "positions": "what spoke where they ask"
            case "layers": "what spoke where they ask, and the layer weights,"
            default: "all that was learned"
            }
        let names = probes.map { "'\(FeatureText.printable($0))'" }.joined(separator: ", ")
        return "to pass the constitution's \(names), \(what) was turned down to "
            + "\(Figure.fixed(100 * scale, 0)) %"
    }
}

struct WireList<Item: Codable & Sendable>: Codable, Sendable {
    let data: [Item]
    let hasMore: Bool?
}
