import Foundation
import Testing

@testable import ModelFormats

/// A file that must be refused, and a part of the reason that must be given.
struct HostileFile: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let bytes: [UInt8]
    let reason: String

    /// A header with its length and a buffer of zeros.
    init(_ name: String, _ header: String, buffer: Int = 8, reason: String) {
        let text = Array(header.utf8)
        self.init(name, length: UInt64(text.count), text, buffer: buffer, reason: reason)
    }

    init(_ name: String, length: UInt64, _ header: [UInt8], buffer: Int = 0, reason: String) {
        testDescription = name
        bytes =
            (0..<8).map { UInt8(truncatingIfNeeded: length >> ($0 * 8)) } + header
            + [UInt8](repeating: 0, count: buffer)
        self.reason = reason
    }

    /// A header with one F32 tensor "a".
    static func tensor(
        _ name: String, type: String = "\"F32\"", shape: String = "[2]", offsets: String = "[0,8]",
        buffer: Int = 8, reason: String
    ) -> HostileFile {
        let header = "{\"a\":{\"dtype\":\(type),\"shape\":\(shape),\"data_offsets\":\(offsets)}}"
        return HostileFile(name, header, buffer: buffer, reason: reason)
    }
}

private let good = #"{"dtype":"F32","shape":[1],"data_offsets":[0,4]}"#
private let next = #"{"dtype":"F32","shape":[1],"data_offsets":[4,8]}"#

@Suite("Hostile safetensors")
struct SafetensorsHostileTests {
    static let lengths: [HostileFile] = [
        HostileFile("a header over 100 MB", length: 100_000_001, [], reason: "100000000"),
        HostileFile("a header of 2^64-1 bytes", length: .max, [], reason: "100000000"),
        HostileFile("a header of 2^63 bytes", length: 1 << 63, [], reason: "100000000"),
        HostileFile("a header behind the end", length: 3, [0x7b, 0x7d], reason: "3 bytes are ann"),
        HostileFile("an empty header", length: 0, [], reason: "does not start with"),
        HostileFile("a header that starts with a space", " {}", buffer: 0, reason: "not start"),
        HostileFile("an array as header", "[]", buffer: 0, reason: "not start"),
    ]

    static let tensors: [HostileFile] = [
        .tensor("offsets behind the end", buffer: 7, reason: "the buffer has 7 bytes"),
        .tensor(
            "offsets far behind the end", shape: "[1000000]", offsets: "[0,4000000]",
            reason: "the buffer has 8 bytes"),
        .tensor("bytes behind the last tensor", buffer: 9, reason: "the buffer at 9"),
        .tensor("offsets that run backwards", offsets: "[8,0]", reason: "backwards"),
        .tensor("a shape that is too small", shape: "[1]", reason: "does not fill"),
        .tensor("a shape that is too large", shape: "[3]", reason: "does not fill"),
        .tensor("a type that is too wide", type: "\"F64\"", reason: "does not fill"),
        .tensor(
            "a shape whose product overflows", shape: "[4294967296,4294967296]",
            reason: "overflows"),
        .tensor(
            "a shape whose product wraps to the right size",
            shape: "[9223372036854775807,2,2]", reason: "overflows"),
        .tensor(
            "an overflow that a zero would hide", shape: "[9223372036854775807,9,0]",
            offsets: "[0,0]", buffer: 0, reason: "overflows"),
        .tensor(
            "a byte count that overflows", shape: "[4611686018427387904]",
            reason: "does not fill"),
        .tensor("a size over 2^63", shape: "[9223372036854775808]", reason: "integer over"),
        .tensor("a negative size", shape: "[-2]", reason: "negative"),
        .tensor("a negative zero", shape: "[-0]", reason: "negative"),
        .tensor("a negative offset", offsets: "[-8,0]", reason: "negative"),
        .tensor("a fractional size", shape: "[2.0]", reason: "fractional"),
        .tensor("a size with an exponent", shape: "[2e0]", reason: "fractional"),
        .tensor("a leading zero", shape: "[02]", reason: "leading zero"),
        .tensor("a size as text", shape: "[\"2\"]", reason: "expected a value"),
        .tensor("a shape that is no list", shape: "2", reason: "expected"),
        .tensor("a null shape", shape: "null", reason: "expected"),
        .tensor("three offsets", offsets: "[0,4,8]", reason: "more than 2"),
        .tensor("one offset", offsets: "[8]", reason: "two numbers"),
        .tensor(
            "an endless rank", shape: "[" + String(repeating: "1,", count: 40) + "2]",
            reason: "more than 32"),
        .tensor("an unknown type", type: "\"F8_E4M3\"", reason: "F8_E4M3"),
        .tensor("a type in small letters", type: "\"f32\"", reason: "supported: F64"),
        .tensor("a type that is no text", type: "7", reason: "expected"),
    ]

