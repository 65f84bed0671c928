import GRDB

/// The database's tables, and how older files become today's.
enum SQLiteSchema {
    /// Each migration is final once released: changing one would leave old files behind. From the
    /// sixth on, a file may be sealed when it is migrated: statements cannot read what
    /// `SealedTable` lists.
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1: users, sessions, journal, checkpoints") { db in
            try db.execute(sql: first)
        }
        migrator.registerMigration("2: sessions' safety ledgers") { db in
            try db.execute(
                sql: "ALTER TABLE sessions ADD COLUMN ledger BLOB NOT NULL DEFAULT x''")
        }
        migrator.registerMigration("3: feedback") { db in
            try db.execute(
                sql: """
                    ALTER TABLE sessions ADD COLUMN feedbackStreak INTEGER NOT NULL DEFAULT 0;
                    ALTER TABLE events ADD COLUMN payload BLOB;
                    """)
        }
        migrator.registerMigration("5: notes on checkpoints") { db in
            try db.execute(
                sql: """
                    ALTER TABLE checkpoints ADD COLUMN note TEXT;
                    ALTER TABLE checkpoints ADD COLUMN automatic INTEGER NOT NULL DEFAULT 0;
                    """)
        }
        migrator.registerMigration("6: sealing, events without their content") { db in
            try db.execute(
                sql: """
                    CREATE TABLE properties (
                        name TEXT NOT NULL PRIMARY KEY,
                        value BLOB NOT NULL
                    ) STRICT, WITHOUT ROWID;
                    ALTER TABLE events ADD COLUMN keepsContent INTEGER NOT NULL DEFAULT 1;
                    """)
        }
        return migrator
    }

    /// A head or a base is a foreign key, so SQLite itself keeps a checkpoint that is in use.
    /// `origin`, `parent` and `target` are history and may name a checkpoint that is gone. The
    /// working state has a table of its own, so that a new event does not rewrite its pages.
    private static let first = """
        CREATE TABLE checkpoints (
            ordinal INTEGER PRIMARY KEY AUTOINCREMENT,
            user TEXT NOT NULL,
            id TEXT NOT NULL,
            session TEXT NOT NULL,
            name TEXT,
            parent TEXT,
            revision INTEGER NOT NULL,
            tokensLearned INTEGER NOT NULL,
            byteCount INTEGER NOT NULL,
            hash TEXT NOT NULL,
            created REAL NOT NULL,
            engram BLOB NOT NULL,
            UNIQUE (user, id)
        ) STRICT;
        CREATE TABLE users (
            id TEXT NOT NULL PRIMARY KEY,
            head TEXT,
            created REAL NOT NULL,
            FOREIGN KEY (id, head) REFERENCES checkpoints (user, id)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE sessions (
            user TEXT NOT NULL REFERENCES users (id),
            name TEXT NOT NULL,
            base TEXT,
            origin TEXT,
            learn TEXT NOT NULL,
            sequence INTEGER NOT NULL,
            tokensLearned INTEGER NOT NULL,
            tokensSinceCheckpoint INTEGER NOT NULL,
            summary BLOB NOT NULL,
            created REAL NOT NULL,
            updated REAL NOT NULL,
            PRIMARY KEY (user, name),
            FOREIGN KEY (user, base) REFERENCES checkpoints (user, id)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX sessionsByBase ON sessions (user, base);
        CREATE TABLE snapshots (
            user TEXT NOT NULL,
            name TEXT NOT NULL,
            sequence INTEGER NOT NULL,
            engram BLOB NOT NULL,
            UNIQUE (user, name),
            FOREIGN KEY (user, name) REFERENCES sessions (user, name) ON DELETE CASCADE
        ) STRICT;
        CREATE TABLE events (
            id TEXT NOT NULL UNIQUE,
            user TEXT NOT NULL,
            name TEXT NOT NULL,
            sequence INTEGER NOT NULL,
            kind TEXT NOT NULL,
            tokens BLOB NOT NULL,
            tokenCount INTEGER NOT NULL,
            reward REAL,
            engram BLOB,
            target TEXT,
            idempotencyKey TEXT,
            requestHash TEXT,
            answer BLOB,
            created REAL NOT NULL,
            UNIQUE (user, name, sequence),
            UNIQUE (user, name, idempotencyKey),
            FOREIGN KEY (user, name) REFERENCES sessions (user, name) ON DELETE CASCADE
        ) STRICT;
        """
}
