import Scheduling

/// The schemas of `features`, of checkpoints' notes and of their `diff`.
enum FeatureSchemas {
    static let all: [JSONValue.Member] = [
        .init(
            name: "DescribeCheckpoint",
            value: [
                "type": "object",
                "description": "What is not given stays as it is; an empty text removes it.",
                "properties": ["name": name, "note": note], "additionalProperties": false,
            ]),
        .init(name: "Features", value: features),
        .init(name: "CheckpointDiff", value: diff),
    ]

    static let name: JSONValue = ["type": "string", "maxLength": 255]
    static let note: JSONValue = [
        "type": "string", "description": "For people: up to 2,000 bytes.",
    ]

    private static let features: JSONValue = [
        "type": "object",
        "required": ["object", "session", "revision", "sites", "latents", "contexts", "biases"],
        "properties": [
            "object": ["const": "features"], "session": string, "revision": integer,
            "tokens_learned": integer,
            "sites": array([
                "site": string,
                "count": described(integer, "Weights; positions for the episodes."),
                "norm": number, "gain": number,
            ]),
            "latents": array(latent), "contexts": array(context(of: "norm")),
            "biases": array(push),
            "searched_tokens": [
                "type": ["integer", "null"],
                "description": .string(
                    "How much of the newest text was searched for examples and contexts; null "
                        + "where the journal keeps no text."),
            ],
        ],
    ]

    private static let diff: JSONValue = [
        "type": "object",
        "required": ["object", "from", "to", "sites", "latents", "contexts", "tokens"],
        "properties": [
            "object": ["const": "checkpoint.diff"], "from": side, "to": side,
            "sites": array([
                "site": string, "count": object(["from": integer, "to": integer]),
                "norm": object(["from": number, "to": number, "change": number]),
                "added": integer, "removed": integer, "changed": integer,
            ]),
            "latents": array(latent), "contexts": array(context(of: "change")),
            "tokens": array([
                "token": integer, "text": string, "bias": number, "features": number,
                "sequences": number,
                "total": described(number, "The sum of the changes' magnitudes."),
            ]),
            "bits_per_byte": [
                "type": ["object", "null"],
                "description": .string(
                    "Of the session's own newest text; null where the journal keeps none."),
                "properties": [
                    "tokens": integer, "bytes": integer, "frozen": number, "from": number,
                    "to": number,
                ],
            ],
        ],
    ]

    private static let string: JSONValue = ["type": "string"]
    private static let integer: JSONValue = ["type": "integer"]
    private static let number: JSONValue = ["type": "number"]

    private static let side = object(["id": string, "bytes": integer, "tokens_learned": integer])

    private static let push: JSONValue = [
        "token": integer, "text": string, "weight": number, "change": number,
    ]

    private static let latent: JSONValue = [
        "latent": integer, "norm": number, "change": number,
        "activations": described(integer, "How often it was at work in what was learned."),
        "up": array(push), "down": array(push),
        "examples": array([
            "before": string,
            "token": described(string, "The newest token that the latent saw."),
            "after": string, "activity": number,
        ]),
    ]

    private static func context(of size: String) -> JSONValue {
        .object([
            .init(name: "order", value: integer),
            .init(
                name: "text",
                value: [
                    "type": ["string", "null"],
                    "description": "Null where it is not in the text that was searched.",
                ]),
            .init(name: size, value: number),
            .init(name: "targets", value: array(push)),
        ])
    }

    private static func object(_ properties: JSONValue) -> JSONValue {
        ["type": "object", "properties": properties]
    }

    private static func array(_ properties: JSONValue) -> JSONValue {
        ["type": "array", "items": object(properties)]
    }

    private static func described(_ schema: JSONValue, _ text: String) -> JSONValue {
        schema.with("description", .string(text))
    }
}
