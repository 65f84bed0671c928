import Engrams
import Scheduling

/// The schemas of the constitution and of its audits.
enum ConstitutionSchemas {
    static let all: [JSONValue.Member] = [
        .init(name: "Constitution", value: constitution),
        .init(name: "ProbeReading", value: reading),
        .init(name: "ProbeFit", value: fit),
    ]

    static let audit = object(
        [
            .init(name: "for", value: ["enum": ["checkpoint", "import", "merge"]]),
            integer("revision", "The session's, when it was audited."),
            .init(name: "passed", value: ["type": "boolean"]),
            integer("probes", "How many were asked."),
            .init(name: "worst", value: ["$ref": "#/components/schemas/ProbeReading"]),
        ], optional: [.init(name: "fitted", value: ["$ref": "#/components/schemas/ProbeFit"])])

    private static let fit: JSONValue = described(
        object([
            .init(
                name: "scope", value: ["enum": .strings(ProbeFit.Scope.allCases.map(\.rawValue))]),
            number("scale", "What is left of it, from 0 (nothing) to 1."),
            .init(name: "probes", value: array(["type": "string"])),
        ]),
        "What was turned down so that the engram passes the probes, which failed before: what pushes "
            + "their own words where they ask (continuations), all that speaks there (positions), "
            + "that and the layer weights (layers), or everything. Not there when nothing was.")

    private static func described(_ schema: JSONValue, _ description: String) -> JSONValue {
        schema.with("description", .string(description))
    }

    private static let reading = object([
        string("name", "The probe's."),
        number("measured", "Of the continuation's log-probability, or of two in difference; nats."),
        .init(name: "bound", value: ["enum": ["at_least", "at_most"]]),
        number("required", "The bound on what is measured, nats."),
        number("slack", "How far within the bound; negative when the probe fails."),
    ])

    private static let constitution = object([
        .init(name: "object", value: ["const": "constitution"]),
        .init(name: "sealed", value: ["type": "boolean"]),
        nullableString("sha256", "Of constitution.yaml; null for a core that is not sealed."),
        nullableString("signed_by", "The Ed25519 public key, Base64; null when it is not signed."),
        .init(
            name: "files",
            value: array(object([string("path", "In the core's folder."), string("sha256", "")]))),
        .init(
            name: "safe_zone",
            value: object(
                SafeZone().namedNumbers.map { zone in
                    zone.isWhole ? integer(zone.name, "") : number(zone.name, "")
                })),
        .init(
            name: "protected",
            value: object([
                .init(
                    name: "tokens",
                    value: array(object([string("text", ""), integer("id", "")]))),
                .init(name: "latents", value: array(["type": "integer"])),
            ])),
        .init(
            name: "probes",
            value: array(
                object([
                    string("name", ""), string("prompt", ""),
                    nullableString("required", "A continuation that must stay likely."),
                    nullableString("forbidden", "One that must stay unlikely."),
                    number("margin", "Nats."),
                ]))),
    ])

    private static func object(
        _ properties: [JSONValue.Member], optional: [JSONValue.Member] = []
    ) -> JSONValue {
        [
            "type": "object", "required": .strings(properties.map(\.name)),
            "properties": .object(properties + optional),
        ]
    }

    private static func array(_ items: JSONValue) -> JSONValue {
        ["type": "array", "items": items]
    }

    private static func member(
        _ name: String, _ type: JSONValue, _ description: String
    ) -> JSONValue.Member {
        .init(
            name: name,
            value: .object(compact: [
                "type": type,
                "description": description.isEmpty ? nil : .string(description),
            ]))
    }

    private static func string(_ name: String, _ description: String) -> JSONValue.Member {
        member(name, "string", description)
    }

    private static func nullableString(_ name: String, _ description: String) -> JSONValue.Member {
        member(name, ["string", "null"], description)
    }

    private static func integer(_ name: String, _ description: String) -> JSONValue.Member {
        member(name, "integer", description)
    }

    private static func number(_ name: String, _ description: String) -> JSONValue.Member {
        member(name, "number", description)
    }
}
