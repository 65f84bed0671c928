import Testing

@testable import ModelFormats

@Suite("Checkpoints of one and of many files")
struct SafetensorsCheckpointTests {
    private static func shard(_ names: [String]) throws -> [UInt8] {
        try SafetensorsWriter.serialize(
            names.enumerated().map { .floats($1, shape: [1], [Float($0)]) },
            metadata: ["first": names[0]])
    }

    private static func index(_ map: [String: String]) -> [UInt8] {
        let members = map.sorted { $0.key < $1.key }
            .map { JSONText.string($0) + ":" + JSONText.string($1) }
        return Array(
            ("{\"metadata\":{\"total_size\":8},\"weight_map\":{"
                + members.joined(separator: ",") + "}}").utf8)
    }

    @Test("A single file is read")
    func single() throws {
        try Fixture.withFolder { folder in
            try Fixture.write(Self.shard(["b", "a"]), folder, "model.safetensors")
            let checkpoint = try SafetensorsCheckpoint(folder: folder)
            #expect(checkpoint.names == ["a", "b"] && checkpoint.metadata == ["first": "b"])
            #expect(checkpoint.files == [folder + "/model.safetensors"])
            #expect(try checkpoint.tensor("a").floats() == [1])
            #expect(throws: ModelFormatError.self) { try checkpoint.tensor("c") }
        }
    }

    @Test("Pages that were let go come back from the file; a copy's stay")
    func releasedPages() throws {
        let values = (0..<20_000).map { Float($0) }
        let file = try SafetensorsWriter.serialize([
            .floats("before", shape: [3], [7, 8, 9]), .floats("w", shape: [20_000], values),
        ])
        try Fixture.withFolder { folder in
            try Fixture.write(file, folder, "model.safetensors")
            let mapped = try SafetensorsCheckpoint(folder: folder)
            let copied = try SafetensorsFile(bytes: file, name: "copy")
            for tensor in [try mapped.tensor("w"), try copied.tensor("w")] {
                let tensor = ModelTensor(tensor)
                #expect(tensor.floats() == values)
                tensor.releasePages()
                #expect(tensor.floats() == values)
            }
            #expect(try mapped.tensor("before").floats() == [7, 8, 9])
        }
    }

    @Test("Shards are found through the index")
    func shards() throws {
        try Fixture.withFolder { folder in
            try Fixture.write(Self.shard(["b", "a"]), folder, "model-00001-of-00002.safetensors")
            try Fixture.write(Self.shard(["c"]), folder, "model-00002-of-00002.safetensors")
            let map = [
                "a": "model-00001-of-00002.safetensors", "b": "model-00001-of-00002.safetensors",
                "c": "model-00002-of-00002.safetensors",
            ]
            try Fixture.write(Self.index(map), folder, "model.safetensors.index.json")
            let checkpoint = try SafetensorsCheckpoint(folder: folder + "/")
            #expect(checkpoint.names == ["a", "b", "c"] && checkpoint.files.count == 2)
            #expect(try checkpoint.tensor("b").floats() == [0])
            #expect(try checkpoint.tensor("a").floats() == [1])
        }
    }

    @Test(
        "A shard's name may not lead out of the folder",
        arguments: [
            "../other/model.safetensors", "/etc/model.safetensors", "sub/model.safetensors",
            "..\\model.safetensors", ".hidden.safetensors", "model.bin", "", "..",
            "a\tb.safetensors",
        ])
    func escapes(name: String) throws {
        try Fixture.withFolder { folder in
            try Fixture.write(Self.index(["a": name]), folder, "model.safetensors.index.json")
            let error = #expect(throws: ModelFormatError.self) {
                try SafetensorsCheckpoint(folder: folder)
            }
            #expect(try #require(error).description.contains("weight_map[\"a\"]"))
        }
    }

    @Test("An index that promises what is not there is refused")
    func brokenPromises() throws {
        try Fixture.withFolder { folder in
            try Fixture.write(Self.shard(["b"]), folder, "one.safetensors")
            let indices = [
                Self.index(["a": "one.safetensors"]), Self.index(["b": "two.safetensors"]),
                Array("{}".utf8), Array("{\"weight_map\":{\"a\":1}}".utf8), Array("[]".utf8), [],
                Array("{\"weight_map\":{\"b\":\"one.safetensors\",\"b\":\"x\"}}".utf8),
            ]
            for index in indices {
                try Fixture.write(index, folder, "model.safetensors.index.json")
                #expect(throws: ModelFormatError.self) { try SafetensorsCheckpoint(folder: folder) }
            }
        }
    }

    @Test("A folder with a pickle only is refused with the reason")
    func pickle() throws {
        try Fixture.withFolder { folder in
            let missing = #expect(throws: ModelFormatError.self) {
                try SafetensorsCheckpoint(folder: folder)
            }
            #expect(try #require(missing).description.contains("model.safetensors"))
            try Fixture.write([0x80, 2], folder, "pytorch_model.bin")
            let error = #expect(throws: ModelFormatError.self) {
                try SafetensorsCheckpoint(folder: folder)
            }
            #expect(try #require(error).description.contains("can run code"))
        }
    }
}
