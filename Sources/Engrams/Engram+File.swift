import ModelFormats

/// The engram file: safetensors with everything an engram is, readable with Python's
/// `safetensors`.
///
/// | tensor | type, shape | what |
/// |---|---|---|
/// | `bias.token`, `bias.weight` | N, F32 [B] | tokens whose bias differs from 0 |
/// | `feature.latent`, `.token`, `.weight` | N, N, F32 [S] | W, sorted by latent and token |
/// | `sequence.key` | I64 [C] | hash of the context, the bits of an unsigned number, ascending |
/// | `sequence.order`, `.targets` | N [C] | its length, and how many targets it has |
/// | `sequence.token`, `.weight` | N, F32 [ΣT] | the targets, context by context |
/// | `matrix` | F32 [d, d] | M, rows are outputs; [0, 0] while nothing was learned |
/// | `layer.dense` | F32 [d, d] | the layer site's M |
/// | `layer.latent`, `layer.decoder` | N [L], F32 [L, d] | its D, latents ascending |
/// | `episode.key` | I8 [E, p] | keys, oldest first; only their directions count |
/// | `episode.latent` | N [E, m] | what each is found by, 65535 where there are fewer |
/// | `episode.token` | N [E] | the token that followed |
/// | `familiarity.latent`, `.count` | N, I32 [F] | how often a latent was at work |
/// | `gains` | F32 [6] | of bias, sequences, features, matrix, episodes, layer |
///
/// N is U16 where every number that can occur is below 65,535 (vocabulary, latents), else I32.
/// A working state adds `feature.usage` F32 [S], `sequence.visits` F32 [C] and
/// `frozen_loss_average` F32 [0 or 1]; a checkpoint has episodes only where the rule keeps them.
/// Metadata: `format` = `hebb.engram`, `format_version`, `kind` (`checkpoint` or `working_state`),
/// `core_sha256`, `sae_sha256`, `rule_sha256`, `constitution_sha256` (zeros for none),
/// `vocabulary_size`, `latent_count`, `hidden_size`, `episode_key_size`, `layer_latent_count`, `revision`, `tokens_learned`, `parent`,
/// `kernel_class`, `keeps_episodes` (0 or 1). The same engram gives the same bytes.
extension Engram {
    public enum FileKind: String, Sendable {
        /// For keeping and carrying: without the traces that steer further learning.
        case checkpoint
        /// For recovery: every bit of the state that learning goes on from.
        case workingState = "working_state"
    }

    static let formatName = "hebb.engram"
    static let formatVersion = 2
    /// A context has fewer tokens, and fewer targets, than these.
    static let orderLimit = 65
    static let targetLimit = 1025

    /// - Complexity: O(n log n) in the number of synapses.
    public func serialized(as kind: FileKind) throws(EngramError) -> [UInt8] {
        let state = kind == .checkpoint ? sites.withoutTraces() : sites
        let biases = state.bias.enumerated().filter { $0.element != 0 }
        let features = state.features.sorted()
        let contexts = state.sequences.sorted()
        let targets = contexts.flatMap(\.targets)
        func numbers(
            _ name: String, _ values: [Int32], below limit: Int
        ) -> SafetensorsWriter.Entry {
            .numbers(name, shape: [values.count], values, below: limit)
        }
        func f32(_ name: String, _ values: [Float]) -> SafetensorsWriter.Entry {
            .floats(name, shape: [values.count], values)
        }
        var entries = [
            SafetensorsWriter.Entry.integers64(
                "sequence.key", shape: [contexts.count],
                contexts.map { Int64(bitPattern: $0.key.rawValue) }),
            numbers("bias.token", biases.map { Int32($0.offset) }, below: identity.vocabularySize),
            f32("bias.weight", biases.map(\.element)),
            numbers("feature.latent", features.map(\.latent), below: identity.latentCount),
            numbers("feature.token", features.map(\.synapse.token), below: identity.vocabularySize),
            f32("feature.weight", features.map(\.synapse.weight)),
            numbers("sequence.order", contexts.map { Int32($0.order) }, below: Self.orderLimit),
            numbers(
                "sequence.targets", contexts.map { Int32($0.targets.count) },
                below: Self.targetLimit),
            numbers("sequence.token", targets.map(\.token), below: identity.vocabularySize),
            f32("sequence.weight", targets.map(\.weight)),
            f32("gains", state.gains.all),
            .floats("matrix", shape: [state.matrix.size, state.matrix.size], state.matrix.weights),
        ]
        entries += layerEntries(state.layer) + episodeEntries(state.episodes)
        let known = state.familiarity.enumerated().filter { $0.element != 0 }
        entries.append(
            numbers(
                "familiarity.latent", known.map { Int32($0.offset) }, below: identity.latentCount))
        entries.append(
            .integers32("familiarity.count", shape: [known.count], known.map(\.element)))
        if kind == .workingState {
            entries.append(f32("feature.usage", features.map(\.synapse.usage)))
            entries.append(f32("sequence.visits", contexts.map(\.visits)))
            entries.append(f32("frozen_loss_average", state.frozenLossAverage.map { [$0] } ?? []))
        }
        do {
            return try SafetensorsWriter.serialize(
                entries,
                metadata: [
                    "format": Self.formatName, "format_version": String(Self.formatVersion),
                    "kind": kind.rawValue, "core_sha256": identity.core,
                    "sae_sha256": identity.sparseAutoencoder, "rule_sha256": identity.rule,
                    "vocabulary_size": String(identity.vocabularySize),
                    "latent_count": String(identity.latentCount),
                    "hidden_size": String(identity.hiddenSize),
                    "episode_key_size": String(identity.episodeKeySize),
                    "layer_latent_count": String(identity.layerLatentCount),
                    "constitution_sha256": identity.constitution,
                    "keeps_episodes": state.episodes.isKept ? "1" : "0",
                    "revision": revision.description, "tokens_learned": String(tokensLearned),
                    "parent": parent?.rawValue ?? "", "kernel_class": kernelClass,
                ])
        } catch {
            throw .malformed(file: "The engram", reason: "\(error)")
        }
    }

