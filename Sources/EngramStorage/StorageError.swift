public import Engrams

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Why the store did not do what it was asked to. Nothing was changed. Carries numbers,
/// identifiers and paths of the data folder and of its key, never a text or an SQL argument.
public enum StorageError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Another process works on the folder.
    case folderInUse(path: String, processIdentifier: Int?)
    /// The folder cannot be made, opened or locked. `code` is an `errno`.
    case folderUnusable(path: String, code: Int)
    /// The data were written by a later version of Hebb.
    case newerFormat(path: String)
    case closed

    /// The file of a data key is none, or not as private as one must be.
    case keyFile(path: String, KeyFileFault)
    /// The folder is encrypted and no key was given.
    case keyMissing(path: String)
    /// The folder is encrypted with another key.
    case keyWrong(path: String)
    /// A sealed value is not the one that was sealed there. `place` is a column and its row's
    /// identifiers.
    case unreadable(place: String)
    /// A key was given for a database that holds readable data.
    case unsealed(path: String)
    /// The database's server does not answer. `reason` is the client library's, with host, user and
    /// database.
    case unreachable(reason: String)

    /// Another server that shares the store has the user. `until` is on the store's clock, in seconds
    /// since 1970.
    case leaseHeld(UserID, until: Double)
    /// Another has had them since this server wrote last: what it knows of them is out of date.
    case leaseLost(UserID)

    case userNotFound(UserID)
    case sessionNotFound(SessionID)
    case sessionExists(SessionID)
    case checkpointNotFound(CheckpointID)
    case checkpointExists(CheckpointID)
    case checkpointInUse(CheckpointID)
    case eventExists(EventID)
    case eventNotFound(EventID)
    case sequenceGap(expected: Int, found: Int)
    case idempotencyKeyExists(EventID)
    case accessKeyExists(String)
    case accessKeyNotFound(String)
    case headMoved(expected: CheckpointID?, found: CheckpointID?)

    /// A value that would not be read again as it was given, and is not written; `place` is its
    /// column, as `table.column`.
    case unstorable(place: String)
    case diskFull
    case readOnly
    case busy
    /// The disk or the file system failed. `code` is a `DatabaseCode`.
    case inputOutput(code: Int)
    /// The data on disk are damaged. `code` is a `DatabaseCode`, 0 when the database did not notice;
    /// `place` is the column, as `table.column`, of a value that cannot be.
    case corrupt(code: Int, place: String? = nil)
    /// The database failed in another way. `code` is a `DatabaseCode`.
    case failed(code: Int)

    /// Whether the store for certain goes on from what its caller knows: the transaction was refused
    /// or rolled back. After a failure of the disk or the file itself, or where another server may
    /// have written, reading it again tells.
    public var isCertainlyUnchanged: Bool {
        switch self {
        case .inputOutput, .corrupt, .unreadable, .failed, .closed, .folderInUse, .folderUnusable,
            .newerFormat, .keyFile, .keyMissing, .keyWrong, .unsealed, .leaseHeld,
            .leaseLost, .sequenceGap, .headMoved:
            false
        case .userNotFound, .sessionNotFound, .sessionExists, .checkpointNotFound,
            .checkpointExists, .checkpointInUse, .eventExists, .eventNotFound,
            .idempotencyKeyExists, .accessKeyExists, .accessKeyNotFound, .unstorable, .diskFull,
            .readOnly, .busy, .unreachable:
            true
        }
    }

    public enum KeyFileFault: Sendable, Equatable {
        /// It cannot be read or made. `code` is an `errno`.
        case unusable(code: Int)
        case openToAll(permissions: Int)
        case notAKey(byteCount: Int)
        case exists
    }

    public var description: String {
        switch self {
        case .folderInUse(let path, let process):
            "The data folder \(path) is in use by another server"
                + (process.map { " (process \($0))" } ?? "")
                + ". Stop that server, or give this one a folder of its own with --data."
        case .folderUnusable(let path, let code): Self.refusal(ofFolder: path, code)
        case .newerFormat(let path):
            "The \(Self.data(path)) was written by a later version of Hebb. Use that version."
        case .closed: "The store has been closed."
        case .keyFile(let path, let fault): "The data key \(path) \(fault)"
        case .keyMissing(let path):
            "The \(Self.data(path)) is encrypted. Name the file with its key: --data-key FILE."
        case .keyWrong(let path):
            "The \(Self.data(path)) is encrypted with another key. Name the one that it was "
                + "encrypted with: --data-key FILE."
        case .unreadable(let place):
            "The value \(place) does not open with the data key: it was changed on disk, or comes "
                + "from elsewhere. Restore the data folder from a backup."
        case .unsealed(let path):
            "The \(Self.data(path)) holds data that are not encrypted. Move them to an empty one "
                + "with a key, or leave out --data-key."
        case .unreachable(let reason):
            "The database does not answer: \(reason). Nothing was changed; the server goes on by "
                + "itself when it does."
        case .leaseHeld(let user, _):
            "Another server writes for \(user). Send this to that one, or try again in some seconds."
        case .leaseLost(let user):
            "Another server has written for \(user) since. Nothing was changed; try again."
        case .userNotFound(let id): "There is no user \(id)."
        case .sessionNotFound(let id): "There is no session \(id)."
        case .sessionExists(let id): "There is a session \(id) already."
        case .checkpointNotFound(let id): "There is no checkpoint \(id)."
        case .checkpointExists(let id): "There is a checkpoint \(id) already."
        case .checkpointInUse(let id):
            "Checkpoint \(id) is the user's head, or a session stands on it."
        case .eventExists(let id): "There is an event \(id) already."
        case .eventNotFound(let id): "There is no event \(id)."
        case .sequenceGap(let expected, let found):
            "The session's next event is number \(expected), not \(found)."
        case .idempotencyKeyExists(let id): "Event \(id) has that idempotency key."
        case .accessKeyExists(let id): "There is an access key \(id) already."
        case .accessKeyNotFound(let id): "There is no access key \(id)."
        case .headMoved(let expected, let found):
            "The user's head is \(found?.rawValue ?? "the frozen core"), not "
                + "\(expected?.rawValue ?? "the frozen core")."
        case .unstorable(let place):
            "The value \(place) is none that a store can give back. Nothing was changed."
        case .diskFull:
            "The disk with the data is full. Free some space; nothing was lost, and the "
                + "server goes on by itself."
        case .readOnly:
            "The data cannot be written to. Make them writable (a folder's and its files' owner, "
                + "mode and mount; a database that is no standby); nothing was lost."
        case .busy: "The database is locked by another program. Try again."
        case .inputOutput(let code):
            "The disk with the data failed (\(DatabaseCode(code))). Look at the system's log; "
                + "nothing that was acknowledged is changed."
        case .corrupt(let code, let place):
            "The database is damaged (\(place.map { "a value of \($0)" } ?? "\(DatabaseCode(code))")). "
                + "Restore the data from a backup."
        case .failed(let code):
            "The database failed (\(DatabaseCode(code))). What it had acknowledged is unchanged."
        }
    }

    private static func data(_ path: String) -> String {
        path.hasPrefix("PostgreSQL ") ? path : "data folder \(path)"
    }

    private static func refusal(ofFolder path: String, _ code: Int) -> String {
        let remedy =
            switch Int32(code) {
            case EROFS: "Mount its file system writable, or name another folder with --data."
            case EACCES, EPERM:
                "Let this user read and write it, or name another folder with --data."
            case ENOTDIR: "Name a folder with --data."
            default: "Check that it is a folder that this user may write to."
            }
        return "The data folder \(path) cannot be used: \(reason(code)). \(remedy)"
    }

    /// The system's words for an `errno`.
    fileprivate static func reason(_ code: Int) -> String {
        guard let text = strerror(Int32(truncatingIfNeeded: code)) else { return "errno \(code)" }
        return "\(String(cString: text)) (errno \(code))"
    }
}

extension StorageError.KeyFileFault: CustomStringConvertible {
    public var description: String {
        switch self {
        case .unusable(let code):
            "cannot be used: \(StorageError.reason(code)). Make one with --new-data-key FILE."
        case .openToAll(let permissions):
            "can be read by everybody (mode \(String(permissions, radix: 8))). "
                + "Take that away: chmod 600."
        case .notAKey(let count):
            "is not a key: its \(count) bytes are neither \(DataKey.byteCount) bytes nor "
                + "\(2 * DataKey.byteCount) hexadecimal digits. "
                + "Make one with --new-data-key FILE."
        case .exists: "exists already, and a key is never replaced. Use it with --data-key."
        }
    }
}
