import Foundation
import Testing

@testable import ModelFormats

@Suite("Safetensors files")
struct SafetensorsFileTests {
    @Test(
        "A file of the reference implementation is read value by value", arguments: [true, false])
    func reference(isMapped: Bool) throws {
        let path = Fixture.path("reference.safetensors")
        let file =
            isMapped
            ? try SafetensorsFile(path: path)
            : try SafetensorsFile(bytes: Fixture.bytes("reference.safetensors"), name: "upload")
        #expect(file.names == ["empty", "f16", "f32", "f64", "flags", "i32", "i64", "u8"])
        #expect(file.metadata == ["format": "pt", "key \"é\"": "wörth\n"])
        let matrix = try file.tensor("f32")
        #expect(matrix.shape == [2, 3] && matrix.type == .f32 && matrix.count == 6)
        #expect(matrix.floats() == [0, 0.25, 0.5, 0.75, 1, 1.25])
        #expect(try file.tensor("f16").floats() == [0.5, -2, 65504, 5.9604645e-8])
        #expect(try file.tensor("f64").floats() == [1e-3, .infinity])
        #expect(try file.tensor("i64").integers() == [-1, 1 << 62])
        #expect(try file.tensor("u8").integers() == [0, 255])
        #expect(try file.tensor("flags").integers() == [1, 0, 1])
        let scalar = try file.tensor("i32")
        #expect(scalar.shape == [] && scalar.count == 1 && scalar.integers() == [7])
        let empty = try file.tensor("empty")
        #expect(empty.shape == [0, 4] && empty.floats() == [] && empty.hasOnlyFiniteValues())
    }

    @Test("What the writer writes is read back, and the same input gives the same bytes")
    func roundTrip() throws {
        let values: [Float] = [1, -0.0, .pi, .leastNonzeroMagnitude]
        let entries: [SafetensorsWriter.Entry] = [
            .floats("b", shape: [2, 2], values),
            .integers32("a \"quoted\"\n", shape: [3], [.min, 0, .max]),
            .integers64("c", shape: [1, 1], [-5]), .floats("none", shape: [0], []),
            .init(name: "bf16", type: .bf16, shape: [2], bytes: [0x80, 0x3f, 0x00, 0xc0]),
        ]
        let metadata = ["z": "1", "a": "é", "m": ""]
        let bytes = try SafetensorsWriter.serialize(entries, metadata: metadata)
        #expect(try SafetensorsWriter.serialize(entries, metadata: metadata) == bytes)
        #expect((8 + Int(bytes[0]) + Int(bytes[1]) << 8) % 8 == 0)
        let file = try SafetensorsFile(bytes: bytes, name: "round trip")
        #expect(file.metadata == metadata)
        let floats = try file.tensor("b").floats()
        #expect(floats.map(\.bitPattern) == values.map(\.bitPattern))
        #expect(
            try file.tensor("a \"quoted\"\n").integers() == [Int(Int32.min), 0, Int(Int32.max)])
        #expect(try file.tensor("c").integers() == [-5])
        #expect(try file.tensor("bf16").floats() == [1, -2])
    }

    @Test("The writer refuses what no reader would accept")
    func writerRefusals() {
        let tensor = SafetensorsWriter.Entry.floats("a", shape: [1], [1])
        let refused: [[SafetensorsWriter.Entry]] = [
            [tensor, tensor], [.floats("__metadata__", shape: [1], [1])],
            [.floats("a", shape: [2], [1])], [.floats("a", shape: [-1], [1])],
            [.floats("a", shape: [Int.max, 8], [1])],
        ]
        for entries in refused {
            #expect(throws: ModelFormatError.self) {
                try SafetensorsWriter.serialize(entries, metadata: [:])
            }
        }
    }

    @Test("NaN and infinities are found in every floating-point type")
    func finiteness() throws {
        let broken: [(TensorType, [UInt8])] = [
            (.f32, [0, 0, 0x80, 0x7f]), (.f32, [1, 0, 0xc0, 0xff]), (.f16, [0, 0x7c]),
            (.f16, [1, 0xfe]), (.bf16, [0x80, 0xff]), (.bf16, [0xc0, 0x7f]),
            (.f64, [0, 0, 0, 0, 0, 0, 0xf0, 0x7f]), (.f64, [1, 0, 0, 0, 0, 0, 0xf8, 0xff]),
        ]
        for (type, value) in broken {
            let zero = [UInt8](repeating: 0, count: type.byteCount)
            let cases = [(zero + zero + value, false), (value + zero + zero, false)]
            for (bytes, isFinite) in cases + [(zero + zero + zero, true)] {
                let data = try SafetensorsWriter.serialize([
                    .init(name: "t", type: type, shape: [3], bytes: bytes)
                ])
                let tensor = try SafetensorsFile(bytes: data, name: "t").tensor("t")
                #expect(tensor.hasOnlyFiniteValues() == isFinite)
                #expect(tensor.floats().allSatisfy(\.isFinite) == isFinite)
            }
        }
    }

    @Test("A tensor keeps its file mapped after the file is let go and deleted")
    func lifetime() throws {
        let tensor = try Fixture.withFolder { folder in
            let values = (0..<10_000).map { Float($0) }
            let bytes = try SafetensorsWriter.serialize([
                .floats("t", shape: [10_000], values)
            ])
            try Fixture.write(bytes, folder, "t.safetensors")
            return try SafetensorsFile(path: folder + "/t.safetensors").tensor("t")
        }
        #expect(tensor.floats()[9_999] == 9_999)
        #expect(tensor.withUnsafeBytes { $0.count } == 40_000)
    }

    @Test("A header whose length looks like a pickle's first bytes is no pickle")
    func honestLength() throws {
        let padding = String(repeating: "x", count: 615)
        let bytes = try SafetensorsWriter.serialize([], metadata: ["p": padding])
        #expect(bytes.starts(with: [0x80, 0x02]))
        #expect(try SafetensorsFile(bytes: bytes, name: "640").metadata["p"] == padding)
    }

    @Test("A missing tensor is an error that names file and tensor")
    func missingTensor() throws {
        let file = try SafetensorsFile(path: Fixture.path("reference.safetensors"))
        let error = #expect(throws: ModelFormatError.self) { try file.tensor("lm_head.weight") }
        let text = try #require(error).description
        #expect(text.contains("reference.safetensors") && text.contains("\"lm_head.weight\""))
    }

    @Test("What is no regular file, and what is a pickle, is refused by name")
    func otherFiles() throws {
        try Fixture.withFolder { folder in
            try Fixture.write([0x80, 0x02, 1, 2, 3, 4, 5, 6, 7, 8], folder, "model.safetensors")
            try Fixture.write([1], folder, "pytorch_model.BIN")
            #expect(mkfifo(folder + "/pipe", 0o600) == 0)
            for (name, part) in [
                ("", "regular"), ("pipe", "regular"), ("absent", "No such file"),
                ("model.safetensors", "pickle"), ("pytorch_model.BIN", "pickle"),
            ] {
                let error = #expect(throws: ModelFormatError.self) {
                    try SafetensorsFile(path: folder + "/" + name)
                }
                #expect(try #require(error).description.contains(part))
            }
        }
    }
}
