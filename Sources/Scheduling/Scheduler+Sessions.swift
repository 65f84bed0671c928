import EngramStorage
public import Engrams

extension Scheduler {
    public func createSession(_ request: CreateSession) async throws -> SessionState {
        let name = request.name ?? SessionName(rawValue: "s-" + Self.randomName())!
        let id = SessionID(user: request.user, name: name)
        return try await serveQueued(for: id) {
            let record = try await create(id, from: request.from, learn: request.learn)
            return try state(of: record)
        }
    }

    /// Sessions in the order of user and name. `page.after` is the last id of the page before.
    public func sessions(of user: UserID?, page: Page) async throws -> Listing<SessionState> {
        let user = try RequestContext.current.scope(of: user)
        return try await serve(for: nil) {
            let limit = try pageLimit(page)
            var after: SessionID?
            if let text = page.after {
                after = SessionID(text)
                guard after != nil else {
                    throw ServiceError.invalidParameter(name: "after", reason: "no session's id")
                }
            }
            let records = try await store.sessions(of: user, after: after, limit: limit + 1)
            return Listing(
                items: try records.prefix(limit).map(state(of:)), hasMore: records.count > limit)
        }
    }

    public func session(_ id: SessionID) async throws -> SessionState {
        try await serve(for: id) { try state(of: try await record(of: id)) }
    }

    /// Forgets the session with its delta and journal; the user's checkpoints stay.
    public func discard(_ id: SessionID, ifMatch: Revision?) async throws {
        try await serveWriter(of: id) {
            if ifMatch != nil {
                guard let record = try await store.session(id) else {
                    throw ServiceError.sessionNotFound(id)
                }
                try requireMatch(ifMatch, record.revision)
            }
            try await store.discardSession(id)
            forget(id)
            memory.forget(id)
        }
    }

    /// Drops the session's delta, or goes further back. The user's head stays where it is until the
    /// session's next checkpoint, which then replaces what the head is now: what the session was
    /// reset away from does not come back with it. What other sessions add to the head meanwhile
    /// stays.
    public func reset(_ id: SessionID, to target: ResetTarget, ifMatch: Revision?) async throws
        -> SessionState
    {
        try await serveWriter(of: id) {
            let session = try await replaceable(id)
            try requireMatch(ifMatch, session.revision)
            return try await retryingHead(of: id.user) { user in
                let head = user?.head
                let base = Self.checkpoint(for: target, head: head)
                var change = SessionChange(
                    .reset, engram: try await engram(standingOn: base, of: id.user), base: base)
                change.target = base
                change.superseded = head == base ? nil : head
                // It stays, or this has seen an older one.
                change.head = .init(from: head, to: head)
                return try state(of: try await commit(change, to: session).record)
            }
        }
    }

    func pageLimit(_ page: Page) throws(ServiceError) -> Int {
        guard (1...1000).contains(page.limit) else {
            throw .invalidParameter(name: "limit", reason: "must be between 1 and 1000")
        }
        return page.limit
    }
}
