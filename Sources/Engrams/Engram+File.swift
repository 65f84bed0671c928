import ModelFormats

/// The engram file: safetensors with everything an engram is, readable with Python's
/// `safetensors`.
///
/// | tensor | type, shape | what |
/// |---|---|---|
/// | `bias.token`, `bias.weight` | N, W [B] | tokens whose bias differs from 0 |
/// | `feature.latent`, `.count` | N [R] | latents with synapses, ascending, and how many |
/// | `feature.token`, `.weight` | N, W [S] | W, latent by latent, tokens ascending in each |
/// | `sequence.key` | I64 [C] | hash of the context, the bits of an unsigned number, ascending |
/// | `sequence.order`, `.targets` | N [C] | its length, and how many targets it has |
/// | `sequence.token`, `.weight` | N, W [ΣT] | the targets, context by context |
/// | `matrix` | F32 [d, d] | M, rows are outputs; [0, 0] while nothing was learned |
/// | `layer.dense` | F32 [d, m] | the layer site's ΔW; [0, 0] while nothing was learned |
/// | `layer.delta.P.a`, `.b` | F32 [r, in], [out, r] | B·A joins projection P, such as `3.down` |
/// | `layer.latent`, `layer.decoder` | N [L], F32 [L, d] | its D, latents ascending |
/// | `episode.key` | I8 [E, p] or U8 [E, ⌈p/2⌉] | keys; only directions count |
/// | `episode.latent` | N [E, m] | what each is found by, 65535 where there are fewer |
/// | `episode.token` | N [E] | the token that followed |
/// | `episode.cohort` | N [K] | how many episodes there are of each age, the oldest first |
/// | `saying.token`, `.length` | N [T], N [S] | what was said, saying by saying, the oldest first |
/// | `saying.moment` | I32 [S] | their order among those of other sessions, ascending |
/// | `saying.key`, `.key_size` | U8 [T, ⌈k/2⌉], N [1] | a key for each token, and k |
/// | `familiarity.latent`, `.count` | N [F] | how often a latent was at work |
/// | `gains` | F32 [6] | of bias, sequences, features, matrix, episodes, layer |
///
/// N is the narrowest of U8, U16 and I32 that holds the tensor's largest number. W is I8 where all
/// weights of the site lie on one grid, as a checkpoint's do: w = s·q·|q| with s in `bias.scale`,
/// `sequence.scale` or `feature.scale`, F32 [1], a power of two. Else it is F32. Either is exact.
/// Keys are U8 where all values are in −7...7: two a byte, as two's complement of 4 bits, the first
/// in the low bits; so are keys of sayings, whose tensors are there when anything was said. Episodes
/// of one age stand by a hash of their content, never in the order in
/// which they came (`EpisodicMemory`).
///
/// A working state adds `feature.usage` F32 [S], `sequence.visits` F32 [C] and
/// `frozen_loss_average` F32 [0 or 1]; a checkpoint has episodes only where the rule keeps them.
/// Metadata: `format` = `hebb.engram`, `format_version`, `kind` (`checkpoint` or `working_state`),
/// `core_sha256`, `sae_sha256`, `rule_sha256`, `constitution_sha256` (zeros for none),
/// `vocabulary_size`, `latent_count`, `hidden_size`, `episode_key_size`, `layer_latent_count`,
/// `projections` (`ProjectionShapes.text`), `revision`, `tokens_learned`, `parent`, `kernel_class`,
/// `keeps_episodes` (0 or 1); `owners_words`, how many remembered positions and contexts can be read
/// as words of its owner (`OwnersWords.text`); `fidelity` where an export was rounded on its way.
/// The same engram gives the same bytes.
///
/// Files of version 4 are read too: they know of no sayings. Those of versions 2 and 3 as well: their episodes stand in the order in which they came,
/// without `episode.cohort`. Those of version 2 have a latent for each synapse in `feature.latent`,
/// no `feature.count`, F32 weights, and name neither constitution nor projections.
extension Engram {
    public enum FileKind: String, Sendable {
        /// For keeping and carrying: without the traces that steer further learning.
        case checkpoint
        /// For recovery: every bit of the state that learning goes on from.
        case workingState = "working_state"
    }

