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
/// | `gains` | F32 [3] | of bias, sequences, features |
///
/// A working state adds `feature.usage` F32 [S], `sequence.visits` F32 [C] and
/// `frozen_loss_average` F32 [0 or 1]. Metadata: `format` = `hebb.engram`, `format_version`, `kind`
/// (`checkpoint` or `working_state`), `core_sha256`, `sae_sha256`, `rule_sha256`,
/// `vocabulary_size`, `latent_count`, `revision`, `tokens_learned`, `parent`, `kernel_class`. The
/// same engram gives the same bytes.
extension Engram {
    public enum FileKind: String, Sendable {
        /// For keeping and carrying: without the traces that steer further learning.
        case checkpoint
        /// For recovery: every bit of the state that learning goes on from.
        case workingState = "working_state"
    }

    static let formatName = "hebb.engram"
    static let formatVersion = 1

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
        ]
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
                    "revision": revision.description, "tokens_learned": String(tokensLearned),
                    "parent": parent?.rawValue ?? "", "kernel_class": kernelClass,
                ])
        } catch {
            throw .malformed(file: "The engram", reason: "\(error)")
        }
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
        // Header and metadata come to about 1,500 bytes.
        let bytes =
            1500 + 8 * biases.count + 12 * features.count + 16 * contexts.count + 8 * targets.count
        return EngramSummary(
            bytes: bytes, biases: biases.count, biasNorm: norm(biases), contexts: contexts.count,
            sequenceNorm: norm(targets.map(\.weight)), synapses: features.count,
            featureNorm: norm(features.map(\.synapse.weight)))
    }
}
