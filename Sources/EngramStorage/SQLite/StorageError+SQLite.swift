import GRDB

extension StorageError {
    /// SQLite's own message can quote a value, so only its code is kept.
    init(_ error: any Error) {
        if let error = error as? StorageError {
            self = error
            return
        }
        guard let error = error as? DatabaseError else {
            self = .failed(code: 0)
            return
        }
        switch error.resultCode {
        case .SQLITE_FULL: self = .diskFull
        case .SQLITE_READONLY, .SQLITE_PERM: self = .readOnly
        case .SQLITE_BUSY, .SQLITE_LOCKED: self = .busy
        case .SQLITE_CORRUPT, .SQLITE_NOTADB:
            self = .corrupt(code: Int(error.extendedResultCode.rawValue))
        default: self = .failed(code: Int(error.extendedResultCode.rawValue))
        }
    }
}
