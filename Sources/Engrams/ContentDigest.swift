import Crypto
import Foundation

/// SHA-256 of files and bytes, hexadecimal: how cores, rules and engrams are told apart.
public enum ContentDigest {
    /// Stands for a part that is not there.
    public static let none = String(repeating: "0", count: 64)

    public static func of(_ bytes: [UInt8]) -> String { hex(SHA256.hash(data: bytes)) }

    /// One hash over several files: their names, lengths and contents, in the order given.
    /// - Throws: When a file cannot be read.
    /// - Complexity: O(bytes); reads in pieces of 4 MiB.
    public static func ofFiles(_ paths: [String]) throws -> String {
        try ofEach(paths).together.last ?? hex(SHA256().finalize())
    }

    /// The hashes of several files, read once.
    public struct Files: Sendable, Equatable {
        /// Of each file's content alone.
        public var each: [String] = []
        /// Beside it, `ofFiles` of all files up to this one.
        public var together: [String] = []
    }

    /// Hashes files one by one and together.
    /// - Throws, complexity: as `ofFiles`; each byte is hashed twice.
    public static func ofEach(_ paths: [String]) throws -> Files {
        var files = Files()
        var hasher = SHA256()
        for path in paths {
            var own = SHA256()
            let url = URL(fileURLWithPath: path)
            let handle = try FileHandle(forReadingFrom: url)
            defer { try? handle.close() }
            let length = try handle.seekToEnd()
            try handle.seek(toOffset: 0)
            hasher.update(data: Array("\(url.lastPathComponent) \(length)\n".utf8))
            while let piece = try handle.read(upToCount: 4 << 20), !piece.isEmpty {
                hasher.update(data: piece)
                own.update(data: piece)
            }
            files.each.append(hex(own.finalize()))
            // A copy is finished: the hash goes on with the next file.
            files.together.append(hex(hasher.finalize()))
        }
        return files
    }

    private static func hex(_ digest: SHA256.Digest) -> String {
        digest.map { byte in
            let text = String(byte, radix: 16)
            return text.count == 1 ? "0" + text : text
        }.joined()
    }
}
