import ModelFormats

extension Engram {
    /// Reads an engram file of either kind.
    ///
    /// Checks everything that makes it a value of this type (types, lengths, order, no synapse
    /// twice, no negative counts); `check(on:within:)` then judges it against a core and the safe
    /// zone.
    /// - Parameter name: What to call the file in an error.
    public init(serialized bytes: [UInt8], name: String) throws(EngramError) {
        let reader = try EngramReader(bytes: bytes, name: name)
        self.init(
            identity: CortexIdentity(
                core: try reader.text("core_sha256"),
                sparseAutoencoder: try reader.text("sae_sha256"),
                rule: try reader.text("rule_sha256"),
                vocabularySize: try reader.number("vocabulary_size", limit: Int(Int32.max)),
                latentCount: try reader.number("latent_count", limit: Int(Int32.max)),
                hiddenSize: try reader.number("hidden_size", limit: 1_048_576),
                episodeKeySize: try reader.number("episode_key_size", limit: 1_048_576),
                layerLatentCount: try reader.number(
                    "layer_latent_count", limit: Int(Int32.max)),
                constitution: try reader.constitution(),
                projections: try reader.projections()),
            revision: Revision(
                rawValue: UInt64(
                    try reader.number("revision", limit: Int(Revision.maximum.rawValue)))),
            tokensLearned: try reader.number(
                "tokens_learned", limit: Self.tokensLearnedMaximum),
            parent: try reader.text("parent").isEmpty
                ? nil : CheckpointID(rawValue: try reader.text("parent")),
            kernelClass: Self.joined(try reader.text("kernel_class")),
            sites: try reader.sites())
    }
}

struct EngramReader {
    let file: SafetensorsFile
    let name: String
    /// Of the file's format.
    let version: Int

    init(bytes: [UInt8], name: String) throws(EngramError) {
        do {
            file = try SafetensorsFile(
                bytes: bytes, name: name, maximumHeaderBytes: Engram.headerBytesMaximum)
        } catch {
            throw .malformed(file: name, reason: "\(error)")
        }
        self.name = name
        guard file.metadata["format"] == Engram.formatName else {
            throw .malformed(
                file: name, reason: "its metadata has no format = \(Engram.formatName)")
        }
        let readable = [Engram.formatVersion] + Engram.olderVersions
        let found = file.metadata["format_version"]
        guard let version = readable.first(where: { String($0) == found }) else {
            throw .malformed(
                file: name,
                reason:
                    "its format_version is \(found?.prefix(20) ?? "missing"), this server reads "
                    + readable.map(String.init).joined(separator: ", "))
        }
        self.version = version
    }

    /// Whether the file is one of version 2.
    var isOfVersionTwo: Bool { version == 2 }

    func constitution() throws(EngramError) -> String {
        isOfVersionTwo ? ContentDigest.none : try text("constitution_sha256")
    }

    func malformed(_ reason: String) -> EngramError { .malformed(file: name, reason: reason) }

    func text(_ key: String) throws(EngramError) -> String {
        guard let value = file.metadata[key] else { throw malformed("metadata lacks \(key)") }
        guard value.utf8.count <= 256 else { throw malformed("metadata \(key) is too long") }
        return value
    }

    func number(_ key: String, limit: Int) throws(EngramError) -> Int {
        guard let value = Int(try text(key)), (0...limit).contains(value) else {
            throw malformed("metadata \(key) is not a number in 0...\(limit)")
        }
        return value
    }

    func tensor(
        _ tensorName: String, _ type: TensorType, count: Int?
    ) throws(EngramError) -> SafetensorsFile.Tensor {
        guard let tensor = try? file.tensor(tensorName) else {
            throw malformed("the tensor \(tensorName) is missing")
        }
        guard tensor.type == type, tensor.shape.count == 1 else {
            throw malformed("the tensor \(tensorName) is not a vector of \(type.rawValue)")
        }
        if let count, tensor.count != count {
            throw malformed("the tensor \(tensorName) has \(tensor.count) values, not \(count)")
        }
        return tensor
    }

    func floats(_ name: String, count: Int? = nil) throws(EngramError) -> [Float] {
        try tensor(name, .f32, count: count).floats()
    }

    /// What `SafetensorsWriter.Entry.numbers` wrote.
    func numbers(_ tensorName: String, count: Int? = nil) throws(EngramError) -> [Int32] {
        let found = try integers(tensorName)
        guard found.shape.count == 1 else {
            throw malformed("the tensor \(tensorName) is not a vector")
        }
        if let count, found.count != count {
            throw malformed("the tensor \(tensorName) has \(found.count) values, not \(count)")
        }
        return found.integers().map { Int32(truncatingIfNeeded: $0) }
    }

    /// A tensor of any of the types of `SafetensorsWriter.Entry.numbers`.
    func integers(_ tensorName: String) throws(EngramError) -> SafetensorsFile.Tensor {
        guard let tensor = try? file.tensor(tensorName) else {
            throw malformed("the tensor \(tensorName) is missing")
        }
        guard [.u8, .u16, .i32].contains(tensor.type) else {
            throw malformed("the tensor \(tensorName) is not of U8, U16 or I32")
        }
        return tensor
    }

