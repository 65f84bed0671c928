import Foundation

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Holds a data folder for one process at a time, for as long as this object lives.
///
/// An advisory `flock` on a file in the folder: the kernel drops it when the process dies, however
/// it dies, so no stale lock can keep a server from starting (a file that merely exists could).
final class FolderLock: Sendable {
    private let descriptor: Int32

    /// Makes the folder, private to this user, when it is missing.
    init(folder: String) throws(StorageError) {
        var status = stat()
        if stat(folder, &status) != 0 {
            do {
                try FileManager.default.createDirectory(
                    atPath: folder, withIntermediateDirectories: true,
                    attributes: [.posixPermissions: 0o700])
            } catch {
                throw .folderUnusable(path: folder, code: Int(errno))
            }
        } else if status.st_mode & S_IFMT != S_IFDIR {
            throw .folderUnusable(path: folder, code: Int(ENOTDIR))
        }
        let descriptor = open(folder + "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .folderUnusable(path: folder, code: Int(errno)) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            let holder = FolderLock.processIdentifier(in: descriptor)
            Self.closeDescriptor(descriptor)
            if code == EWOULDBLOCK { throw .folderInUse(path: folder, processIdentifier: holder) }
            throw .folderUnusable(path: folder, code: Int(code))
        }
        // Who holds it is told to people only: failing to write it is no reason to stop.
        let line = Array("\(getpid())\n".utf8)
        _ = ftruncate(descriptor, 0)
        _ = pwrite(descriptor, line, line.count, 0)
        self.descriptor = descriptor
    }

    deinit { FolderLock.closeDescriptor(descriptor) }

    private static func closeDescriptor(_ descriptor: Int32) { _ = close(descriptor) }

    private static func processIdentifier(in descriptor: Int32) -> Int? {
        var bytes = [UInt8](repeating: 0, count: 20)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        guard count > 0 else { return nil }
        let line = String(decoding: bytes[..<count], as: UTF8.self)
        return Int(line.prefix { $0.isNumber })
    }
}
