import Engrams
import Foundation

/// Ed25519 keys on disk, in PEM.
enum KeyFile {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// Writes a new key that only its owner can read, and its public half as `path.pub`.
    /// Never replaces a file.
    static func make(_ path: String) throws -> VerifyingKey {
        let key = SigningKey()
        try create(path, key.pem, mode: 0o600)
        do {
            try create(path + ".pub", key.verifyingKey.pem, mode: 0o644)
        } catch {
            // A key without its public half is of no use, and would be in the way.
            try? FileManager.default.removeItem(atPath: path)
            throw error
        }
        return key.verifyingKey
    }

    static func signing(_ path: String) throws -> SigningKey {
        try SigningKey(pem: contents(path), name: path)
    }

    static func verifying(_ path: String) throws -> VerifyingKey {
        try VerifyingKey(pem: contents(path), name: path)
    }

    /// Writes a new file of a mode, on disk when it returns; on failure leaves none.
    static func create(_ path: String, _ text: String, mode: mode_t) throws {
        // The mode from the first moment on, and a failure where something is there.
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard descriptor >= 0 else {
            throw Failure(
                description: "\(path) cannot be created: \(String(cString: strerror(errno)))")
        }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        do {
            try handle.write(contentsOf: Data(text.utf8))
            try handle.synchronize()
        } catch {
            // A part of a key is of no use, and would be in the way.
            unlink(path)
            throw Failure(description: "\(path) cannot be written: \(error)")
        }
        synchronizeFolder(of: path)
    }

    /// Has the names in the file's folder on disk, too. A file system that cannot do this for a
    /// folder has its own ways.
    private static func synchronizeFolder(of path: String) {
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        _ = fsync(descriptor)
        _ = close(descriptor)
    }

    private static func contents(_ path: String) throws -> [UInt8] {
        guard let handle = FileHandle(forReadingAtPath: path) else {
            throw Failure(
                description: "\(path) cannot be read: \(String(cString: strerror(errno)))")
        }
        defer { try? handle.close() }
        return Array(try handle.read(upToCount: 8192) ?? Data())
    }
}
