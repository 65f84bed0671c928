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

    func episodes() throws(EngramError) -> EpisodicMemory {
        let latents = try integers("episode.latent")
        let tokens = try numbers("episode.token")
        let size = try number("episode_key_size", limit: 1_048_576)
        guard latents.shape.count == 2, latents.shape[0] == tokens.count else {
            throw malformed("episode.latent has shape \(latents.shape), not [episodes, latents]")
        }
        let width = latents.shape[1]
        // Before anything is made of them: a width is a stranger's number.
        guard width <= EpisodicMemory.latentsMaximum else {
            throw malformed(
                "its episodes have \(width) latents each, more than "
                    + "\(EpisodicMemory.latentsMaximum)")
        }
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
            keySize: size, keys: try episodeKeys(count: tokens.count, size: size),
            latents: lists, tokens: tokens, cohortCounts: try cohorts(of: tokens.count),
            isKept: try number("keeps_episodes", limit: 1) == 1)
    }

    /// How many episodes are of each age; nil for a file that has them in the order they came.
    private func cohorts(of count: Int) throws(EngramError) -> [Int]? {
        guard version > 3 else { return nil }
        let counts = try numbers("episode.cohort").map(Int.init)
        // Checked before anything is made of them: a count is a stranger's number.
        guard counts.allSatisfy({ $0 > 0 }), counts.reduce(0, +) == count else {
            throw malformed("episode.cohort does not add up to the \(count) episodes")
        }
        return counts
    }

    /// Bytes, or half bytes, of keys of one length.
    private func episodeKeys(count: Int, size: Int) throws(EngramError) -> [Int8] {
        guard let tensor = try? file.tensor("episode.key") else {
            throw malformed("the tensor episode.key is missing")
        }
        let isNarrow = tensor.type == .u8
        guard isNarrow || tensor.type == .i8 else {
            throw malformed("the tensor episode.key is not of I8 or U8")
        }
        let width = isNarrow ? (size + 1) / 2 : size
        // An empty memory does not know its keys' length yet.
        guard tensor.shape == [count, width] || (count == 0 && tensor.shape == [0, 0]) else {
            throw malformed("episode.key has shape \(tensor.shape), not [\(count), \(width)]")
        }
        let values = tensor.integers()
        guard isNarrow else { return values.map { Int8(truncatingIfNeeded: $0) } }
        return (0..<count).flatMap {
            Nibbles.unpacked(values[$0 * width..<($0 + 1) * width], count: size)
        }
    }

    /// Nothing where nothing was said, and in files from before version 5.
    func sayings() throws(EngramError) -> SayingMemory {
        guard version > 4, file.names.contains("saying.token") else { return SayingMemory() }
        let tokens = try numbers("saying.token")
        let lengths = try numbers("saying.length")
        let moments = try numbers("saying.moment", count: lengths.count)
        let size = Int(try numbers("saying.key_size", count: 1)[0])
        // Checked before anything is made of them: lengths are a stranger's numbers.
        guard !lengths.isEmpty, lengths.count <= SayingMemory.capacity,
            lengths.allSatisfy({ 1...Int32(SayingMemory.tokensMaximum) ~= $0 }),
            lengths.reduce(0, { $0 + Int($1) }) == tokens.count, 1...4096 ~= size
        else {
            throw malformed("saying.length does not add up to the \(tokens.count) tokens")
        }
        let width = (size + 1) / 2
        let packed = try matrix("saying.key", .u8)
        guard packed.shape == [tokens.count, width] else {
            throw malformed("saying.key has shape \(packed.shape), not [tokens, \(width)]")
        }
        let bytes = packed.integers()
        var sayings: [Saying] = []
        var start = 0
        for (length, moment) in zip(lengths, moments) {
            let rows = start..<start + Int(length)
            let keys = rows.flatMap {
                Nibbles.unpacked(bytes[$0 * width..<($0 + 1) * width], count: size)
            }
            sayings.append(Saying(tokens: Array(tokens[rows]), keys: keys, moment: moment))
            start = rows.upperBound
        }
        let memory = SayingMemory(sayings)
        guard memory.sayings == sayings, Set(sayings.map(\.tokens)).count == sayings.count,
            sayings.allSatisfy({ $0.moment >= 0 && $0.keys.allSatisfy { $0 >= -7 } })
        else {
            throw malformed("sayings are not sorted, or one is there twice or has a key of -8")
        }
        return memory
    }

    func familiarity() throws(EngramError) -> [Int32] {
        let counts = try numbers("familiarity.count")
        guard !counts.isEmpty else { return [] }
        let limit = try latentCount
        let latents = try numbers("familiarity.latent", count: counts.count)
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

    func matrix(
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
