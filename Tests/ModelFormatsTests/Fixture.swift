import Foundation
import Testing

@testable import ModelFormats

/// The golden files that Fixtures/make_fixtures.py made.
enum Fixture {
    static func path(_ name: String) -> String {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("Fixtures/\(name)").path
    }

    static func bytes(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: path(name))))
    }

    static func json(_ name: String) throws -> JSONObject {
        try #require(try JSONScanner.parse(bytes(name), file: name).objectValue)
    }

    /// Little-endian u32s.
    static func words(_ name: String) throws -> [UInt32] {
        let bytes = try bytes(name)
        return stride(from: 0, to: bytes.count, by: 4).map { start in
            (0..<4).reduce(0) { $0 | UInt32(bytes[start + $1]) << (8 * UInt32($1)) }
        }
    }

    /// The test lines: u16 length, then bytes.
    static func lines() throws -> [[UInt8]] {
        let bytes = try bytes("tokenizers/lines.bin")
        var lines: [[UInt8]] = []
        var offset = 0
        while offset < bytes.count {
            let end = offset + 2 + Int(bytes[offset]) + Int(bytes[offset + 1]) << 8
            lines.append(Array(bytes[offset + 2..<end]))
            offset = end
        }
        return lines
    }

    static func tokenizer(_ family: String) throws -> Tokenizer {
        try Tokenizer(json: bytes("tokenizers/\(family).json"), name: "\(family).json")
    }

    /// A folder that is removed when `body` is done.
    static func withFolder<Result>(_ body: (String) throws -> Result) throws -> Result {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("model-formats-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        return try body(folder.path)
    }

    static func write(_ bytes: [UInt8], _ folder: String, _ name: String) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: folder + "/" + name))
    }
}

/// CRC-32 as zlib computes it.
struct CRC32 {
    private static let table: [UInt32] = (0..<256).map { (index: UInt32) in
        (0..<8).reduce(index) { value, _ in value & 1 == 1 ? value >> 1 ^ 0xedb8_8320 : value >> 1 }
    }

    private var state = UInt32.max

    var value: UInt32 { ~state }

    mutating func append(_ token: TokenID) {
        for shift in [0, 8, 16, 24] as [UInt32] {
            let byte = UInt32(bitPattern: token.rawValue) >> shift & 0xff
            state = Self.table[Int((state ^ byte) & 0xff)] ^ state >> 8
        }
    }
}

/// splitmix64: seeded, the same on every machine.
struct TestGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
        return value ^ value >> 31
    }
}
