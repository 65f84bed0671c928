public import ModelFormats

extension SafetensorsFile {
    /// The same tensors with some of the metadata replaced, as a file that no server wrote.
    public func rewritten(metadata changes: [String: String]) throws -> [UInt8] {
        let entries = try names.map { name in
            let tensor = try tensor(name)
            return SafetensorsWriter.Entry(
                name: name, type: tensor.type, shape: tensor.shape,
                bytes: tensor.withUnsafeBytes { Array($0) })
        }
        return try SafetensorsWriter.serialize(
            entries, metadata: metadata.merging(changes) { $1 })
    }
}
