import Scheduling

/// The schemas of `/v1/keys`.
enum KeySchemas {
    static let all: [JSONValue.Member] = [
        .init(
            name: "CreateKey",
            value: [
                "type": "object", "required": ["user"], "additionalProperties": false,
                "properties": [
                    "user": ["type": "string", "description": "Whose key it is."],
                    "role": role(default: "user"), "quota": limits(closed: true), "learn": learn,
                ],
            ]),
        .init(
            name: "ChangeKey",
            value: [
                "type": "object", "additionalProperties": false,
                "properties": [
                    "quota": limits(closed: true).with(
                        "description", "In place of the whole of the present one."),
                    "learn": learn,
                ],
            ]),
        .init(name: "Key", value: key(["id", "object", "user", "role", "created"], [])),
        .init(
            name: "NewKey",
            value: key(
                ["id", "object", "user", "role", "created", "key"],
                [
                    .init(
                        name: "key",
                        value: [
                            "type": "string",
                            "description": "The key itself. It is kept nowhere: copy it now.",
                        ])
                ])),
    ]

    private static let learn: JSONValue = [
        "enum": .strings(LearnMode.allCases.map(\.rawValue)),
        "description": "What its requests teach where neither they nor their session say.",
    ]

    private static func role(default value: JSONValue?) -> JSONValue {
        .object(compact: [
            "enum": .strings(AccessKey.Role.allCases.map(\.rawValue)), "default": value,
            "description":
                "A user's key reaches what is its user's; an admin's acts for any user.",
        ])
    }

    private static func limits(closed: Bool) -> JSONValue {
        .object(compact: [
            "type": "object", "additionalProperties": closed ? false : nil,
            "properties": .object(
                Quota.Limit.allCases.map { limit in
                    .init(
                        name: limit.rawValue,
                        value: [
                            "type": "integer", "minimum": closed ? 1 : 0,
                            "maximum": .integer(closed ? Quota.allowed.upperBound : .max),
                        ])
                }),
        ])
    }

    private static func key(_ required: [String], _ more: [JSONValue.Member]) -> JSONValue {
        let time: JSONValue = ["type": "string", "format": "date-time"]
        let properties: [JSONValue.Member] = [
            .init(name: "id", value: ["type": "string"]),
            .init(name: "object", value: ["const": "key"]),
            .init(name: "user", value: ["type": "string"]),
            .init(name: "role", value: role(default: nil)),
            .init(name: "quota", value: limits(closed: false)),
            .init(
                name: "used",
                value: limits(closed: false).with(
                    "description", "Of the quota's limits, in the present minute and day.")),
            .init(name: "learn", value: ["type": ["string", "null"]]),
            .init(name: "created", value: time),
            .init(name: "last_used", value: ["type": ["string", "null"], "format": "date-time"]),
        ]
        return [
            "type": "object", "required": .strings(required),
            "properties": .object(properties + more),
        ]
    }
}
