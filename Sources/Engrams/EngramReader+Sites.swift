import ModelFormats

/// The sites whose tensors have two dimensions, and what goes with them.
extension EngramReader {
    /// A matrix of hidden size, or an empty one.
    func square(_ name: String) throws(EngramError) -> DenseSynapses {
        let tensor = try matrix(name, .f32)
        let size = try number("hidden_size", limit: 1_048_576)
        guard tensor.shape == [0, 0] || tensor.shape == [size, size] else {
            throw malformed("the tensor \(name) has shape \(tensor.shape), not [\(size), \(size)]")
        }
        return DenseSynapses(size: tensor.shape[0], weights: tensor.floats())
    }

    func layer() throws(EngramError) -> LayerSynapses {
        let dense = try square("layer.dense")
        let latents = try numbers("layer.latent", below: try latentCount)
        let rows = try matrix("layer.decoder", .f32)
        let size = try number("hidden_size", limit: 1_048_576)
        guard rows.shape[0] == latents.count, latents.isEmpty || rows.shape[1] == size else {
            throw malformed("layer.decoder has shape \(rows.shape), not [latents, hidden_size]")
        }
        let values = rows.floats()
        var decoder: [Int32: [Float]] = [:]
        for (index, latent) in latents.enumerated() {
            guard index == 0 || latents[index - 1] < latent else {
                throw malformed("layer.latent is not sorted, or one is there twice, at \(index)")
            }
            decoder[latent] = Array(values[index * size..<(index + 1) * size])
        }
        return LayerSynapses(dense: dense, decoder: decoder)
    }

    func episodes() throws(EngramError) -> EpisodicMemory {
        let keys = try matrix("episode.key", .i8)
        let isNarrow = try latentCount < SafetensorsWriter.Entry.narrowLimit
        let latents = try matrix("episode.latent", isNarrow ? .u16 : .i32)
        let tokens = try numbers("episode.token", below: try vocabularySize)
        guard keys.shape[0] == tokens.count, latents.shape[0] == tokens.count else {
            throw malformed("the episodes' keys, latents and tokens do not belong together")
        }
        let width = latents.shape[1]
        let found = latents.integers()
        var lists: [[Int32]] = []
        for index in tokens.indices {
            let list = found[index * width..<(index + 1) * width].filter {
                $0 != EpisodicMemory.noLatent
            }
            guard Set(list).count == list.count, list.allSatisfy({ 0...Int(Int32.max) ~= $0 })
            else {
                throw malformed("episode \(index) names a latent twice or a negative one")
            }
            lists.append(list.map(Int32.init))
        }
        return EpisodicMemory(
            keySize: keys.shape[1], keys: keys.integers().map { Int8(truncatingIfNeeded: $0) },
            latents: lists, tokens: tokens,
            isKept: try number("keeps_episodes", limit: 1) == 1)
    }

    func familiarity() throws(EngramError) -> [Int32] {
        let counts = try tensor("familiarity.count", .i32, count: nil).integers().map {
            Int32(truncatingIfNeeded: $0)
        }
        guard !counts.isEmpty else { return [] }
        let limit = try latentCount
        let latents = try numbers("familiarity.latent", below: limit, count: counts.count)
        var familiarity = [Int32](repeating: 0, count: limit)
        for (latent, count) in zip(latents, counts) {
            guard familiarity.indices.contains(Int(latent)) else {
                throw .outOfRange(site: "familiarity", found: Int(latent), limit: limit)
            }
            guard count > 0, familiarity[Int(latent)] == 0 else {
                throw malformed("familiarity counts are not above 0, or a latent is there twice")
            }
            familiarity[Int(latent)] = count
        }
        return familiarity
    }

    private func matrix(
        _ name: String, _ type: TensorType
    ) throws(EngramError) -> SafetensorsFile.Tensor {
        guard let tensor = try? file.tensor(name) else {
            throw malformed("the tensor \(name) is missing")
        }
        guard tensor.type == type, tensor.shape.count == 2 else {
            throw malformed("the tensor \(name) is not a matrix of \(type.rawValue)")
        }
        return tensor
    }
}