    private func layerEntries(_ layer: LayerSynapses) -> [SafetensorsWriter.Entry] {
        let latents = layer.sortedLatents
        let directions = latents.map { layer.decoder[$0] ?? [] }
        return [
            .floats(
                "layer.dense", shape: [layer.dense.size, layer.dense.size], layer.dense.weights),
            .numbers("layer.latent", shape: [latents.count], latents, below: identity.latentCount),
            .floats(
                "layer.decoder", shape: [latents.count, directions.first?.count ?? 0],
                directions.flatMap { $0 }),
        ]
    }

    private func episodeEntries(_ memory: EpisodicMemory) -> [SafetensorsWriter.Entry] {
        let episodes = memory.stored
        let width = episodes.map(\.latents.count).max() ?? 0
        let latents = episodes.flatMap { episode in
            episode.latents
                + [Int32](
                    repeating: Int32(EpisodicMemory.noLatent),
                    count: width - episode.latents.count)
        }
        return [
            SafetensorsWriter.Entry(
                name: "episode.key", type: .i8, shape: [episodes.count, memory.keySize],
                bytes: episodes.flatMap { $0.key.map(UInt8.init(bitPattern:)) }),
            .numbers(
                "episode.latent", shape: [episodes.count, width], latents,
                below: identity.latentCount),
            .numbers(
                "episode.token", shape: [episodes.count], episodes.map(\.token),
                below: identity.vocabularySize),
        ]
    }

    /// SHA-256 of the checkpoint file, hexadecimal: two engrams are the same to their owner
    /// exactly when these are equal.
    public func contentHash() throws(EngramError) -> String {
        ContentDigest.of(try serialized(as: .checkpoint))
    }

    /// Norms, counts and the checkpoint file's size, without writing it.
    public var summary: EngramSummary {
        let biases = sites.bias.filter { $0 != 0 }
        let features = sites.features.sorted()
        let contexts = sites.sequences.sorted()
        let targets = contexts.flatMap(\.targets)
        func norm(_ values: some Sequence<Float>) -> Float {
            values.reduce(0) { $0 + $1 * $1 }.squareRoot()
        }
        // Header and metadata come to about 2,500 bytes.
        let token = identity.vocabularySize < SafetensorsWriter.Entry.narrowLimit ? 2 : 4
        let latent = identity.latentCount < SafetensorsWriter.Entry.narrowLimit ? 2 : 4
        let dense = sites.matrix.weights.count + sites.layer.dense.weights.count
        let decoder = sites.layer.decoder.values.reduce(0) { $0 + 1 + $1.count }
        let episodes = sites.episodes.isKept ? sites.episodes : EpisodicMemory()
        let known = sites.familiarity.count { $0 != 0 }
        let bytes =
            2500 + (4 + token) * biases.count + (4 + token + latent) * features.count
            + 12 * contexts.count + (4 + token) * targets.count + 4 * (dense + decoder)
            + (4 + latent) * known + episodes.byteCount
        return EngramSummary(
            bytes: bytes, biases: biases.count, biasNorm: norm(biases), contexts: contexts.count,
            sequenceNorm: norm(targets.map(\.weight)), synapses: features.count,
            featureNorm: norm(features.map(\.synapse.weight)),
            matrixNorm: sites.matrix.frobeniusNorm, layerNorm: sites.layer.dense.frobeniusNorm,
            episodes: sites.episodes.count)
    }
}

extension SafetensorsWriter.Entry {
    /// Numbers below this fit two bytes, with one to spare for "none".
    static let narrowLimit = 65_535

    /// Numbers that are not negative: U16 where all below `limit` fit, else I32.
    static func numbers(
        _ name: String, shape: [Int], _ values: [Int32], below limit: Int
    ) -> SafetensorsWriter.Entry {
        guard limit < narrowLimit else { return .integers32(name, shape: shape, values) }
        return SafetensorsWriter.Entry(
            name: name, type: .u16, shape: shape,
            bytes: values.flatMap {
                [UInt8(truncatingIfNeeded: $0), UInt8(truncatingIfNeeded: $0 >> 8)]
            })
    }
}
