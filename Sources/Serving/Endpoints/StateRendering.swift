import Engrams
import ModelFormats
import Scheduling

/// How the values of the facade look in JSON.
extension JSONValue {
    static func revision(_ revision: Revision) -> JSONValue {
        .integer(Int(clamping: revision.rawValue))
    }

    static func session(_ state: SessionState) -> JSONValue {
        [
            "id": .string(state.id.description),
            "object": "session",
            "user": .string(state.id.user.rawValue),
            "name": .string(state.id.name.rawValue),
            "revision": .revision(state.revision),
            "base": .optional(state.base?.rawValue),
            "supersedes": .optional(state.superseded?.rawValue),
            "tokens_learned": .integer(state.tokensLearned),
            "events": .integer(state.events),
            "learn": .string(state.learn.rawValue),
            "created": .string(RFC3339.text(state.created)),
            "updated": .string(RFC3339.text(state.updated)),
            "engram": .engram(state.engram),
        ]
    }

    static func engram(_ summary: EngramSummary) -> JSONValue {
        [
            "bytes": .integer(summary.bytes),
            "biases": .integer(summary.biases),
            "bias_norm": .number(Double(summary.biasNorm)),
            "contexts": .integer(summary.contexts),
            "sequence_norm": .number(Double(summary.sequenceNorm)),
            "synapses": .integer(summary.synapses),
            "feature_norm": .number(Double(summary.featureNorm)),
            "matrix_norm": .number(Double(summary.matrixNorm)),
            "layer_norm": .number(Double(summary.layerNorm)),
            "episodes": .integer(summary.episodes),
        ]
    }

    static func checkpoint(_ state: CheckpointState) -> JSONValue {
        .object(compact: [
            "id": .string(state.id.rawValue),
            "object": "checkpoint",
            "name": .optional(state.name),
            "note": .optional(state.note),
            "automatic": .bool(state.isAutomatic),
            "parent": .optional(state.parent?.rawValue),
            "supersedes": .optional(state.superseded?.rawValue),
            "revision": .revision(state.revision),
            "tokens_learned": .integer(state.tokensLearned),
            "created": .string(RFC3339.text(state.created)),
            "bytes": .integer(state.bytes),
            "hash": .string(state.hash),
            "is_head": .bool(state.isHead),
            "fitted": state.fit.map { .fit($0) },
        ])
    }

    static func bitsPerByte(_ bits: BitsPerByte) -> JSONValue {
        ["frozen": .number(bits.frozen), "adapted": .number(bits.adapted)]
    }

    static func safeZone(_ report: Adaptation) -> JSONValue {
        [
            "kl_mean": .number(report.klMean), "kl_max": .number(report.klMax),
            "strength_min": .number(report.strengthMin),
        ]
    }

    static func observation(_ result: ObserveResult, session: SessionID) -> JSONValue {
        .object(compact: [
            "event": .string(result.event.rawValue),
            "object": "observation",
            "session": .string(session.description),
            "tokens": .integer(result.tokens),
            "bytes": .integer(result.bytes),
            "bits_per_byte": .bitsPerByte(result.bitsPerByte),
            "revision": .revision(result.revision),
            "safe_zone": .safeZone(result.adaptation),
            "certificate": result.certificate.map { .certificate($0) },
            "replayed": .bool(result.replayed),
        ])
    }

    static func score(_ result: ScoreResult, session: SessionID) -> JSONValue {
        let perToken = result.perToken.map { scores in
            JSONValue.array(
                scores.map { score in
                    [
                        "token": .integer(score.token.index), "text": .string(score.text),
                        "frozen": .number(score.frozen), "adapted": .number(score.adapted),
                    ]
                })
        }
        return .object(compact: [
            "object": "score",
            "session": .string(session.description),
            "tokens": .integer(result.tokens),
            "bytes": .integer(result.bytes),
            "bits_per_byte": .bitsPerByte(result.bitsPerByte),
            "revision": .revision(result.revision),
            "per_token": perToken,
        ])
    }

    static func list<Item>(
        _ listing: Listing<Item>, _ render: (Item) -> JSONValue
    ) -> JSONValue {
        [
            "object": "list", "data": .array(listing.items.map(render)),
            "has_more": .bool(listing.hasMore),
        ]
    }
}

extension HTTPResponse {
    /// A session, with its revision as the entity tag.
    static func session(_ state: SessionState, status: Int = 200) -> HTTPResponse {
        .json(.session(state), status: status, headers: ["ETag": EntityTag.text(state.revision)])
    }
}
