import Foundation
import GRDB

/// The database's tables, and how older files become today's.
enum SQLiteSchema {
    /// Each migration is final once released: changing one would leave old files behind. From the
    /// fifth on, a file may be sealed when it is migrated: statements cannot read what
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
        migrator.registerMigration("4: forgetting, notes, events without their content") { db in
            db.add(function: erasable)
            defer { db.remove(function: erasable) }
            try db.execute(sql: fourth)
        }
        migrator.registerMigration("5: sealing") { db in
            try db.execute(
                sql: """
                    CREATE TABLE properties (
                        name TEXT NOT NULL PRIMARY KEY,
                        value BLOB NOT NULL
                    ) STRICT, WITHOUT ROWID;
                    -- Before the fourth, the file may have left copies in unused parts of pages. A
                    -- process may die between any two steps: the debt is on disk with the last one.
                    INSERT INTO properties SELECT 'erasure', x'' WHERE EXISTS (SELECT * FROM users);
                    """)
        }
        migrator.registerMigration("6: what a reset superseded") { db in
            try db.execute(sql: sixth)
        }
        migrator.registerMigration("7: spent idempotency keys") { db in
            try db.execute(
                sql: """
                    CREATE TABLE spentKeys (
                        user TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
                        name TEXT NOT NULL,
                        digest TEXT NOT NULL,
                        PRIMARY KEY (user, name, digest)
                    ) STRICT, WITHOUT ROWID;
                    """)
        }
        migrator.registerMigration("8: access keys") { db in
            // No reference to `users`: a key is there before its user's first session.
            try db.execute(
                sql: """
                    CREATE TABLE accessKeys (
                        id TEXT NOT NULL PRIMARY KEY,
                        user TEXT NOT NULL,
                        digest TEXT NOT NULL,
                        created REAL NOT NULL,
                        lastUsed REAL,
                        settings BLOB NOT NULL,
                        usage BLOB NOT NULL
                    ) STRICT, WITHOUT ROWID;
                    """)
        }
        return migrator
    }

    /// `ErasableContent.stored`, for content that is in the file already.
    private static let erasable = DatabaseFunction("erasable", argumentCount: 1, pure: true) {
        let content = Data.fromDatabaseValue($0[0]) ?? Data()
        return ErasableContent.stored(content)
    }

    /// As in the fourth, so that the new column stands before the long values. A session that was
    /// reset last, and keeps that yet, is given the head of that moment, as if it were reset now:
    /// its next checkpoint would bring back what was reset away. Older checkpoints keep how they
    /// were made.
    private static let sixth = """
        CREATE TABLE newCheckpoints (
            ordinal INTEGER PRIMARY KEY AUTOINCREMENT,
            user TEXT NOT NULL,
            id TEXT NOT NULL,
            session TEXT NOT NULL,
            sequence INTEGER,
            name TEXT,
            note TEXT,
            automatic INTEGER NOT NULL DEFAULT 0,
            parent TEXT,
            base TEXT,
            superseded TEXT,
            revision INTEGER NOT NULL,
            tokensLearned INTEGER NOT NULL,
            byteCount INTEGER NOT NULL,
            hash TEXT NOT NULL,
            created REAL NOT NULL,
            deleted INTEGER NOT NULL DEFAULT 0,
            hasUnknownSources INTEGER NOT NULL DEFAULT 0,
            engram BLOB NOT NULL,
            UNIQUE (user, id)
        ) STRICT;
        INSERT INTO newCheckpoints
        SELECT ordinal, user, id, session, sequence, name, note, automatic, parent, base, NULL,
            revision, tokensLearned, byteCount, hash, created, deleted, hasUnknownSources, engram
        FROM checkpoints ORDER BY ordinal;
        DROP TABLE checkpoints;
        ALTER TABLE newCheckpoints RENAME TO checkpoints;

        CREATE TABLE newEvents (
            id TEXT NOT NULL UNIQUE,
            user TEXT NOT NULL,
            name TEXT NOT NULL,
            sequence INTEGER NOT NULL,
            kind TEXT NOT NULL,
            tokenCount INTEGER NOT NULL,
            reward REAL,
            target TEXT,
            superseded TEXT,
            keepsContent INTEGER NOT NULL DEFAULT 1,
            forgottenBy TEXT,
            created REAL NOT NULL,
            payload BLOB,
            tokens BLOB NOT NULL,
            idempotencyKey TEXT,
            requestHash TEXT,
            answer BLOB,
            engram BLOB,
            UNIQUE (user, name, sequence),
            UNIQUE (user, name, idempotencyKey),
            FOREIGN KEY (user, name) REFERENCES sessions (user, name) ON DELETE CASCADE
        ) STRICT;
        INSERT INTO newEvents
        SELECT id, user, name, sequence, kind, tokenCount, reward, target, NULL, keepsContent,
            forgottenBy, created, payload, tokens, idempotencyKey, requestHash, answer, engram
        FROM events ORDER BY rowid;
        DROP TABLE events;
        ALTER TABLE newEvents RENAME TO events;

        UPDATE events SET superseded =
            (SELECT head FROM
                (SELECT id AS head, created AS moment FROM checkpoints WHERE user = events.user
                 UNION ALL
                 SELECT target, created FROM events AS r
                 WHERE r.user = events.user AND r.kind = 'restore')
             WHERE moment < events.created ORDER BY moment DESC LIMIT 1)
        WHERE kind = 'reset' AND forgottenBy IS NULL AND NOT EXISTS
            (SELECT 1 FROM events AS l
             WHERE l.user = events.user AND l.name = events.name AND l.forgottenBy IS NULL
               AND l.kind IN ('reset', 'restore', 'checkpoint')
               AND l.sequence > events.sequence);
        UPDATE events SET superseded = NULL WHERE superseded = target OR NOT EXISTS
            (SELECT 1 FROM checkpoints
             WHERE checkpoints.user = events.user AND checkpoints.id = events.superseded
               AND NOT deleted);
        ALTER TABLE sessions ADD COLUMN superseded TEXT;
        UPDATE sessions SET superseded =
            (SELECT max(superseded) FROM events
             WHERE events.user = sessions.user AND events.name = sessions.name);
        """

    /// The tables are made anew so that what is read often stands before the long values: SQLite
    /// walks through all of a row's pages to reach a column behind them.
    private static let fourth = """
        ALTER TABLE users ADD COLUMN checkpointsMade INTEGER NOT NULL DEFAULT 0;
        UPDATE users SET checkpointsMade =
            (SELECT count(*) FROM checkpoints WHERE user = users.id);

        CREATE TABLE newCheckpoints (
            ordinal INTEGER PRIMARY KEY AUTOINCREMENT,
            user TEXT NOT NULL,
            id TEXT NOT NULL,
            session TEXT NOT NULL,
            sequence INTEGER,
            name TEXT,
            note TEXT,
            automatic INTEGER NOT NULL DEFAULT 0,
            parent TEXT,
            base TEXT,
            revision INTEGER NOT NULL,
            tokensLearned INTEGER NOT NULL,
            byteCount INTEGER NOT NULL,
            hash TEXT NOT NULL,
            created REAL NOT NULL,
            deleted INTEGER NOT NULL DEFAULT 0,
            hasUnknownSources INTEGER NOT NULL DEFAULT 0,
            engram BLOB NOT NULL,
            UNIQUE (user, id)
        ) STRICT;
        INSERT INTO newCheckpoints (ordinal, user, id, session, sequence, name, parent, revision,
            tokensLearned, byteCount, hash, created, engram)
        SELECT ordinal, user, id, session,
            (SELECT sequence FROM events
             WHERE events.user = checkpoints.user AND events.name = checkpoints.session
               AND kind = 'checkpoint' AND target = checkpoints.id),
            name, parent, revision, tokensLearned, byteCount, hash, created, erasable(engram)
        FROM checkpoints ORDER BY ordinal;
        UPDATE newCheckpoints SET hasUnknownSources = 1 WHERE sequence IS NULL;
        UPDATE newCheckpoints SET base = CASE
            WHEN EXISTS (SELECT 1 FROM events
                WHERE events.user = newCheckpoints.user AND events.name = newCheckpoints.session
                  AND kind IN ('reset', 'restore', 'checkpoint')
                  AND events.sequence < newCheckpoints.sequence)
            THEN (SELECT target FROM events
                WHERE events.user = newCheckpoints.user AND events.name = newCheckpoints.session
                  AND kind IN ('reset', 'restore', 'checkpoint')
                  AND events.sequence < newCheckpoints.sequence
                ORDER BY events.sequence DESC LIMIT 1)
            ELSE (SELECT origin FROM sessions
                WHERE sessions.user = newCheckpoints.user
                  AND sessions.name = newCheckpoints.session)
            END
            WHERE sequence IS NOT NULL;
        DROP TABLE checkpoints;
        ALTER TABLE newCheckpoints RENAME TO checkpoints;

        CREATE TABLE newEvents (
            id TEXT NOT NULL UNIQUE,
            user TEXT NOT NULL,
            name TEXT NOT NULL,
            sequence INTEGER NOT NULL,
            kind TEXT NOT NULL,
            tokenCount INTEGER NOT NULL,
            reward REAL,
            target TEXT,
            keepsContent INTEGER NOT NULL DEFAULT 1,
            forgottenBy TEXT,
            created REAL NOT NULL,
            payload BLOB,
            tokens BLOB NOT NULL,
            idempotencyKey TEXT,
            requestHash TEXT,
            answer BLOB,
            engram BLOB,
            UNIQUE (user, name, sequence),
            UNIQUE (user, name, idempotencyKey),
            FOREIGN KEY (user, name) REFERENCES sessions (user, name) ON DELETE CASCADE
        ) STRICT;
        INSERT INTO newEvents (id, user, name, sequence, kind, tokenCount, reward, target, created,
            payload, tokens, idempotencyKey, requestHash, answer, engram)
        SELECT id, user, name, sequence, kind, tokenCount, reward, target, created, payload,
            erasable(tokens), idempotencyKey, requestHash, answer, engram
        FROM events ORDER BY rowid;
        DROP TABLE events;
        ALTER TABLE newEvents RENAME TO events;

        UPDATE snapshots SET engram = erasable(engram);
        """

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
