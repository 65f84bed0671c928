import Scheduling

/// The schemas of `safety`, and of the certificate in the answer to `observe`.
enum SafetySchemas {
    static let all: [JSONValue.Member] = [
        .init(name: "Safety", value: safety), .init(name: "Certificate", value: certificate),
        .init(name: "CertificateBrief", value: object(brief)),
    ]

    private static func object(_ properties: [JSONValue.Member]) -> JSONValue {
        [
            "type": "object", "required": .strings(properties.map(\.name)),
            "properties": .object(properties),
        ]
    }

    private static func number(_ name: String, _ description: String) -> JSONValue.Member {
        .init(name: name, value: ["type": "number", "description": .string(description)])
    }

    private static func integer(_ name: String, _ description: String) -> JSONValue.Member {
        .init(name: name, value: ["type": "integer", "description": .string(description)])
    }

    private static func reference(_ name: String, _ schema: String) -> JSONValue.Member {
        .init(name: name, value: ["$ref": .string("#/components/schemas/\(schema)")])
    }

    private static let brief = [
        integer("tokens", "Learned so far, each predicted before it was learned."),
        number(
            "certified_gain_percent",
            "Percent of the frozen bits. The mean, over the tokens so far, of the gain expected "
                + "just before each is at least this; negative: no gain is certified yet."),
        number("measured_gain_percent", "Percent of the frozen bits."),
        number("confidence", "Of the certified gain, at all token counts together."),
    ]

    private static let certificate = object(
        brief + [
            number("certified_gain_bits_per_token", "The certified gain again."),
            number("measured_gain_bits_per_token", "The measured gain again."),
            .init(
                name: "forecast",
                value: [
                    "oneOf": [["type": "null"], forecast],
                    "description": .string(
                        "Holds if blocks of tokens are exchangeable; null until the first block "
                            + "is whole."),
                ]),
            .init(name: "evidence", value: evidence),
            .init(
                name: "complexity",
                value: object([
                    number("nats", "The engram's squared norm over 2 sigma squared."),
                    number("sigma", "Logits."),
                ])),
        ])

    private static let forecast = object([
        number("next_block_gain_percent_at_least", "The smallest gain of the past blocks."),
        number("confidence", "1 - 1/(blocks + 1)."),
        integer("blocks", "Past blocks, the latest 64."),
        integer("block_tokens", "Tokens of a block."),
    ])

    private static let evidence = object([
        number("log_e_value", "Natural logarithm of the e-value."),
        .init(
            name: "helps",
            value: [
                "type": "boolean", "description": "Whether the e-value exceeds 20.",
            ]),
        .init(
            name: "tokens_until_evidence",
            value: [
                "type": ["integer", "null"],
                "description": "The token at which it first exceeded 20.",
            ]),
    ])

    private static let monitor = object([
        .init(
            name: "value",
            value: [
                "type": ["number", "null"], "description": "Null while there is nothing to tell.",
            ]),
        number("threshold", "Where it fires."),
        .init(name: "fires", value: ["enum": ["above", "below", "outside"]]),
        .init(name: "firing", value: ["type": "boolean"]),
    ])

    private static let safety = object([
        .init(name: "object", value: ["const": "safety"]),
        .init(name: "session", value: ["type": "string"]),
        integer("revision", "The session's."),
        integer("since_revision", "The figures are of the time since: start, reset or import."),
        .init(name: "engram", value: ["type": "object"]),
        .init(
            name: "bounds",
            value: object([
                number("kl_max", "Nats a token."),
                number("strength_max", "Largest share of the adapted distribution."),
                number("token_loss_max_bits", "What a token can cost above the core."),
                number("weight_max", "Largest weight, logits."),
                integer("synapses", "Largest number."), integer("contexts", "Largest number."),
            ])),
        .init(
            name: "divergence",
            value: object([
                integer("tokens", "Observed and generated."), number("kl_mean", "Nats a token."),
                number("kl_max", "Nats."),
            ])),
        reference("certificate", "Certificate"),
        .init(
            name: "monitors",
            value: object(
                CollapseMonitor.Monitor.allCases.map {
                    .init(name: $0.rawValue, value: monitor)
                })),
        .init(name: "learning_from_completions", value: ["enum": ["allowed", "paused"]]),
        .init(
            name: "last_audit",
            value: [
                "oneOf": [["type": "null"], ConstitutionSchemas.audit],
                "description": "Of the constitution's probes; null before the first.",
            ]),
    ])
}
