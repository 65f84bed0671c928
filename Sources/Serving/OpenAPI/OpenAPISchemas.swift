import Scheduling

/// The named schemas of the OpenAPI document. Only what a client must know to call: fields that
/// OpenAI's clients send without effect are let pass and are not listed.
enum OpenAPISchemas {
    static let all: JSONValue = .object(
        CompletionSchemas.all + requests + answers + service + SafetySchemas.all
            + ConstitutionSchemas.all
            + MergeSchemas.all + FeatureSchemas.all + EventSchemas.all + KeySchemas.all)

    /// - Precondition: the document has a schema of that name.
    static func schema(named name: String) -> JSONValue {
        guard let schema = all[name] else { preconditionFailure("no schema \(name)") }
        return schema
    }

    /// What a schema refers to, or itself.
    static func resolved(_ schema: JSONValue) -> JSONValue {
        guard case .string(let reference)? = schema["$ref"],
            let name = reference.split(separator: "/").last
        else { return schema }
        return self.schema(named: String(name))
    }

    static func object(
        _ name: String, required: [String] = [], _ properties: JSONValue
    ) -> JSONValue.Member {
        .init(
            name: name,
            value: .object(compact: [
                "type": "object", "required": required.isEmpty ? nil : .strings(required),
                "properties": properties,
            ]))
    }

    /// A request to a route of our own: a name that it does not have is refused, `JSONFields`.
    private static func request(
        _ name: String, required: [String] = [], _ properties: JSONValue
    ) -> JSONValue.Member {
        let schema = object(name, required: required, properties)
        return .init(name: name, value: schema.value.with("additionalProperties", false))
    }

    /// A request that brings a text, to which clients add words of their own: of the names that it
    /// does not have those are refused that are nearly one that it has, or that say who learns.
    private static func textRequest(_ name: String, _ properties: JSONValue) -> JSONValue.Member {
        let schema = object(name, properties)
        return .init(name: name, value: schema.value.with("x-misspellings", "refused"))
    }

    static let string: JSONValue = ["type": "string"]
    static let integer: JSONValue = ["type": "integer"]
    static let number: JSONValue = ["type": "number"]
    static let boolean: JSONValue = ["type": "boolean"]
    private static let time: JSONValue = ["type": "string", "format": "date-time"]
    static let nullableString: JSONValue = ["type": ["string", "null"]]
    static let integers: JSONValue = ["type": "array", "items": integer]
    static let learn: JSONValue = [
        "enum": .strings(LearnMode.allCases.map(\.rawValue)),
        "description": .string(
            "What is learned: what the user said, what anybody but the model said (prompt), what "
                + "the model said (completion), both, or nothing. Of a text that is completed, "
                + "user and prompt are the prompt. In chat only what came after the model's last "
                + "message is new; all before it is read as context."),
    ]
    private static let bitsPerByte: JSONValue = [
        "type": "object", "required": ["frozen", "adapted"],
        "properties": ["frozen": number, "adapted": number],
    ]
    private static let safeZone: JSONValue = [
        "type": "object", "required": ["kl_mean", "kl_max", "strength_min"],
        "properties": ["kl_mean": number, "kl_max": number, "strength_min": number],
    ]

    static func bounded(
        _ type: String, _ minimum: JSONValue, _ maximum: JSONValue, default value: JSONValue? = nil
    ) -> JSONValue {
        .object(compact: [
            "type": .string(type), "minimum": minimum, "maximum": maximum, "default": value,
        ])
    }

    static func array(of name: String) -> JSONValue {
        ["type": "array", "items": ["$ref": .string("#/components/schemas/\(name)")]]
    }

    // MARK: requests

    private static let requests: [JSONValue.Member] = [
        request(
            "CreateSession",
            [
                "user": string, "id": string,
                "from": [
                    "type": "string", "default": "head",
                    "description": .string(
                        "head, frozen or a checkpoint's id. What a session learns from there its "
                            + "checkpoints add to the user's engram: to replace that, reset one."),
                ],
                "learn": learn,
            ]),
        textRequest(
            "Observe",
            [
                "text": string, "messages": array(of: "Message"), "tokens": integers,
                "learn": [
                    "enum": ["user", "prompt", "completion", "both"], "default": "both",
                    "description": "Whose messages are learned; the others are their context.",
                ],
                "reward": bounded("number", -1, 1),
            ]),
        request(
            "Feedback",
            [
                "completion": string, "choice": bounded("integer", 0, 1_000_000, default: 0),
                "reward": bounded("number", -1, 1),
                "completions": [
                    "type": "array", "minItems": 1, "maxItems": 64,
                    "description":
                        "In place of the others: several answers, judged relative to each other.",
                    "items": [
                        "type": "object", "required": ["id", "reward"],
                        "additionalProperties": false,
                        "properties": [
                            "id": string, "choice": bounded("integer", 0, 1_000_000, default: 0),
                            "reward": bounded("number", -1, 1),
                        ],
                    ],
                ],
            ]),
        request(
            "ScoreRequest", required: ["text"],
            [
                "text": string, "mode": ["enum": ["adapted", "frozen", "compare"]],
                "per_token": boolean, "parse_special": CompletionSchemas.parsesSpecial("true"),
            ]),
        request(
            "Reset",
            [
                "to": [
                    "type": "string", "default": "head",
                    "description": .string(
                        "head, frozen or a checkpoint's id. The user's engram stays as it is until "
                            + "the session's next checkpoint, which then replaces it. What other "
                            + "sessions add to it in between stays."),
                ]
            ]),
        request(
            "CreateCheckpoint", ["name": FeatureSchemas.name, "note": FeatureSchemas.note]),
    ]