    static let headers: [HostileFile] = [
        HostileFile(
            "overlapping tensors", "{\"a\":\(good),\"b\":\(good)}", buffer: 4,
            reason: "overlaps"),
        HostileFile(
            "a hole between tensors",
            "{\"a\":\(good),\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[5,9]}}",
            buffer: 9, reason: "hole"),
        HostileFile("a hole before the first tensor", "{\"b\":\(next)}", reason: "hole"),
        HostileFile("the same name twice", "{\"a\":\(good),\"a\":\(next)}", reason: "twice"),
        HostileFile(
            "the same name twice, once escaped", "{\"a\":\(good),\"\\u0061\":\(next)}",
            reason: "twice"),
        HostileFile(
            "metadata twice", #"{"__metadata__":{},"__metadata__":{}}"#, buffer: 0,
            reason: "twice"),
        HostileFile(
            "a metadata key twice", #"{"__metadata__":{"k":"1","k":"2"}}"#, buffer: 0,
            reason: "twice"),
        HostileFile(
            "metadata that is no text", #"{"__metadata__":{"k":1}}"#, buffer: 0,
            reason: "expected"),
        HostileFile(
            "metadata that is a list", #"{"__metadata__":[]}"#, buffer: 0,
            reason: "expected"),
        HostileFile(
            "a key of a tensor twice",
            #"{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, buffer: 4,
            reason: "there twice"),
        HostileFile(
            "an unknown key of a tensor",
            #"{"a":{"dtype":"F32","strides":[1],"shape":[1],"data_offsets":[0,4]}}"#, buffer: 4,
            reason: "unknown"),
        HostileFile(
            "a tensor without a shape", #"{"a":{"dtype":"F32","data_offsets":[0,4]}}"#,
            buffer: 4, reason: "needs dtype, shape"),
        HostileFile("a tensor that is a number", #"{"a":1}"#, reason: "expected"),
        HostileFile("an unfinished object", #"{"a":"#, reason: "end of the text"),
        HostileFile("an unfinished string", #"{"a"#, buffer: 0, reason: "without an end"),
        HostileFile("text behind the header", "{}x", buffer: 0, reason: "expected the end"),
        HostileFile("a trailing comma", #"{"a":\#(good),}"#, buffer: 4, reason: "expected"),
        HostileFile("a comment", "{/**/}", buffer: 0, reason: "expected"),
        HostileFile("a NUL behind the header", "{}\u{0}", buffer: 0, reason: "expected the end"),
        HostileFile(
            "a control character in a name", "{\"a\u{1}\":\(good)}", buffer: 4,
            reason: "control character"),
        HostileFile("half a surrogate pair", #"{"\ud800":\#(good)}"#, buffer: 4, reason: "surrog"),
        HostileFile(
            "surrogates in the wrong order", #"{"\udc00\ud800":\#(good)}"#, buffer: 4,
            reason: "surrog"),
        HostileFile("an unknown escape", #"{"\x41":\#(good)}"#, buffer: 4, reason: "escape"),
        HostileFile(
            "invalid UTF-8 in a name", length: 6, [0x7b, 0x22, 0xff, 0x22, 0x3a, 0x7d],
            reason: "UTF-8"),
        HostileFile(
            "a surrogate in UTF-8", length: 8,
            [0x7b, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x3a, 0x7d], reason: "UTF-8"),
    ]

    @Test("Each is refused with its reason", arguments: lengths + tensors + headers)
    func refused(file: HostileFile) throws {
        let error = #expect(throws: ModelFormatError.self) {
            try SafetensorsFile(bytes: file.bytes, name: "hostile.safetensors")
        }
        let text = try #require(error).description
        #expect(text.contains(file.reason))
        #expect(text.hasPrefix("hostile.safetensors: "))
    }

    @Test("A header that a file of its kind does not need is refused by its length alone")
    func longHeader() throws {
        // No JSON at all, so that whoever reads it says something else.
        let file = HostileFile(
            "long", length: 4097, [UInt8](repeating: 0x20, count: 4097), reason: "")
        let error = #expect(throws: ModelFormatError.self) {
            try SafetensorsFile(bytes: file.bytes, name: "long", maximumHeaderBytes: 4096)
        }
        let text = try #require(error).description
        #expect(text.contains("4097 bytes") && text.contains("at most 4096 bytes"), "\(text)")
        #expect(throws: ModelFormatError.self) {
            _ = try SafetensorsWriter.serialize(
                [], metadata: ["long": String(repeating: "x", count: 4096)],
                maximumHeaderBytes: 4096)
        }
    }

    @Test("Every truncation of a valid file is refused, mapped or not")
    func truncations() throws {
        let bytes = try Fixture.bytes("reference.safetensors")
        try Fixture.withFolder { folder in
            for count in 0..<bytes.count {
                let part = Array(bytes[..<count])
                #expect(throws: ModelFormatError.self) {
                    try SafetensorsFile(bytes: part, name: "part")
                }
                guard count % 16 == 0 else { continue }
                try Fixture.write(part, folder, "part")
                #expect(throws: ModelFormatError.self) {
                    try SafetensorsFile(path: folder + "/part")
                }
            }
        }
    }

    @Test("A damaged file is refused or read, never a crash")
    func mutations() throws {
        let original = try Fixture.bytes("reference.safetensors")
        var generator = TestGenerator(seed: 7)
        var accepted = 0
        for _ in 0..<20_000 {
            var bytes = original
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                // Most of the damage goes where the decisions are made: the header.
                let limit = Bool.random(using: &generator) ? bytes.count : min(bytes.count, 520)
                let place = Int.random(in: 0..<limit, using: &generator)
                switch Int.random(in: 0..<5, using: &generator) {
                case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
                case 1: bytes[place] = UInt8.random(in: 0...255, using: &generator)
                case 2:
                    bytes[place] = Array("0129-.e\"{}[]:,\\".utf8).randomElement(using: &generator)!
                case 3: bytes.remove(at: place)
                default: bytes.insert(bytes[place], at: place)
                }
                if bytes.isEmpty { bytes = [0] }
            }
            guard let file = try? SafetensorsFile(bytes: bytes, name: "damaged") else { continue }
            accepted += 1
            for name in file.names {
                let tensor = try file.tensor(name)
                #expect(tensor.shape.reduce(1, *) == tensor.count)
                let values =
                    tensor.type.isFloatingPoint ? tensor.floats().count : tensor.integers().count
                #expect(values == tensor.count)
                _ = tensor.hasOnlyFiniteValues()
            }
        }
        // Damage to the numbers alone goes unnoticed by the format; were none accepted, this test
        // would only test the refusals.
        #expect(accepted > 100)
    }
}
