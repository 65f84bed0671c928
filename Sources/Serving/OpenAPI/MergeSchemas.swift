import Engrams
import Scheduling

/// The schemas of `merge` and of the report on a forced import.
enum MergeSchemas {
    static let all: [JSONValue.Member] = [
        .init(
            name: "Merge",
            value: [
                "type": "object", "required": ["terms"], "additionalProperties": false,
                "properties": [
                    "terms": [
                        "type": "array", "items": term, "minItems": 1,
                        "maxItems": .integer(MergeRequest.termsMaximum),
                    ],
                    "mode": [
                        "type": "string", "enum": ["replace", "add"], "default": "replace",
                        "description": .string(
                            "Whether the sum takes the place of the session's total, or is added "
                                + "to it."),
                    ],
                    "rescale": [
                        "type": "string",
                        "enum": .strings(MergeRescale.allCases.map(\.rawValue)),
                        "default": "sqrt",
                        "description": .string(
                            "The sum of n added terms times 1/sqrt(n), 1/n or 1. Terms that are "
                                + "taken away do not count."),
                    ],
                    "without": [
                        "description": .string(
                            "Sites of the terms that take no part: a list, or one text with commas. "
                                + "Words of the owner can be read off episodes and sequences."),
                        "oneOf": [
                            ["type": "string"],
                            [
                                "type": "array",
                                "items": ["enum": .strings(PlasticSite.allCases.map(\.rawValue))],
                            ],
                        ],
                    ],
                ],
            ]),
        .init(name: "Transfer", value: transfer),
    ]

    private static let transfer: JSONValue = [
        "type": "object",
        "description": "In the answer to a forced import: what became of the engram here.",
        "properties": [
            "changed": [
                "type": "array",
                "items": [
                    "type": "object",
                    "properties": [
                        "part": ["enum": ["core", "SAE", "rule", "constitution"]],
                        "learned_on": ["type": "string"], "here": ["type": "string"],
                    ],
                ],
            ],
            "sites": [
                "type": "array",
                "description": "Weights of each site, positions for the episodes.",
                "items": [
                    "type": "object",
                    "properties": [
                        "site": ["type": "string"], "before": ["type": "integer"],
                        "after": ["type": "integer"],
                    ],
                ],
            ],
            "measured": [
                "type": ["object", "null"],
                "description": .string(
                    "On the newest text that the session learned from; null when it has none."),
                "properties": [
                    "tokens": ["type": "integer"], "bytes": ["type": "integer"],
                    "bits_per_byte": [
                        "type": "object",
                        "properties": [
                            "frozen": ["type": "number"], "adapted": ["type": "number"],
                        ],
                    ],
                ],
            ],
        ],
    ]

    private static let term: JSONValue = [
        "type": "object", "additionalProperties": false,
        "description": "A checkpoint or a session of the same user, one of the two.",
        "properties": [
            "checkpoint": ["type": "string"],
            "session": ["type": "string", "description": "A name, or user/name."],
            "scale": [
                "type": "number", "default": 1,
                "minimum": .number(Double(-MergeRequest.scaleMaximum)),
                "maximum": .number(Double(MergeRequest.scaleMaximum)),
                "description": "Below 0 takes away; not 0.",
            ],
            "scope": [
                "type": "string", "enum": ["total", "delta"], "default": "total",
                "description": .string(
                    "All that it holds, or what it holds beyond what it stands on: of a session "
                        + "its base, of a checkpoint its parent, or what its session had been "
                        + "reset to."),
            ],
        ],
    ]
}
