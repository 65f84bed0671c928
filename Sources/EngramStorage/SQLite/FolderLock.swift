import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Holds a data folder for one process at a time, until it is released.
///
/// An advisory `flock` on a file in the folder: the kernel drops it when the process dies, however
/// it dies, so no stale lock can keep a server from starting (a file that merely exists could).
final class FolderLock: Sendable {
    /// Nil once released.
    private let descriptor: Mutex<Int32?>

    /// Makes the folder, private to this user, when it is missing.
    init(folder: String) throws(StorageError) {
        var status = stat()
        if stat(folder, &status) != 0 {
            let code = Self.makeFolder(folder)
            guard code == 0 else { throw Self.refusal(of: folder, code) }
        } else if status.st_mode & S_IFMT != S_IFDIR {
            throw .folderUnusable(path: folder, code: Int(ENOTDIR))
        }
        let descriptor = open(folder + "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Self.refusal(of: folder, errno) }
        try Self.lock(descriptor, folder: folder)
        // Who holds it is told to people only: failing to write it is no reason to stop.
        let line = Array("\(getpid())\n".utf8)
        _ = ftruncate(descriptor, 0)
        _ = pwrite(descriptor, line, line.count, 0)
        self.descriptor = Mutex(descriptor)
    }

    /// Holds a folder without writing to it; nil: nobody has ever held it.
    init?(reading folder: String) throws(StorageError) {
        let descriptor = open(folder + "/lock", O_RDONLY | O_CLOEXEC)
        if descriptor < 0, errno == ENOENT { return nil }
        guard descriptor >= 0 else { throw Self.refusal(of: folder, errno) }
        try Self.lock(descriptor, folder: folder)
        self.descriptor = Mutex(descriptor)
    }

    deinit { release() }

    /// Closes the descriptor when it cannot be locked.
    private static func lock(_ descriptor: Int32, folder: String) throws(StorageError) {
        guard flock(descriptor, LOCK_EX | LOCK_NB) != 0 else { return }
        let code = errno
        let holder = processIdentifier(in: descriptor)
        _ = close(descriptor)
        if code == EWOULDBLOCK { throw .folderInUse(path: folder, processIdentifier: holder) }
        throw refusal(of: folder, code)
    }

    /// Lets the folder go before it returns. Unlocked first: a process that another thread is just
    /// starting has the descriptor too, and would keep the lock for a moment.
    func release() {
        guard let descriptor = descriptor.withLock({ $0.take() }) else { return }
        _ = flock(descriptor, LOCK_UN)
        _ = close(descriptor)
    }

    private static func refusal(of folder: String, _ code: Int32) -> StorageError {
        [ENOSPC, EDQUOT].contains(code)
            ? .diskFull : .folderUnusable(path: folder, code: Int(code))
    }

    /// Makes a folder and those above it. Not Foundation's: its errors hide the `errno`.
    /// - Returns: 0, or the `errno`.
    private static func makeFolder(_ path: String) -> Int32 {
        if mkdir(path, 0o700) == 0 || errno == EEXIST { return 0 }
        guard errno == ENOENT, let slash = path.dropFirst().lastIndex(of: "/") else {
            return errno
        }
        let code = makeFolder(String(path[..<slash]))
        guard code == 0 else { return code }
        return mkdir(path, 0o700) == 0 || errno == EEXIST ? 0 : errno
    }

    private static func processIdentifier(in descriptor: Int32) -> Int? {
        var bytes = [UInt8](repeating: 0, count: 20)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        guard count > 0 else { return nil }
        let line = String(decoding: bytes[..<count], as: UTF8.self)
        return Int(line.prefix { $0.isNumber })
    }
}