    static let formatName = "hebb.engram"
    static let formatVersion = 5
    /// Still read.
    static let olderVersions = [4, 3, 2]

    /// What the header of an engram file may have: metadata and sites take 4 KiB, and each projection
    /// that imported adapters change some 280 bytes, so that there is room for 1,800 of them, those
    /// of 250 blocks. `serialized` writes no more.
    public static let headerBytesMaximum = 512 << 10

    /// - Parameter fidelity: what an export lost on its way here, for the file's metadata.
    /// - Complexity: O(n log n) in the number of synapses.
    public func serialized(
        as kind: FileKind, fidelity: String? = nil
    ) throws(EngramError) -> [UInt8] {
        let state = kind == .checkpoint ? sites.withoutTraces() : sites
        let features = state.features.sorted()
        let contexts = state.sequences.sorted()
        let known = state.familiarity.enumerated().filter { $0.element != 0 }
        var entries = siteEntries(state, features: features, contexts: contexts)
        entries += [
            .floats("gains", shape: [SiteFactors.count], state.gains.all),
            .floats(
                "matrix", shape: [state.matrix.outputs, state.matrix.inputs], state.matrix.weights),
        ]
        entries += layerEntries(state.layer) + episodeEntries(state.episodes)
        entries += sayingEntries(state.sayings)
        entries += [
            .numbers("familiarity.latent", known.map { Int32($0.offset) }),
            .numbers("familiarity.count", known.map(\.element)),
        ]
        if kind == .workingState {
            entries += [
                .vector("feature.usage", features.map(\.synapse.usage)),
                .vector("sequence.visits", contexts.map(\.visits)),
                .vector("frozen_loss_average", state.frozenLossAverage.map { [$0] } ?? []),
            ]
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
                    "projections": identity.projections.text,
                    "keeps_episodes": state.episodes.isKept ? "1" : "0",
                    "revision": revision.description, "tokens_learned": String(tokensLearned),
                    "parent": parent?.rawValue ?? "", "kernel_class": kernelClass,
                    "owners_words": OwnersWords(of: state).text,
                ].merging(fidelity.map { ["fidelity": $0] } ?? [:]) { $1 },
                maximumHeaderBytes: Self.headerBytesMaximum)
        } catch {
            throw .malformed(file: "The engram", reason: "\(error)")
        }
    }

    private func siteEntries(
        _ state: PlasticSites, features: [(latent: Int32, synapse: Synapse)],
        contexts: [SequenceContext]
    ) -> [SafetensorsWriter.Entry] {
        let biases = state.bias.enumerated().filter { $0.element != 0 }
        let targets = contexts.flatMap(\.targets)
        var rows: [(latent: Int32, count: Int32)] = []
        for (latent, _) in features {
            if rows.last?.latent != latent { rows.append((latent, 0)) }
            rows[rows.count - 1].count += 1
        }
        var entries = [
            SafetensorsWriter.Entry.integers64(
                "sequence.key", shape: [contexts.count],
                contexts.map { Int64(bitPattern: $0.key.rawValue) }),
            .numbers("bias.token", biases.map { Int32($0.offset) }),
            .numbers("feature.latent", rows.map(\.latent)),
            .numbers("feature.count", rows.map(\.count)),
            .numbers("feature.token", features.map(\.synapse.token)),
            .numbers("sequence.order", contexts.map { Int32($0.order) }),
            .numbers("sequence.targets", contexts.map { Int32($0.targets.count) }),
            .numbers("sequence.token", targets.map(\.token)),
        ]
        entries += SafetensorsWriter.Entry.weights("bias", biases.map(\.element))
        entries += SafetensorsWriter.Entry.weights("feature", features.map(\.synapse.weight))
        entries += SafetensorsWriter.Entry.weights("sequence", targets.map(\.weight))
        return entries
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
        let isNarrow = memory.hasNarrowKeys
        return [
            SafetensorsWriter.Entry(
                name: "episode.key", type: isNarrow ? .u8 : .i8,
                shape: [episodes.count, isNarrow ? (memory.keySize + 1) / 2 : memory.keySize],
                bytes: episodes.flatMap {
                    isNarrow ? Nibbles.packed($0.key) : $0.key.map(UInt8.init(bitPattern:))
                }),
            .numbers("episode.latent", shape: [episodes.count, width], latents),
            .numbers("episode.token", episodes.map(\.token)),
            .numbers("episode.cohort", memory.cohortCounts.map { Int32($0) }),
        ]
    }

    private func sayingEntries(_ memory: SayingMemory) -> [SafetensorsWriter.Entry] {
        guard !memory.isEmpty else { return [] }
        let (sayings, size) = (memory.sayings, memory.keySize)
        let keys = sayings.flatMap { saying in
            stride(from: 0, to: saying.keys.count, by: max(1, size)).flatMap {
                Nibbles.packed(saying.keys[$0..<$0 + size])
            }
        }
        return [
            .numbers("saying.token", sayings.flatMap(\.tokens)),
            .numbers("saying.length", sayings.map { Int32($0.tokens.count) }),
            .integers32("saying.moment", shape: [sayings.count], sayings.map(\.moment)),
            SafetensorsWriter.Entry(
                name: "saying.key", type: .u8, shape: [memory.tokenCount, (size + 1) / 2],
                bytes: keys),
            .numbers("saying.key_size", [Int32(size)]),
        ]
    }

    /// SHA-256 of the checkpoint file, hexadecimal: two engrams are the same to their owner
    /// exactly when these are equal.
    public func contentHash() throws(EngramError) -> String {
        ContentDigest.of(try serialized(as: .checkpoint))
    }
}

