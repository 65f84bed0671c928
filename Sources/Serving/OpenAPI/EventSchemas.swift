/// The schemas of `events`.
enum EventSchemas {
    static let all: [JSONValue.Member] = [
        .init(name: "Event", value: event), .init(name: "ForgetReceipt", value: receipt),
        .init(name: "DepartureReceipt", value: departure),
    ]

    private static let string: JSONValue = ["type": "string"]
    private static let integer: JSONValue = ["type": "integer"]
    private static let number: JSONValue = ["type": "number"]
    private static let time: JSONValue = ["type": "string", "format": "date-time"]

    private static func described(_ type: String, _ description: String) -> JSONValue {
        ["type": .string(type), "description": .string(description)]
    }

    private static let tokens: JSONValue = [
        "type": "array", "items": integer,
        "description": .string(
            "The tokens of the text that is shown, where there are control tokens among them: the "
                + "text has their names, which somebody may as well have written."),
    ]

    private static let event: JSONValue = [
        "type": "object",
        "required": .strings([
            "id", "object", "kind", "revision", "created", "tokens", "learned_tokens", "forgotten",
        ]),
        "properties": [
            "id": string,
            "object": ["const": "event"],
            "kind": [
                "enum": .strings([
                    "observe", "completion", "feedback", "import", "merge", "reset", "restore",
                    "checkpoint", "forget",
                ])
            ],
            "revision": described("integer", "The session's revision after it."),
            "created": time,
            "tokens": described("integer", "Of its text; 0 for what learns no text."),
            "learned_tokens": described("integer", "Those that the learning gate let through."),
            "reward": number,
            "bits_per_byte": [
                "type": "object", "required": ["frozen", "adapted"],
                "properties": ["frozen": number, "adapted": number],
                "description": .string(
                    "Of an observed text, as it was then: each token predicted before it was "
                        + "learned."),
            ],
            "target": described("string", "The checkpoint that it made or went to."),
            "forgotten": described("boolean", "Its content is gone; only its place is left."),
            "forgotten_by": described("string", "The event that has the receipt."),
            "text": described("string", "What was learned, whole."),
            "preview": described("string", "Its beginning, where there is more."),
            "token_ids": tokens,
            "messages": [
                "type": "array",
                "description": .string(
                    "Where it learned from a conversation and is shown whole: its text is what was "
                        + "learned, these are what it was learned in."),
                "items": [
                    "type": "object", "required": ["role", "content", "learned"],
                    "properties": [
                        "role": string, "content": string, "learned": ["type": "boolean"],
                    ],
                ],
            ],
            "verdicts": [
                "type": "array",
                "items": [
                    "type": "object", "required": ["reward", "advantage", "tokens"],
                    "properties": [
                        "reward": number, "advantage": number, "tokens": integer,
                        "prompt": string, "answer": string, "prompt_preview": string,
                        "answer_preview": string, "prompt_token_ids": tokens,
                        "answer_token_ids": tokens,
                    ],
                ],
            ],
            "receipt": ["$ref": "#/components/schemas/ForgetReceipt"],
        ],
    ]

    private static let departure: JSONValue = [
        "type": "object",
        "required": .strings([
            "id", "object", "deleted", "time", "sessions", "checkpoints", "events", "bytes",
            "erased",
        ]),
        "properties": [
            "id": string, "object": ["const": "user.deleted"], "deleted": ["const": true],
            "time": time, "sessions": integer, "checkpoints": integer, "events": integer,
            "bytes": described("integer", "Of the engrams and of what the events held."),
            "erased": described("boolean", "True: nothing of the user is in any file any more."),
        ],
    ]

    private static let hashes: JSONValue = [
        "type": "object", "required": ["before", "after"],
        "description": "SHA-256 of its engram file, hexadecimal.",
        "properties": ["before": string, "after": string],
    ]

    private static let receipt: JSONValue = [
        "type": "object",
        "required": .strings([
            "event", "object", "session", "kind", "created", "forgotten", "replayed_events",
            "sessions", "checkpoints",
        ]),
        "properties": [
            "event": string,
            "object": ["const": "event.forgotten"],
            "session": string,
            "kind": string,
            "created": time,
            "forgotten": time,
            "replayed_events": described("integer", "Later events that were learned again."),
            "sessions": [
                "type": "array",
                "description": "Sessions of the user that go on from another revision now.",
                "items": [
                    "type": "object", "required": ["id", "revision", "hash"],
                    "properties": [
                        "id": string,
                        "revision": [
                            "type": "object", "required": ["before", "after"],
                            "properties": ["before": integer, "after": integer],
                        ],
                        "hash": hashes,
                    ],
                ],
            ],
            "checkpoints": [
                "type": "array", "description": "Checkpoints that hold something else now.",
                "items": [
                    "type": "object", "required": ["id", "hash"],
                    "properties": [
                        "id": string, "hash": hashes,
                        "failed_probe": [
                            "allOf": [["$ref": "#/components/schemas/ProbeReading"]],
                            "description": "Where it fails one now, as the core itself does.",
                        ],
                        "fitted": ["$ref": "#/components/schemas/ProbeFit"],
                    ],
                ],
            ],
            "erased": described(
                "boolean", "In the answer to DELETE: true, the text is in no file any more."),
        ],
    ]
}
