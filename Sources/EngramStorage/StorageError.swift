public import Engrams

/// Why the store did not do what it was asked to. Nothing was changed. Carries numbers,
/// identifiers and the path of the data folder, never a text or an SQL argument.
public enum StorageError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Another process works on the folder.
    case folderInUse(path: String, processIdentifier: Int?)
    /// The folder cannot be made, opened or locked. `code` is an `errno`.
    case folderUnusable(path: String, code: Int)
    /// The data were written by a later version of Hebb.
    case newerFormat(path: String)
    case closed

    case sessionNotFound(SessionID)
    case sessionExists(SessionID)
    case checkpointNotFound(CheckpointID)
    case checkpointExists(CheckpointID)
    case checkpointInUse(CheckpointID)
    case eventExists(EventID)
    case sequenceGap(expected: Int, found: Int)
    case idempotencyKeyExists(EventID)
    case headMoved(expected: CheckpointID?, found: CheckpointID?)

    case diskFull
    case readOnly
    case busy
    /// The data on disk are damaged. `code` is SQLite's.
    case corrupt(code: Int)
    /// SQLite failed in another way. `code` is its extended result code.
    case failed(code: Int)

    public var description: String {
        switch self {
        case .folderInUse(let path, let process):
            "The data folder \(path) is in use by another server"
                + (process.map { " (process \($0))" } ?? "")
                + ". Stop that server, or give this one a folder of its own with --data."
        case .folderUnusable(let path, let code):
            "The data folder \(path) cannot be used (errno \(code)). Check that it is a folder "
                + "that this user may write to."
        case .newerFormat(let path):
            "The data folder \(path) was written by a later version of Hebb. Use that version."
        case .closed: "The store has been closed."
        case .sessionNotFound(let id): "There is no session \(id)."
        case .sessionExists(let id): "There is a session \(id) already."
        case .checkpointNotFound(let id): "There is no checkpoint \(id)."
        case .checkpointExists(let id): "There is a checkpoint \(id) already."
        case .checkpointInUse(let id):
            "Checkpoint \(id) is the user's head, or a session stands on it."
        case .eventExists(let id): "There is an event \(id) already."
        case .sequenceGap(let expected, let found):
            "The session's next event is number \(expected), not \(found)."
        case .idempotencyKeyExists(let id): "Event \(id) has that idempotency key."
        case .headMoved(let expected, let found):
            "The user's head is \(found?.rawValue ?? "the frozen core"), not "
                + "\(expected?.rawValue ?? "the frozen core")."
        case .diskFull: "The disk is full. Free some space; nothing was lost."
        case .readOnly: "The data folder cannot be written to. Nothing was lost."
        case .busy: "The database is locked by another program. Try again."
        case .corrupt(let code):
            "The database is damaged (SQLite \(code)). Restore the data folder from a backup."
        case .failed(let code): "The database failed (SQLite \(code)). Nothing was changed."
        }
    }
}
