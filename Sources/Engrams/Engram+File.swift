import ModelFormats

/// The engram file: safetensors with everything an engram is, readable with Python's
/// `safetensors`.
///
/// | tensor | type, shape | what |
/// |---|---|---|
/// | `bias.token`, `bias.weight` | I32, F32 [B] | tokens whose bias differs from 0 |
/// | `feature.latent`, `.token`, `.weight` | I32, I32, F32 [S] | W, sorted by latent and token |
/// | `sequence.key` | I64 [C] | hash of the context, the bits of an unsigned number, ascending |
/// | `sequence.order`, `.targets` | I32 [C] | its length, and how many targets it has |
/// | `sequence.token`, `.weight` | I32, F32 [ΣT] | the targets, context by context |
/// | `matrix` | F32 [d, d] | M, rows are outputs; [0, 0] while nothing was learned |
/// | `layer.dense` | F32 [d, d] | the layer site's M |
/// | `layer.latent`, `layer.decoder` | I32 [L], F32 [L, d] | its D, latents ascending |
/// | `episode.key` | I8 [E, p] | keys, oldest first; only their directions count |
/// | `episode.latent` | I32 [E, m] | the latents each is found by, −1 where there are fewer |
/// | `episode.token` | I32 [E] | the token that followed |
/// | `familiarity.latent`, `.count` | I32 [F] | how often a latent was at work |
/// | `gains` | F32 [6] | of bias, sequences, features, matrix, episodes, layer |
///
/// A working state adds `feature.usage` F32 [S], `sequence.visits` F32 [C] and
/// `frozen_loss_average` F32 [0 or 1]; a checkpoint has episodes only where the rule keeps them.
/// Metadata: `format` = `hebb.engram`, `format_version`, `kind` (`checkpoint` or `working_state`),
/// `core_sha256`, `sae_sha256`, `rule_sha256`, `vocabulary_size`, `latent_count`, `hidden_size`,
/// `episode_key_size`, `layer_latent_count`, `revision`, `tokens_learned`, `parent`,
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

    /// - Complexity: O(n log n) in the number of synapses.
    public func serialized(as kind: FileKind) throws(EngramError) -> [UInt8] {
        let state = kind == .checkpoint ? sites.withoutTraces() : sites
        let biases = state.bias.enumerated().filter { $0.element != 0 }
        let features = state.features.sorted()
        let contexts = state.sequences.sorted()
        let targets = contexts.flatMap(\.targets)
        func i32(_ name: String, _ values: [Int32]) -> SafetensorsWriter.Entry {
            .integers32(name, shape: [values.count], values)
        }
        func f32(_ name: String, _ values: [Float]) -> SafetensorsWriter.Entry {
            .floats(name, shape: [values.count], values)
        }
        var entries = [
            SafetensorsWriter.Entry.integers64(
                "sequence.key", shape: [contexts.count],
                contexts.map { Int64(bitPattern: $0.key.rawValue) }),
            i32("bias.token", biases.map { Int32($0.offset) }),
            f32("bias.weight", biases.map(\.element)),
            i32("feature.latent", features.map(\.latent)),
            i32("feature.token", features.map(\.synapse.token)),
            f32("feature.weight", features.map(\.synapse.weight)),
            i32("sequence.order", contexts.map { Int32($0.order) }),
            i32("sequence.targets", contexts.map { Int32($0.targets.count) }),
            i32("sequence.token", targets.map(\.token)),
            f32("sequence.weight", targets.map(\.weight)),
            f32("gains", state.gains.all),
            .floats("matrix", shape: [state.matrix.size, state.matrix.size], state.matrix.weights),
        ]
        entries += layerEntries(state.layer) + episodeEntries(state.episodes)
        let known = state.familiarity.enumerated().filter { $0.element != 0 }
        entries.append(i32("familiarity.latent", known.map { Int32($0.offset) }))
        entries.append(i32("familiarity.count", known.map(\.element)))
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
            .floats("layer.dense", shape: [layer.dense.size, layer.dense.size], layer.dense.weights),
            .integers32("layer.latent", shape: [latents.count], latents),
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
                + [Int32](repeating: -1, count: width - episode.latents.count)
        }
        return [
            SafetensorsWriter.Entry(
                name: "episode.key", type: .i8, shape: [episodes.count, memory.keySize],
                bytes: episodes.flatMap { $0.key.map(UInt8.init(bitPattern:)) }),
            .integers32("episode.latent", shape: [episodes.count, width], latents),
            .integers32("episode.token", shape: [episodes.count], episodes.map(\.token)),
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
        let dense = sites.matrix.weights.count + sites.layer.dense.weights.count
        let decoder = sites.layer.decoder.values.reduce(0) { $0 + 1 + $1.count }
        let episodes = sites.episodes.isKept ? sites.episodes : EpisodicMemory()
        let known = sites.familiarity.count { $0 != 0 }
        let bytes =
            2500 + 8 * biases.count + 12 * features.count + 16 * contexts.count + 8 * targets.count
            + 4 * (dense + decoder) + 8 * known + episodes.byteCount
        return EngramSummary(
            bytes: bytes, biases: biases.count, biasNorm: norm(biases), contexts: contexts.count,
            sequenceNorm: norm(targets.map(\.weight)), synapses: features.count,
            featureNorm: norm(features.map(\.synapse.weight)),
            matrixNorm: sites.matrix.frobeniusNorm, layerNorm: sites.layer.dense.frobeniusNorm,
            episodes: sites.episodes.count)
    }
}
