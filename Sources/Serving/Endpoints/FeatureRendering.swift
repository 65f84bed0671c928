import Engrams
import ModelFormats
import Scheduling

/// How reports on what was learned look in JSON.
extension JSONValue {
    static func features(_ report: FeatureReport) -> JSONValue {
        [
            "object": "features",
            "session": .string(report.session.description),
            "revision": .revision(report.revision),
            "tokens_learned": .integer(report.tokensLearned),
            "sites": .array(
                report.sites.map { site in
                    [
                        "site": .string(site.name), "count": .integer(site.count),
                        "norm": .figure(site.norm), "gain": .figure(site.gain),
                    ]
                }),
            "latents": .array(report.latents.map { latent($0, isChange: false) }),
            "contexts": .array(report.contexts.map { context($0, isChange: false) }),
            "biases": .array(report.biases.map { push($0, isChange: false) }),
            "searched_tokens": report.searchedTokens.map(JSONValue.integer) ?? .null,
        ]
    }

    static func diff(_ diff: CheckpointDiff) -> JSONValue {
        [
            "object": "checkpoint.diff",
            "from": side(diff.from),
            "to": side(diff.to),
            "sites": .array(diff.sites.map(site)),
            "latents": .array(diff.latents.map { latent($0, isChange: true) }),
            "contexts": .array(diff.contexts.map { context($0, isChange: true) }),
            "tokens": .array(
                diff.tokens.map { token in
                    [
                        "token": .integer(token.token.index), "text": .string(token.text),
                        "bias": .figure(token.bias), "features": .figure(token.features),
                        "sequences": .figure(token.sequences), "total": .figure(token.total),
                    ]
                }),
            "bits_per_byte": diff.measured.map { measured in
                [
                    "tokens": .integer(measured.tokens), "bytes": .integer(measured.bytes),
                    "frozen": .number(measured.frozen), "from": .number(measured.from),
                    "to": .number(measured.to),
                ]
            } ?? .null,
        ]
    }

    private static func side(_ side: CheckpointDiff.Side) -> JSONValue {
        [
            "id": .string(side.side.name), "bytes": .integer(side.bytes),
            "tokens_learned": .integer(side.tokensLearned),
        ]
    }

    private static func site(_ site: EngramComparison.Site) -> JSONValue {
        [
            "site": .string(site.name),
            "count": ["from": .integer(site.countBefore), "to": .integer(site.countAfter)],
            "norm": [
                "from": .figure(site.normBefore), "to": .figure(site.normAfter),
                "change": .figure(site.normOfChange),
            ],
            "added": .integer(site.added), "removed": .integer(site.removed),
            "changed": .integer(site.changed),
        ]
    }

    private static func latent(_ latent: LatentReport, isChange: Bool) -> JSONValue {
        let examples = latent.examples.map { examples in
            JSONValue.array(
                examples.map { example in
                    [
                        "before": .string(example.before), "token": .string(example.token),
                        "after": .string(example.after), "activity": .figure(example.activity),
                    ]
                })
        }
        return .object(compact: [
            "latent": .integer(latent.latent), "norm": .figure(latent.norm),
            "change": isChange ? .figure(latent.change) : nil,
            "activations": .integer(latent.activations),
            "up": .array(
                latent.pushes.filter { $0.change > 0 }.map { push($0, isChange: isChange) }),
            "down": .array(
                latent.pushes.filter { $0.change < 0 }.map { push($0, isChange: isChange) }),
            "examples": examples,
        ])
    }

    private static func context(_ context: ContextReport, isChange: Bool) -> JSONValue {
        .object(compact: [
            "order": .integer(context.order), "text": .optional(context.text),
            isChange ? "change" : "norm": .figure(context.change),
            "targets": .array(context.pushes.map { push($0, isChange: isChange) }),
        ])
    }

    private static func push(_ push: TokenPush, isChange: Bool) -> JSONValue {
        .object(compact: [
            "token": .integer(push.token.index), "text": .string(push.text),
            "weight": .figure(push.weight), "change": isChange ? .figure(push.change) : nil,
        ])
    }

    /// A `Float` with the digits that it has, not those of the `Double` beside it.
    private static func figure(_ value: Float) -> JSONValue {
        .number(Double(value.description) ?? Double(value))
    }
}
