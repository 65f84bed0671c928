import Engrams
import Scheduling

/// How the constitution and its audits look in JSON.
extension JSONValue {
    static func constitution(_ seal: CoreSeal) -> JSONValue {
        let constitution = seal.constitution
        let numbers = seal.zone.namedNumbers.map { number in
            Member(
                name: number.name,
                value: number.isWhole ? .integer(Int(number.value)) : .number(number.value))
        }
        return [
            "object": "constitution",
            "sealed": .bool(constitution != nil),
            "sha256": constitution == nil ? .null : .string(seal.hash),
            "signed_by": .optional(seal.signer?.description),
            "files": .array(
                seal.files.sorted { $0.key < $1.key }.map {
                    ["path": .string($0.key), "sha256": .string($0.value)]
                }),
            "safe_zone": .object(numbers),
            "protected": [
                "tokens": .array(
                    (constitution?.protectedTokens ?? []).map {
                        ["text": .string($0.text), "id": .integer(Int($0.id))]
                    }),
                "latents": .array(
                    (constitution?.protectedLatents ?? []).map { .integer(Int($0)) }),
            ],
            "probes": .array(
                (constitution?.probes ?? []).map { probe in
                    [
                        "name": .string(probe.name), "prompt": .string(probe.prompt),
                        "required": .optional(probe.required),
                        "forbidden": .optional(probe.forbidden), "margin": .number(probe.margin),
                    ]
                }),
        ]
    }

    static func audit(_ audit: ProbeAudit) -> JSONValue {
        .object(compact: [
            "for": .string(audit.occasion.rawValue),
            "revision": .revision(audit.revision),
            "passed": .bool(audit.passed),
            "probes": .integer(audit.probes),
            "worst": .probe(audit.worst),
            "fitted": audit.fit.map { .fit($0) },
        ])
    }

    static func fit(_ fit: ProbeFit) -> JSONValue {
        [
            "scope": .string(fit.scope.rawValue), "scale": .number(fit.scale),
            "probes": .array(fit.probes.map { .string($0) }),
        ]
    }

    static func probe(_ reading: ProbeReading) -> JSONValue {
        let bound =
            switch reading.bound {
            case .atLeast: "at_least"
            case .atMost: "at_most"
            }
        return [
            "name": .string(reading.probe), "measured": .number(reading.measured),
            "bound": .string(bound), "required": .number(reading.bound.value),
            "slack": .number(reading.slack),
        ]
    }
}
