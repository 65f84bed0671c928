import Crypto
import Foundation

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The secret of a data folder: 32 random bytes in a file of their own, outside the folder.
///
/// Whoever has it reads everything in the folder; without it nobody does, its owner included.
public struct DataKey: Sendable {
    public static let byteCount = 32

    let secret: SymmetricKey

    /// A new key from the system's generator. Nothing is written.
    public static func random() -> DataKey { DataKey(secret: SymmetricKey(size: .bits256)) }

    /// Reads a key file: 32 bytes as they are, or 64 hexadecimal digits with white space around.
    ///
    /// Refused when users outside the file's group may read it. The group may: that is how
    /// orchestrators hand secrets to a container.
    /// - Throws: `.keyFile` with what is wrong.
    public init(contentsOf path: String) throws(StorageError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw .keyFile(path: path, .unusable(code: Int(errno)))
        }
        defer { _ = close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw .keyFile(path: path, .unusable(code: Int(errno)))
        }
        let permissions = Int(status.st_mode & 0o777)
        guard permissions & 0o007 == 0 else {
            throw .keyFile(path: path, .openToAll(permissions: permissions))
        }
        // One byte more than the longest form that is taken: enough to see that it is longer.
        var bytes = [UInt8](repeating: 0, count: 128)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        guard count >= 0 else { throw .keyFile(path: path, .unusable(code: Int(errno))) }
        guard let key = DataKey(bytes: Array(bytes[..<count])) else {
            throw .keyFile(path: path, .notAKey(byteCount: Int(status.st_size)))
        }
        self = key
    }

    /// Makes a key and a file for it, with mode 0600: 64 hexadecimal digits. It is on disk when
    /// this returns: what is sealed with a key that is lost later is lost too.
    /// - Throws: `.keyFile`, also when there is a file of that name: a key is never replaced.
    public static func make(at path: String) throws(StorageError) -> DataKey {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw .keyFile(path: path, errno == EEXIST ? .exists : .unusable(code: Int(errno)))
        }
        defer { _ = close(descriptor) }
        let key = random()
        let line = Array((key.hexadecimal + "\n").utf8)
        guard write(descriptor, line, line.count) == line.count, fsync(descriptor) == 0 else {
            let code = Int(errno)
            unlink(path)
            throw .keyFile(path: path, .unusable(code: code))
        }
        // The name as well. A file system that cannot do this for a folder has its own ways.
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
        let parent = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if parent >= 0 {
            _ = fsync(parent)
            _ = close(parent)
        }
        return key
    }

    /// Nil unless they are a key in one of the forms that a file may have.
    init?(bytes: [UInt8]) {
        if bytes.count == Self.byteCount {
            self.init(secret: SymmetricKey(data: bytes))
            return
        }
        let space: Set<UInt8> = [9, 10, 13, 32]
        let digits = bytes.drop { space.contains($0) }.reversed().drop { space.contains($0) }
            .reversed()
        guard digits.count == 2 * Self.byteCount else { return nil }
        var raw: [UInt8] = []
        var high: UInt8?
        for digit in digits {
            guard let value = Character(UnicodeScalar(digit)).hexDigitValue.map(UInt8.init) else {
                return nil
            }
            if let first = high {
                raw.append(first << 4 | value)
                high = nil
            } else {
                high = value
            }
        }
        self.init(secret: SymmetricKey(data: raw))
    }

    private init(secret: SymmetricKey) { self.secret = secret }

    /// 64 digits, as a file has them.
    var hexadecimal: String {
        secret.withUnsafeBytes { bytes in
            bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        }
    }
}
