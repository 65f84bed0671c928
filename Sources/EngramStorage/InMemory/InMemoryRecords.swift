import Engrams

// What the in-memory store makes of a record that rows are made of elsewhere.

extension EventOutline {
    init(_ event: EventRecord) {
        self.init(
            id: event.id, kind: event.kind, tokenCount: event.tokenCount, target: event.target,
            superseded: event.superseded, payload: event.payload,
            keepsContent: event.keepsContent,
            isForgotten: event.forgottenBy != nil, created: event.created)
    }
}

extension EventRecord {
    /// Of its tokens, four bytes each, and of what else it holds.
    var byteCount: Int {
        4 * tokens.count + [engram, answer, payload].reduce(0) { $0 + ($1?.count ?? 0) }
    }

    /// The tokens are one, unless they were forgotten.
    var valueCount: Int {
        (forgottenBy == nil || !tokens.isEmpty ? 1 : 0)
            + [engram, answer, payload].count { $0 != nil }
    }

    /// Leaves its place in the journal, and nothing of what it taught.
    mutating func forget(by event: EventID) {
        tokens = []
        tokenCount = 0
        reward = nil
        engram = nil
        target = nil
        superseded = nil
        idempotencyKey = nil
        requestHash = nil
        answer = nil
        payload = nil
        forgottenBy = event
    }
}
