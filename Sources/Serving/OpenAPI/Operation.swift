import Engrams

/// What the OpenAPI document says of a route besides its method and path.
struct Operation: Sendable {
    /// Where a parameter is given, and what it means.
    struct Parameter: Sendable {
        var name: String
        var location: String
        var schema: JSONValue
        var description: String
    }

    /// A body: a named schema as JSON, or another media type.
    enum Content: Sendable {
        case schema(String)
        case list(of: String)
        case files(mediaTypes: [String])
        case text(mediaType: String)
        /// JSON, or server-sent events of the second schema when the request asks for a stream.
        case schemaOrEvents(String, events: String)
        case none
    }

    var id: String
    var tag: String
    var summary: String
    var parameters: [Parameter] = []
    var request: Content = .none
    var requestIsRequired = true
    var status = 200
    var response: Content
    /// The error statuses that this route may answer besides those that every route may.
    var errors: [Int] = []
    /// What error statuses carry that carry no `Error`.
    var errorBodies: [Int: Content] = [:]
}

extension Operation.Parameter {
    static let ifMatch = Self(
        name: "If-Match", location: "header", schema: ["type": "string"],
        description: "The revision the session must have, as its ETag gives it; else 409.")
    static let idempotencyKey = Self(
        name: "Idempotency-Key", location: "header",
        schema: [
            "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$",
        ],
        description:
            "A repeated request with the same key is learned from once, and gets the first "
            + "one's answer; once that is forgotten, 409. A request that learns nothing ignores it."
    )
    static let limit = Self(
        name: "limit", location: "query",
        schema: ["type": "integer", "minimum": 1, "maximum": 1000, "default": 100],
        description: "How many entries to answer at most.")
    static let after = Self(
        name: "after", location: "query", schema: ["type": "string"],
        description: "Continue after the entry with this id.")
    static let user = Self(
        name: "user", location: "query", schema: ["type": "string"],
        description: "Only this user's.")
    static let scope = Self(
        name: "scope", location: "query",
        schema: ["enum": ["session", "user", "total"], "default": "total"],
        description: "The session's own delta, the user's head, or both together.")
    static let without = Self(
        name: "without", location: "query",
        schema: [
            "type": "array", "items": ["enum": .strings(PlasticSite.allCases.map(\.rawValue))],
        ],
        description:
            "Sites that are left out, with commas between them. `episodes` and `sequences` "
            + "are those that words of the owner can be read off.")
    static let force = Self(
        name: "force", location: "query", schema: ["type": "boolean", "default": false],
        description: "Take an engram of another core of the same shape; the answer's `transfer` "
            + "says what is left of it, measured on the session's own text.")
    static let bits = Self(
        name: "bits", location: "query", schema: ["enum": [8]],
        description: "Round to 8 bits a weight; what that costs is in X-Fidelity.")
    static let format = Self(
        name: "format", location: "query",
        schema: [
            "enum": ["engram", "peft", "gguf", "gguf-control-vector"], "default": "engram",
        ],
        description:
            "engram is everything, exactly. peft is a tar of a PEFT LoRA's two files, gguf a LoRA "
            + "for llama.cpp, gguf-control-vector a direction for it; the header X-Fidelity says "
            + "how true they are, measured on the session's text. 422 when there is more in the "
            + "engram than the format can hold.")
    static let partial = Self(
        name: "partial", location: "query", schema: ["type": "boolean", "default": false],
        description: "Export what the format can hold and leave out the rest.")
}
