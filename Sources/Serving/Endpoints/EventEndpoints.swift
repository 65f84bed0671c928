import Engrams
import ModelFormats
import Scheduling

/// `events` of a session: what it learned from, and exact unlearning.
struct EventEndpoints: Sendable {
    let models: any PersonalModels

    private static let path = SessionEndpoints.path + "/events"

    var routes: [Route] {
        [
            Route(
                "GET", Self.path,
                Operation(
                    id: "listEvents", tag: "events",
                    summary: "What the session learned from, oldest first.",
                    parameters: [.limit, .after, .text], response: .list(of: "Event"),
                    errors: [400, 404, 503])
            ) { request, path in
                let listing = try await models.events(
                    path.session(), page: request.page(), text: request.flag("text"))
                return .json(.list(listing) { .event($0) })
            },
            Route(
                "GET", Self.path + "/{event}",
                Operation(
                    id: "getEvent", tag: "events", summary: "One event with its whole text.",
                    response: .schema("Event"), errors: [404, 503])
            ) { _, path in
                let event = EventID(rawValue: path["event"])
                return .json(.event(try await models.event(path.session(), event: event)))
            },
            Route(
                "DELETE", Self.path + "/{event}",
                Operation(
                    id: "forgetEvent", tag: "events",
                    summary: "Forget an event exactly: the user's sessions and checkpoints become "
                        + "what they would be had it never come, and its text leaves the disk.",
                    parameters: [.ifMatch], response: .schema("ForgetReceipt"),
                    errors: [400, 404, 409, 422, 429, 503])
            ) { request, path in
                let id = try path.session()
                let receipt = try await models.forget(
                    id, event: EventID(rawValue: path["event"]), ifMatch: request.ifMatch())
                return .json(.forgetReceipt(receipt, isErased: true))
            },
        ]
    }
}

extension Operation.Parameter {
    fileprivate static let text = Self(
        name: "text", location: "query", schema: ["type": "boolean", "default": false],
        description: "The whole text of each event, not only its beginning.")
}

extension JSONValue {
    fileprivate static func event(_ state: EventState) -> JSONValue {
        .object(compact: [
            "id": .string(state.id.rawValue),
            "object": "event",
            "kind": .string(state.kind),
            "revision": .revision(state.revision),
            "created": .string(RFC3339.text(state.created)),
            "tokens": .integer(state.tokens),
            "learned_tokens": .integer(state.learnedTokens),
            "reward": state.reward.map { .number(Double($0)) },
            "bits_per_byte": state.bitsPerByte.map { .bitsPerByte($0) },
            "target": state.target.map { .string($0.rawValue) },
            "forgotten": .bool(state.forgottenBy != nil),
            "forgotten_by": state.forgottenBy.map { .string($0.rawValue) },
            state.isPreview ? "preview" : "text": state.text.map { .string($0.text) },
            "token_ids": .tokens(state.text),
            "messages": state.messages.isEmpty
                ? nil
                : .array(
                    state.messages.map {
                        [
                            "role": .string($0.role), "content": .string($0.text),
                            "learned": .bool($0.isLearned),
                        ]
                    }),
            "verdicts": state.verdicts.isEmpty
                ? nil : .array(state.verdicts.map { verdict($0, isPreview: state.isPreview) }),
            "receipt": state.receipt.map { .forgetReceipt($0, isErased: nil) },
        ])
    }

    private static func verdict(_ verdict: EventState.Verdict, isPreview: Bool) -> JSONValue {
        .object(compact: [
            "reward": .number(verdict.reward),
            "advantage": .number(verdict.advantage),
            "tokens": .integer(verdict.tokens),
            isPreview ? "prompt_preview" : "prompt": verdict.prompt.map { .string($0.text) },
            "prompt_token_ids": .tokens(verdict.prompt),
            isPreview ? "answer_preview" : "answer": verdict.answer.map { .string($0.text) },
            "answer_token_ids": .tokens(verdict.answer),
        ])
    }

    /// Of a text that its letters do not tell whole.
    private static func tokens(_ text: JournalText?) -> JSONValue? {
        text?.tokens.map { .array($0.map { .integer($0.index) }) }
    }

    /// - Parameter isErased: nil where only the journal is asked, which knows nothing of the disk.
    fileprivate static func forgetReceipt(
        _ receipt: ForgetReceipt, isErased: Bool?
    ) -> JSONValue {
        .object(compact: [
            "event": .string(receipt.event.rawValue),
            "object": "event.forgotten",
            "session": .string(receipt.session.description),
            "kind": .string(receipt.kind),
            "created": .string(RFC3339.text(receipt.created)),
            "forgotten": .string(RFC3339.text(receipt.forgotten)),
            "replayed_events": .integer(receipt.replayedEvents),
            "sessions": .array(
                receipt.sessions.map { session in
                    [
                        "id": .string(session.session.description),
                        "revision": [
                            "before": .revision(session.revisionBefore),
                            "after": .revision(session.revisionAfter),
                        ],
                        "hash": [
                            "before": .string(session.hashBefore),
                            "after": .string(session.hashAfter),
                        ],
                    ]
                }),
            "checkpoints": .array(
                receipt.checkpoints.map { checkpoint in
                    .object(compact: [
                        "id": .string(checkpoint.checkpoint.rawValue),
                        "hash": [
                            "before": .string(checkpoint.hashBefore),
                            "after": .string(checkpoint.hashAfter),
                        ],
                        "failed_probe": checkpoint.failedProbe.map { .probe($0) },
                        "fitted": checkpoint.fit.map { .fit($0) },
                    ])
                }),
            "erased": isErased.map { .bool($0) },
        ])
    }
}
