import ModelFormats

enum SafetensorsReading {
    static func read(_ input: [UInt8]) throws -> Bool {
        guard let file = try? SafetensorsFile(bytes: input, name: "input") else { return false }
        let entries = try entries(of: file)
        let bytes = try must("writing") {
            try SafetensorsWriter.serialize(entries, metadata: file.metadata)
        }
        let again = try must("reading back") { try SafetensorsFile(bytes: bytes, name: "again") }
        try expect(again.names == file.names, "names change")
        try expect(again.metadata == file.metadata, "metadata changes")
        let copies = try self.entries(of: again)
        for (entry, copy) in zip(entries, copies) {
            try expect(
                entry.type == copy.type && entry.shape == copy.shape && entry.bytes == copy.bytes,
                "tensor \(entry.name) changes")
        }
        return true
    }

    /// All tensors of a file, each read in every way its type has.
    static func entries(of file: SafetensorsFile) throws -> [SafetensorsWriter.Entry] {
        try file.names.map { name in
            let tensor = try must("tensor \(name)") { try file.tensor(name) }
            _ = tensor.hasOnlyFiniteValues()
            let count =
                tensor.type.isFloatingPoint ? tensor.floats().count : tensor.integers().count
            try expect(count == tensor.count, "tensor \(name) has another count")
            return SafetensorsWriter.Entry(
                name: name, type: tensor.type, shape: tensor.shape,
                bytes: tensor.withUnsafeBytes { Array($0) })
        }
    }

    static func seeds() throws -> [[UInt8]] {
        let everyType = TensorType.allCases.enumerated().map { index, type in
            SafetensorsWriter.Entry(
                name: "tensor.\(type.rawValue)", type: type, shape: [2, index],
                bytes: (0..<2 * index * type.byteCount).map { UInt8(truncatingIfNeeded: $0) })
        }
        return [
            try SafetensorsWriter.serialize([]),
            try SafetensorsWriter.serialize(
                [.floats("scalar", shape: [], [1.5]), .floats("none", shape: [0, 7], [])],
                metadata: ["format": "pt", "a \"quoted\" \u{e9}": "\n\u{1f600}"]),
            try SafetensorsWriter.serialize(everyType),
        ]
    }
}
