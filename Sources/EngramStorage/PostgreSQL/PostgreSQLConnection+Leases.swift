import Engrams

extension PostgreSQLConnection {
    /// In the transaction of a write, before it: the token that it is written under.
    ///
    /// - Throws: `.leaseHeld`, `.leaseLost`.
    func takeLease(of user: UserID, for server: String, knowing known: Int?, seconds: Double)
        throws -> Int
    {
        // Until the transaction's end nobody else decides about this user. Two users of one hash
        // wait for each other.
        try change(
            "SELECT 1 FROM pg_advisory_xact_lock(hashtextextended($1, 0))", [user.rawValue])
        let row = try query(
            """
            SELECT holder, token, expires, now FROM
                (SELECT CAST(extract(epoch FROM clock_timestamp()) AS double precision) AS now)
                    AS clock
                LEFT JOIN leases ON "user" = $1
            """, [user.rawValue]
        ).first.map { StoredRow($0, of: "leases") }
        guard let row else { throw StorageError.corrupt(code: 0) }
        let current = try row.textIfPresent("holder").map { holder in
            Lease(
                holder: holder, token: try row.number("token"), expires: try row.time("expires"))
        }
        let now = try row.time("now")
        let decision = try Lease.decide(
            current, for: server, knowing: known, now: now, seconds: seconds, next: nextToken)
        switch decision {
        case .granted(let lease):
            if lease != current { try keep(lease, of: user) }
            return lease.token
        case .refused(_, let until): throw StorageError.leaseHeld(user, until: until)
        case .lost: throw StorageError.leaseLost(user)
        }
    }

    /// Lets go of whatever a server has, so that others need not wait.
    func releaseLeases(of server: String) throws {
        try change("UPDATE leases SET expires = 0 WHERE holder = $1", [server])
    }

    private func nextToken() throws -> Int {
        let row = try query("SELECT nextval('leaseTokens') AS token", []).first
        guard let row else { throw StorageError.corrupt(code: 0) }
        return try StoredRow(row, of: "leases").number("token")
    }

    private func keep(_ lease: Lease, of user: UserID) throws {
        try change(
            """
            INSERT INTO leases ("user", holder, token, expires) VALUES ($1, $2, $3, $4)
            ON CONFLICT ("user") DO UPDATE
            SET holder = excluded.holder, token = excluded.token, expires = excluded.expires
            """, [user.rawValue, lease.holder, lease.token, lease.expires])
    }
}