    /// What `SafetensorsWriter.Entry.weights` wrote.
    private func weights(_ site: String) throws(EngramError) -> [Float] {
        guard file.names.contains(site + ".scale") else { return try floats(site + ".weight") }
        let scale = try floats(site + ".scale", count: 1)[0]
        guard WeightGrid.isScale(scale) else {
            throw malformed("\(site).scale is \(scale), not a power of two from 2⁻⁴⁰ on")
        }
        let levels = try tensor(site + ".weight", .i8, count: nil).integers()
        guard levels.allSatisfy({ $0 >= -WeightGrid.levelLimit }) else {
            throw malformed("\(site).weight has a level of -128, below -127")
        }
        return levels.map { scale * Float($0 * abs($0)) }
    }

    var vocabularySize: Int {
        get throws(EngramError) { try number("vocabulary_size", limit: 16_777_216) }
    }

    var latentCount: Int {
        get throws(EngramError) { try number("latent_count", limit: 16_777_216) }
    }

    func sites() throws(EngramError) -> PlasticSites {
        var sites = PlasticSites()
        sites.bias = try bias()
        sites.features = try features()
        sites.sequences = try sequences()
        sites.gains = SiteFactors(
            all: try floats("gains", count: SiteFactors.count))
        sites.matrix = try square("matrix")
        sites.layer = try layer()
        sites.episodes = try episodes()
        sites.sayings = try sayings()
        sites.familiarity = try familiarity()
        if file.names.contains("frozen_loss_average") {
            sites.frozenLossAverage = try floats("frozen_loss_average").first
        }
        return sites
    }

    private func bias() throws(EngramError) -> [Float] {
        let weights = try weights("bias")
        guard !weights.isEmpty else { return [] }
        let vocabulary = try vocabularySize
        var bias = [Float](repeating: 0, count: vocabulary)
        let tokens = try numbers("bias.token", count: weights.count)
        guard Set(tokens).count == tokens.count else {
            throw malformed("bias.token names a token twice")
        }
        for (token, weight) in zip(tokens, weights) {
            guard bias.indices.contains(Int(token)) else {
                throw .outOfRange(site: "token bias", found: Int(token), limit: vocabulary)
            }
            bias[Int(token)] = weight
        }
        return bias
    }

    private func features() throws(EngramError) -> FeatureSynapses {
        let weights = try weights("feature")
        let latents = try latents(ofSynapses: weights.count)
        let tokens = try numbers("feature.token", count: weights.count)
        let usage =
            file.names.contains("feature.usage")
            ? try floats("feature.usage", count: weights.count)
            : [Float](repeating: 0, count: weights.count)
        var entries: [(latent: Int32, synapse: Synapse)] = []
        entries.reserveCapacity(weights.count)
        for index in weights.indices {
            if let last = entries.last,
                (latents[index], tokens[index]) <= (last.latent, last.synapse.token)
            {
                throw malformed("feature synapses are not sorted, or name one twice, at \(index)")
            }
            entries.append(
                (
                    latents[index],
                    Synapse(token: tokens[index], weight: weights[index], usage: usage[index])
                ))
        }
        return FeatureSynapses(entries)
    }

    /// The latent of each synapse.
    private func latents(ofSynapses count: Int) throws(EngramError) -> [Int32] {
        guard !isOfVersionTwo else {
            return try numbers("feature.latent", count: count)
        }
        let rows = try numbers("feature.latent")
        let counts = try numbers("feature.count", count: rows.count)
        // Checked before anything is made of them: a count is a stranger's number.
        let sum = counts.reduce(0) { $0 + Int($1) }
        guard counts.allSatisfy({ $0 > 0 }), sum == count else {
            throw malformed("feature.count does not add up to the \(count) feature synapses")
        }
        return zip(rows, counts).flatMap { repeatElement($0, count: Int($1)) }
    }

    private func sequences() throws(EngramError) -> SequenceSynapses {
        let keys = try tensor("sequence.key", .i64, count: nil).integers()
        let orders = try numbers("sequence.order", count: keys.count)
        let counts = try numbers("sequence.targets", count: keys.count)
        let weights = try weights("sequence")
        let tokens = try numbers("sequence.token", count: weights.count)
        let visits =
            file.names.contains("sequence.visits")
            ? try floats("sequence.visits", count: keys.count)
            : [Float](repeating: 0, count: keys.count)
        var contexts: [SequenceContext] = []
        contexts.reserveCapacity(keys.count)
        var next = 0
        for index in keys.indices {
            let key = ContextKey(rawValue: UInt64(bitPattern: Int64(keys[index])))
            let count = Int(counts[index])
            if let last = contexts.last, key <= last.key {
                throw malformed("contexts are not sorted, or one is there twice, at \(index)")
            }
            guard (1...64).contains(orders[index]), count >= 0, count <= weights.count - next else {
                throw malformed("context \(index) has an impossible order or number of targets")
            }
            let range = next..<(next + count)
            guard Set(tokens[range]).count == count else {
                throw malformed("context \(index) names a token twice")
            }
            contexts.append(
                SequenceContext(
                    key: key, order: Int(orders[index]), visits: visits[index],
                    targets: range.map { .init(token: tokens[$0], weight: weights[$0]) }))
            next += count
        }
        guard next == weights.count else {
            throw malformed("\(weights.count - next) sequence targets belong to no context")
        }
        return SequenceSynapses(contexts)
    }
}