extension SafetensorsWriter.Entry {
    /// Numbers that are not negative, in the narrowest of U8, U16 and I32 that holds the largest.
    static func numbers(
        _ name: String, shape: [Int]? = nil, _ values: [Int32]
    ) -> SafetensorsWriter.Entry {
        let shape = shape ?? [values.count]
        let largest = values.max() ?? 0
        if largest <= UInt8.max {
            return SafetensorsWriter.Entry(
                name: name, type: .u8, shape: shape,
                bytes: values.map { UInt8(truncatingIfNeeded: $0) })
        }
        guard largest <= UInt16.max else { return .integers32(name, shape: shape, values) }
        return SafetensorsWriter.Entry(
            name: name, type: .u16, shape: shape,
            bytes: values.flatMap {
                [UInt8(truncatingIfNeeded: $0), UInt8(truncatingIfNeeded: $0 >> 8)]
            })
    }

    static func vector(_ name: String, _ values: [Float]) -> SafetensorsWriter.Entry {
        .floats(name, shape: [values.count], values)
    }

    /// `site.weight`, with `site.scale` where the weights lie on a grid.
    static func weights(_ site: String, _ values: [Float]) -> [SafetensorsWriter.Entry] {
        guard let (scale, levels) = WeightGrid.levels(of: values) else {
            return [.vector(site + ".weight", values)]
        }
        return [
            .vector(site + ".scale", [scale]),
            SafetensorsWriter.Entry(
                name: site + ".weight", type: .i8, shape: [levels.count],
                bytes: levels.map(UInt8.init(bitPattern:))),
        ]
    }
}

/// Numbers of −8...7, two a byte, the first in the low bits.
enum Nibbles {
    /// - Complexity: O(values).
    static func packed(_ values: ArraySlice<Int8>) -> [UInt8] {
        stride(from: values.startIndex, to: values.endIndex, by: 2).map { index in
            let high = index + 1 < values.endIndex ? values[index + 1] : 0
            return UInt8(bitPattern: values[index]) & 0xF | UInt8(bitPattern: high) << 4
        }
    }

    /// The first `count` values of some bytes.
    static func unpacked(_ bytes: ArraySlice<Int>, count: Int) -> [Int8] {
        (0..<count).map { index in
            let byte = Int8(truncatingIfNeeded: bytes[bytes.startIndex + index / 2])
            return index % 2 == 0 ? (byte << 4) >> 4 : byte >> 4
        }
    }
}
