import Foundation
import GRDB

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

extension StorageError {
    /// SQLite's own message can quote a value, so only its code is kept.
    ///
    /// - Parameter folder: asked for free space and for write access when SQLite speaks of a failed
    ///   read or write only: it says so for a full disk too where the space runs out late (when the
    ///   log is synced, or its index grows), and for a file system that became read-only.
    init(_ error: any Error, folder: String) {
        if let error = error as? StorageError {
            self = error
            return
        }
        guard let error = error as? DatabaseError else {
            // GRDB's only other error: a value that is not of its column's type.
            self = error is RowDecodingError ? .corrupt(code: 0) : .failed(code: 0)
            return
        }
        let code = Int(error.extendedResultCode.rawValue)
        switch error.resultCode {
        case .SQLITE_FULL: self = .diskFull
        case .SQLITE_READONLY, .SQLITE_PERM: self = .readOnly
        case .SQLITE_BUSY, .SQLITE_LOCKED: self = .busy
        case .SQLITE_CORRUPT, .SQLITE_NOTADB: self = .corrupt(code: code)
        case .SQLITE_IOERR, .SQLITE_CANTOPEN:
            self = FileSystemState(of: folder)?.failure ?? .inputOutput(code: code)
        default: self = .failed(code: code)
        }
    }
}

/// What the file system under a folder allows.
private struct FileSystemState {
    let isReadOnly: Bool
    let freeBytes: UInt64

    /// Nil when it does not say.
    init?(of folder: String) {
        var state = statvfs()
        guard statvfs(folder, &state) == 0 else { return nil }
        isReadOnly = state.f_flag & UInt(ST_RDONLY) != 0
        freeBytes = UInt64(state.f_bavail) * UInt64(state.f_frsize)
    }

    /// SQLite writes pages of 4 KiB and its index in steps of 32 KiB.
    var failure: StorageError? {
        if isReadOnly { return .readOnly }
        return freeBytes < 65_536 ? .diskFull : nil
    }
}
