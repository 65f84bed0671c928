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
        var hasher = SHA256()
        for path in paths {
            let url = URL(fileURLWithPath: path)
            let handle = try FileHandle(forReadingFrom: url)
            defer { try? handle.close() }
            let length = try handle.seekToEnd()
            try handle.seek(toOffset: 0)
            hasher.update(data: Array("\(url.lastPathComponent) \(length)\n".utf8))
            while let piece = try handle.read(upToCount: 4 << 20), !piece.isEmpty {
                hasher.update(data: piece)
            }
        }
        return hex(hasher.finalize())
    }

    private static func hex(_ digest: SHA256.Digest) -> String {
        digest.map { byte in
            let text = String(byte, radix: 16)
            return text.count == 1 ? "0" + text : text
        }.joined()
    }
}
