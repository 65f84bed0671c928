import Foundation

/// The database's tables, and how older ones become today's.
enum PostgreSQLSchema {
    /// Each is final once released. Identifiers and names sort by their bytes, as SQLite's do.
    static let migrations = [first]

    /// As `SQLiteSchema`. Engrams are kept as they are: what is compressed or sealed already does not
    /// become smaller, and to try costs more than to write (`EXTERNAL`).
    private static let first = """
        CREATE TABLE properties (name text PRIMARY KEY, value bytea NOT NULL);
        CREATE TABLE users (
            id text COLLATE "C" PRIMARY KEY,
            head text COLLATE "C",
            checkpointsMade bigint NOT NULL DEFAULT 0,
            created double precision NOT NULL
        );
        CREATE TABLE checkpoints (
            ordinal bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            "user" text COLLATE "C" NOT NULL,
            id text COLLATE "C" NOT NULL,
            session text NOT NULL,
            sequence bigint,
            name text,
            note text,
            automatic boolean NOT NULL,
            parent text,
            base text,
            superseded text,
            revision bigint NOT NULL,
            tokensLearned bigint NOT NULL,
            byteCount bigint NOT NULL,
            hash text NOT NULL,
            created double precision NOT NULL,
            deleted boolean NOT NULL DEFAULT false,
            hasUnknownSources boolean NOT NULL DEFAULT false,
            engram bytea NOT NULL,
            UNIQUE ("user", id)
        );
        ALTER TABLE checkpoints ALTER engram SET STORAGE EXTERNAL;
        CREATE INDEX checkpointsByOrder ON checkpoints ("user", ordinal);
        ALTER TABLE users ADD FOREIGN KEY (id, head) REFERENCES checkpoints ("user", id);
        CREATE TABLE sessions (
            "user" text COLLATE "C" NOT NULL REFERENCES users (id),
            name text COLLATE "C" NOT NULL,
            base text COLLATE "C",
            superseded text,
            origin text,
            learn text NOT NULL,
            sequence bigint NOT NULL,
            tokensLearned bigint NOT NULL,
            tokensSinceCheckpoint bigint NOT NULL,
            feedbackStreak bigint NOT NULL,
            summary bytea NOT NULL,
            ledger bytea NOT NULL,
            created double precision NOT NULL,
            updated double precision NOT NULL,
            PRIMARY KEY ("user", name),
            FOREIGN KEY ("user", base) REFERENCES checkpoints ("user", id)
        );
        CREATE TABLE snapshots (
            "user" text COLLATE "C" NOT NULL,
            name text COLLATE "C" NOT NULL,
            sequence bigint NOT NULL,
            engram bytea NOT NULL,
            PRIMARY KEY ("user", name),
            FOREIGN KEY ("user", name) REFERENCES sessions ("user", name) ON DELETE CASCADE
        );
        ALTER TABLE snapshots ALTER engram SET STORAGE EXTERNAL;
        CREATE TABLE events (
            id text COLLATE "C" PRIMARY KEY,
            "user" text COLLATE "C" NOT NULL,
            name text COLLATE "C" NOT NULL,
            sequence bigint NOT NULL,
            kind text NOT NULL,
            tokenCount bigint NOT NULL,
            reward double precision,
            target text,
            superseded text,
            keepsContent boolean NOT NULL,
            forgottenBy text,
            created double precision NOT NULL,
            payload bytea,
            tokens bytea NOT NULL,
            idempotencyKey text COLLATE "C",
            requestHash text,
            answer bytea,
            engram bytea,
            UNIQUE ("user", name, sequence),
            UNIQUE ("user", name, idempotencyKey),
            FOREIGN KEY ("user", name) REFERENCES sessions ("user", name) ON DELETE CASCADE
        );
        ALTER TABLE events ALTER engram SET STORAGE EXTERNAL;
        CREATE TABLE accessKeys (
            id text COLLATE "C" PRIMARY KEY,
            "user" text COLLATE "C" NOT NULL,
            digest text NOT NULL,
            created double precision NOT NULL,
            lastUsed double precision,
            settings bytea NOT NULL,
            "usage" bytea NOT NULL
        );
        CREATE INDEX accessKeysByUser ON accessKeys ("user");
        CREATE TABLE leases (
            "user" text COLLATE "C" PRIMARY KEY,
            holder text NOT NULL,
            token bigint NOT NULL,
            expires double precision NOT NULL
        );
        CREATE SEQUENCE leaseTokens;
        CREATE TABLE spentKeys (
            "user" text COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            name text COLLATE "C" NOT NULL,
            digest text NOT NULL,
            PRIMARY KEY ("user", name, digest)
        );
        """
}

extension PostgreSQLConnection {
    /// In a transaction, in which no other process does the same.
    func migrate() throws {
        // "hebb".
        try change("SELECT 1 FROM pg_advisory_xact_lock(1751474786)", [])
        try run("CREATE TABLE IF NOT EXISTS hebbSchema (version bigint NOT NULL)")
        let row = try query("SELECT coalesce(max(version), 0) AS version FROM hebbSchema", []).first
        let version = try row.map { try StoredRow($0, of: "hebbSchema").number("version") } ?? 0
        let migrations = PostgreSQLSchema.migrations
        guard version <= migrations.count else { throw StorageError.newerFormat(path: name) }
        for (index, migration) in migrations.enumerated().dropFirst(version) {
            try run(migration)
            try change("INSERT INTO hebbSchema (version) VALUES ($1)", [index + 1])
        }
    }

    func isSealed() throws -> Bool {
        let isMade = try exists(
            "SELECT 1 FROM pg_class WHERE oid = to_regclass('properties')", [])
        return try isMade && property("salt") != nil
    }

    /// The seal of this database: as it was made, or made now for one that holds nothing.
    func seal(with key: DataKey?) throws -> RowSeal? {
        guard let salt = try property("salt") else {
            guard let key else { return nil }
            guard try !exists("SELECT 1 FROM users LIMIT 1", []) else {
                throw StorageError.unsealed(path: name)
            }
            let salt = Data((0..<32).map { _ in UInt8.random(in: 0...255) })
            let seal = RowSeal(key, salt: salt)
            try set("salt", to: [UInt8](salt))
            try set("check", to: [UInt8](seal.seal([], at: .keyCheck)))
            return seal
        }
        guard let check = try property("check") else {
            throw StorageError.corrupt(code: 0, place: "properties.check")
        }
        guard let key else { throw StorageError.keyMissing(path: name) }
        let seal = RowSeal(key, salt: Data(salt))
        guard (try? seal.open(Data(check), at: .keyCheck)) == [] else {
            throw StorageError.keyWrong(path: name)
        }
        return seal
    }

    private func property(_ property: String) throws -> [UInt8]? {
        try query("SELECT value FROM properties WHERE name = $1", [property]).first
            .map { try StoredRow($0, of: "properties").bytes("value") }
    }

    private func set(_ property: String, to value: [UInt8]) throws {
        try change("INSERT INTO properties (name, value) VALUES ($1, $2)", [property, value])
    }
}