    // MARK: answers

    private static let answers: [JSONValue.Member] = [
        object(
            "Session", required: ["id", "object", "user", "name", "revision"],
            [
                "id": string, "object": ["const": "session"], "user": string, "name": string,
                "revision": integer, "base": nullableString,
                "supersedes": [
                    "type": ["string", "null"],
                    "description": .string(
                        "The engram that its next checkpoint replaces: the user's when the "
                            + "session was reset elsewhere, or what it stood on before an import "
                            + "or a merge. What was in that and is not in the session does not "
                            + "come back; what other sessions add to it stays."),
                ],
                "tokens_learned": integer, "events": integer, "learn": learn, "created": time,
                "updated": time,
                "engram": [
                    "type": "object",
                    "properties": [
                        "bytes": integer, "biases": integer, "bias_norm": number,
                        "contexts": integer, "sequence_norm": number, "synapses": integer,
                        "feature_norm": number, "matrix_norm": number, "layer_norm": number,
                        "episodes": integer,
                    ],
                ],
                "event": [
                    "type": "string", "description": "In the answer to a merge: its event.",
                ],
                "fitted": ["$ref": "#/components/schemas/ProbeFit"],
                "transfer": ["$ref": "#/components/schemas/Transfer"],
            ]),
        object(
            "Observation",
            required: ["event", "session", "tokens", "bytes", "bits_per_byte", "revision"],
            [
                "event": string, "object": ["const": "observation"], "session": string,
                "tokens": integer, "bytes": integer, "bits_per_byte": bitsPerByte,
                "revision": integer, "safe_zone": safeZone,
                "certificate": ["$ref": "#/components/schemas/CertificateBrief"],
                "replayed": boolean,
            ]),
        object(
            "FeedbackResult",
            required: ["event", "session", "tokens", "learned_tokens", "revision", "completions"],
            [
                "event": string, "object": ["const": "feedback"], "session": string,
                "tokens": integer,
                "learned_tokens": [
                    "type": "integer",
                    "description": "0 when all rewards of a group were equal: nothing was learned.",
                ],
                "streak": integer, "gain": bounded("number", 1, 2), "revision": integer,
                "safe_zone": safeZone, "replayed": boolean,
                "completions": [
                    "type": "array",
                    "items": [
                        "type": "object",
                        "properties": [
                            "id": string, "choice": integer, "reward": number,
                            "advantage": number, "tokens": integer,
                            "logprob": [
                                "type": "object", "description": "Of the answer, nats.",
                                "properties": ["before": number, "after": number],
                            ],
                        ],
                    ],
                ],
            ]),
        object(
            "Score", required: ["tokens", "bytes", "bits_per_byte", "revision"],
            [
                "object": ["const": "score"], "session": string, "tokens": integer,
                "bytes": integer, "bits_per_byte": bitsPerByte, "revision": integer,
                "per_token": [
                    "type": "array",
                    "items": [
                        "type": "object",
                        "properties": [
                            "token": integer, "text": string, "frozen": number, "adapted": number,
                        ],
                    ],
                ],
            ]),
        object(
            "Checkpoint", required: ["id", "object", "revision", "hash", "is_head"],
            [
                "id": string, "object": ["const": "checkpoint"], "name": nullableString,
                "note": nullableString, "automatic": boolean,
                "parent": nullableString,
                "supersedes": [
                    "type": ["string", "null"],
                    "description": .string(
                        "The engram whose place it took (its session's 'supersedes'); null for "
                            + "one that was added to its parent."),
                ],
                "revision": integer, "tokens_learned": integer, "created": time,
                "bytes": integer, "hash": string, "is_head": boolean,
                "fitted": ["$ref": "#/components/schemas/ProbeFit"],
            ]),
        object(
            "Deleted", required: ["id", "object", "deleted"],
            ["id": string, "object": string, "deleted": ["const": true]]),
    ]

    // MARK: service

    private static let service: [JSONValue.Member] = [
        object(
            "Model", required: ["id", "object", "created", "owned_by"],
            [
                "id": string, "object": ["const": "model"], "created": integer,
                "owned_by": string, "context_length": integer, "vocabulary_size": integer,
                "identity": ["type": "object"], "kernel_class": string,
            ]),
        object(
            "Health", required: ["status"],
            ["status": ["enum": ["loading", "ready", "draining"]], "model": string]),
        .init(name: "OpenAPI", value: ["type": "object"]),
        object(
            "Error", required: ["error"],
            [
                "error": [
                    "type": "object", "required": ["message", "type", "param", "code"],
                    "properties": [
                        "message": string, "type": string, "param": nullableString,
                        "code": nullableString,
                        "probe": ["$ref": "#/components/schemas/ProbeReading"],
                    ],
                ]
            ]),
    ]
}
