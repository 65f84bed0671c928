import Foundation
import Kernels
import Testing

@testable import ModelFormats

struct ModelSourceTests {
    @Test("A folder says what of it makes the model: weights, configuration, tokenizer")
    func folder() throws {
        try Fixture.withFolder { folder in
            let weights = try SafetensorsWriter.serialize([
                .floats("w", shape: [2, 3], [1, 2, 3, 4, 5, 6]),
                .integers32("ids", shape: [1], [7]),
            ])
            try Fixture.write(weights, folder, "model.safetensors")
            try Fixture.write(try Fixture.bytes("configs/llama.json"), folder, "config.json")
            try Fixture.write(Array("unread".utf8), folder, "README.md")
            let source = try ModelSources.open(folder)
            let files = ["model.safetensors", "config.json"].map { "\(folder)/\($0)" }
            #expect(source.files == files)
            #expect(try ModelSources.files(of: folder) == files)
            #expect(source.naming == .huggingFace && source.tensorNames == ["w", "ids"])
            #expect(try source.config() == ModelConfig(folder: folder))
            let tensor = try source.tensor("w")
            #expect(tensor.shape == [2, 3] && tensor.encoding == .float32)
            #expect(tensor.floats() == [1, 2, 3, 4, 5, 6] && tensor.file == files[0])
            let ids = try source.tensor("ids")
            #expect(ids.encoding == nil && ids.typeName == "I32")
            #expect(throws: ModelFormatError.self) { try source.tensor("v") }
            #expect(throws: ModelFormatError.self) { try source.tokenizer(embeddingRows: nil) }
        }
    }

    @Test("A scale or a minimum that is not finite is found in every encoding, wherever it is")
    func finiteness() throws {
        let numbers: [(WeightEncoding, [Int])] = [
            (.float32, [2]), (.float16, [0]), (.bfloat16, [0]), (.q4_0, [0]), (.q4_1, [0, 2]),
            (.q5_0, [0]), (.q5_1, [0, 2]), (.q8_0, [0]), (.q4_K, [0, 2]), (.q5_K, [0, 2]),
            (.q6_K, [208]),
        ]
        #expect(numbers.map(\.0) == Array(WeightEncoding.allCases))
        for (encoding, places) in numbers {
            // Bytes of 0x77 are finite in F16 and F32; all other bits of a block may be anything.
            let plain = [UInt8](repeating: 0x77, count: 3 * encoding.blockBytes)
            #expect(tensor(plain, encoding).hasOnlyFiniteValues())
            for block in 0..<3 {
                for place in places.map({ $0 + block * encoding.blockBytes }) {
                    for infinity: [UInt8] in [[0x80, 0xff], [0x00, 0x7c], [0x01, 0xfc]] {
                        let isNarrow = encoding == .float32 || encoding == .bfloat16
                        guard isNarrow == (infinity[0] == 0x80) else { continue }
                        var broken = plain
                        broken.replaceSubrange(place..<place + 2, with: infinity)
                        #expect(!tensor(broken, encoding).hasOnlyFiniteValues())
                    }
                }
            }
        }
    }

    @Test("A copy has the values, rounded to its own encoding")
    func copies() {
        let values: [Float] = [1, -2.7182817, 1e-3, 0]
        func floats(_ values: [Float]) -> ModelTensor {
            tensor(values.flatMap { withUnsafeBytes(of: $0.bitPattern, Array.init) }, .float32)
        }
        func rounded(_ values: [Float]) -> ModelTensor {
            tensor(
                values.flatMap { value in
                    withUnsafeBytes(of: Float16(value).bitPattern, Array.init)
                }, .float16)
        }
        #expect(floats(values).isCopy(of: floats(values)))
        #expect(rounded(values).isCopy(of: floats(values)))
        #expect(!rounded([1, -2.7182817, 1e-3, 0.1]).isCopy(of: floats(values)))
        #expect(!floats([1, 2, 3]).isCopy(of: floats(values)))
    }

    private func tensor(_ bytes: [UInt8], _ encoding: WeightEncoding) -> ModelTensor {
        let count = bytes.count / encoding.blockBytes * encoding.blockElements
        return ModelTensor(
            name: "w", file: "test", shape: [count], encoding: encoding, typeName: "",
            storage: ByteStorage(copying: bytes), range: 0..<bytes.count)
    }
}
