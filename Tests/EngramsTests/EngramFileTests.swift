import Kernels
import ModelFormats
import Testing

@testable import Engrams

@Suite("The grid of a checkpoint's weights")
struct WeightGridTests {
    @Test(
        "rounds to the nearest level, stays within the bound, and rounds twice as once",
        arguments: [Float.infinity, 8, 7.9, 7.875, 7.8751, 1, 0.001])
    func rounding(bound: Float) {
        var generator = SeededGenerator(seed: UInt64(bound.bitPattern))
        let peaks = [0, 1e-13, 3e-4, 0.0077, 0.25, 1, 1.97, 3, 7.874, 7.8999, 8, 16, 1e20]
        for peak in peaks.map({ Float(min($0, Double(bound))) }) {
            var weights = (0..<400).map { _ in
                let share = generator.uniform() * generator.uniform()
                return share * (generator.uniform() < 0.5 ? -peak : peak)
            }
            weights += [peak, -peak, peak.nextDown, 0]
            let grid = WeightGrid(peak: peak, bound: bound)
            #expect(grid.scale == grid.scale.binade)
            let rounded = weights.map(grid.rounded)
            for (weight, near) in zip(weights, rounded) {
                #expect(abs(near) <= bound)
                let level = abs(grid.level(nearest: weight))
                // Half the way to the next level, or to the last one where the bound ends it.
                let reach = grid.scale * (Float(level) + 0.5)
                #expect(abs(near - weight) <= reach || level == grid.limit)
                #expect(level == grid.limit || level < WeightGrid.levelLimit)
            }
            let again = WeightGrid(
                peak: rounded.reduce(0) { max($0, abs($1)) }, bound: bound)
            #expect(again.scale == grid.scale)
            #expect(rounded.map(again.rounded) == rounded)
            let found = WeightGrid.levels(of: rounded)
            #expect(found?.levels.map { grid.weight(of: Int($0)) } == rounded)
            #expect(found?.scale == grid.scale)
        }
    }

    @Test("is found exactly where every weight lies on it")
    func detection() {
        let grid = WeightGrid(peak: 2, bound: 8)
        let weights = [1, -5, 44, 101, -127].map { grid.weight(of: $0) }
        #expect(WeightGrid.levels(of: weights)?.levels == [1, -5, 44, 101, -127])
        for index in weights.indices {
            var off = weights
            off[index] = off[index].nextUp
            #expect(WeightGrid.levels(of: off) == nil)
        }
        #expect(WeightGrid.levels(of: []) == nil)
        #expect(WeightGrid.levels(of: [.nan, 1]) == nil)
        #expect(WeightGrid.levels(of: [.infinity, 1]) == nil)
    }
}

@Suite("An engram's file")
struct EngramFileTests {
    private func file(_ bytes: [UInt8]) throws -> SafetensorsFile {
        try SafetensorsFile(bytes: bytes, name: "test")
    }

    @Test("of a consolidated engram has a byte a weight and half a byte a key's value")
    func compact() throws {
        let engram = try randomEngram(seed: 20)
        let saved = engram.consolidated(within: SafeZone())
        let tensors = try file(saved.serialized(as: .checkpoint))
        for site in ["bias", "feature", "sequence"] {
            #expect(try tensors.tensor(site + ".weight").type == .i8)
            #expect(try tensors.tensor(site + ".scale").count == 1)
        }
        #expect(try tensors.tensor("episode.key").type == .u8)
        #expect(try tensors.tensor("episode.key").shape == [4, 4])
        let exact = try file(engram.serialized(as: .checkpoint))
        #expect(try exact.tensor("feature.weight").type == .f32)
        #expect(try exact.tensor("episode.key").shape == [4, 8])
    }

    @Test("gives back what went in, bit for bit, consolidated or not", arguments: 1...8)
    func roundTrips(seed: Int) throws {
        let engram = try randomEngram(seed: UInt64(seed))
        let saved = engram.consolidated(within: SafeZone())
        for original in [engram, saved] {
            let bytes = try original.serialized(as: .checkpoint)
            let read = try Engram(serialized: bytes, name: "test")
            #expect(read.sites == original.sites.withoutTraces())
            #expect(try read.serialized(as: .checkpoint) == bytes)
        }
        // The next session's checkpoint of an engram that learned nothing is the same file.
        let again = saved.consolidated(within: SafeZone())
        #expect(again == saved)
        #expect(try again.contentHash() == saved.contentHash())
    }

    @Test("keeps every site within the bound when it is consolidated")
    func staysInside() throws {
        var zone = SafeZone()
        for bound: Float in [8, 7.9, 2, 0.1] {
            zone.weightBound = bound
            var sites = randomSites(seed: 21)
            sites.bias[4] = bound
            sites.features.update(latent: 3) { $0 = [Synapse(token: 4, weight: -bound)] }
            sites = clipped(sites, to: bound)
            var engram = Engram.empty(identity: identity)
            try engram.commit(Proposal(base: .zero, sites: sites, tokens: 1), within: zone)
            let saved = engram.consolidated(within: zone)
            try saved.check(on: identity, within: zone)
            #expect(saved.consolidated(within: zone) == saved)
        }
    }

    private func clipped(_ sites: PlasticSites, to bound: Float) -> PlasticSites {
        var copy = sites
        func clip(_ weight: Float) -> Float { max(-bound, min(bound, weight)) }
        copy.bias = sites.bias.map(clip)
        copy.features = FeatureSynapses(
            sites.features.sorted().map { entry in
                var synapse = entry.synapse
                synapse.weight = clip(synapse.weight)
                return (entry.latent, synapse)
            })
        for index in 0..<copy.sequences.count {
            copy.sequences.update(at: index) { context in
                context.targets = context.targets.map {
                    .init(token: $0.token, weight: clip($0.weight))
                }
            }
        }
        return copy
    }

    @Test("loses the synapses that come to nothing, and contexts without any")
    func dropsZeros() throws {
        var sites = PlasticSites()
        sites.features = FeatureSynapses([
            (3, Synapse(token: 1, weight: 4)), (3, Synapse(token: 2, weight: 1e-5)),
            (9, Synapse(token: 1, weight: -1e-5)),
        ])
        sites.sequences.insert(
            SequenceContext(
                key: ContextKey(token: 1), order: 1, targets: [.init(token: 5, weight: 3)]))
        sites.sequences.insert(
            SequenceContext(
                key: ContextKey(token: 2), order: 1, targets: [.init(token: 5, weight: 1e-6)]))
        var engram = Engram.empty(identity: identity)
        try engram.commit(Proposal(base: .zero, sites: sites, tokens: 1), within: SafeZone())
        let saved = engram.consolidated(within: SafeZone()).sites
        #expect(saved.features.sorted().map { [$0.latent, $0.synapse.token] } == [[3, 1]])
        #expect(saved.sequences.sorted().map(\.key) == [ContextKey(token: 1)])
    }

    @Test("of versions 2 and 3 is read as what it was written from, its order forgotten")
    func olderVersions() throws {
        let engram = try randomEngram(seed: 22)
        for older in [try versionTwo(of: engram), try versionThree(of: engram)] {
            let read = try Engram(serialized: older, name: "older")
            #expect(read == engram)
            #expect(
                try read.serialized(as: .workingState) == engram.serialized(as: .workingState))
        }
        for version in ["1", "6", ""] {
            #expect(throws: EngramError.self) {
                try Engram(serialized: versionThree(of: engram, version: version), name: "other")
            }
        }
    }

    @Test("of version 3 with many episodes tells eight ages and no order")
    func olderOrder() throws {
        var engram = Engram.empty(identity: identity)
        let positions = (0..<33).map { number -> EpisodicMemory.Stored in
            let key = (0..<8).map { Int8(($0 * number) % 7 - 3) }
            return (key[...], [Int32(number % 9)], Int32(number))
        }
        // Each with an age of its own, so that the file has them in the order they came.
        engram.sites.episodes = EpisodicMemory(
            cohorts: positions.map { [$0] }, keySize: 8, isKept: true)
        let read = try Engram(serialized: versionThree(of: engram), name: "older").sites.episodes
        #expect(read.cohortCounts == [5, 5, 5, 5, 5, 5, 3])
        #expect(read.stored.map(\.token) != positions.map(\.token))
        for (index, start) in stride(from: 0, to: 33, by: 5).enumerated() {
            let cohort = read.stored[start..<min(33, start + 5)].map { Int($0.token) }
            #expect(cohort.sorted() == Array(5 * index..<min(33, 5 * index + 5)))
        }
    }

    /// As version 3 wrote a working state.
    private func versionThree(of engram: Engram, version: String = "3") throws -> [UInt8] {
        let new = try file(engram.serialized(as: .workingState))
        let entries = try new.names.filter { $0 != "episode.cohort" }.map { name in
            let tensor = try new.tensor(name)
            return SafetensorsWriter.Entry(
                name: name, type: tensor.type, shape: tensor.shape,
                bytes: tensor.withUnsafeBytes { Array($0) })
        }
        var metadata = new.metadata
        metadata["format_version"] = version
        metadata["owners_words"] = nil
        return try SafetensorsWriter.serialize(entries, metadata: metadata)
    }

    @Test("says how much of it is its owner's words, and lacks what is left out")
    func ownersWords() throws {
        let engram = try randomEngram(seed: 24)
        func words(_ engram: Engram) throws -> String? {
            try file(engram.serialized(as: .checkpoint)).metadata["owners_words"]
        }
        #expect(try words(engram) == "episodes=4; sequences=30")
        #expect(engram.ownersWords.text == "episodes=4; sequences=30")
        #expect(try words(engram.without([.episodes])) == "episodes=0; sequences=30")
        #expect(try words(engram.without(PlasticSite.verbatim)) == "episodes=0; sequences=0")
        #expect(engram.without([]) == engram)
        for site in PlasticSite.allCases {
            let rest = engram.without([site])
            try rest.check(on: identity, within: SafeZone())
            let sites = engram.comparison(with: rest, limit: 0, pushLimit: 0).sites
            for found in sites {
                // Sayings have tests of their own.
                #expect(found.countBefore > 0 || found.name == PlasticSite.sayings.rawValue)
                #expect(found.countAfter == (found.name == site.rawValue ? 0 : found.countBefore))
            }
            let file = try rest.serialized(as: .checkpoint)
            #expect(try Engram(serialized: file, name: "test").serialized(as: .checkpoint) == file)
        }
        // What no checkpoint keeps is in none.
        var passing = engram
        passing.sites.episodes = EpisodicMemory()
        for token in 0..<3 {
            passing.sites.episodes.append(
                Episode(key: [Float](repeating: 1, count: 8), latents: [1], token: Int32(token)),
                capacity: 9, isKept: false)
        }
        #expect(try words(passing) == "episodes=0; sequences=30")
    }

    /// As version 2 wrote a working state.
    private func versionTwo(of engram: Engram) throws -> [UInt8] {
        let new = try file(engram.serialized(as: .workingState))
        func narrow(_ values: [Int], _ name: String, _ shape: [Int]) -> SafetensorsWriter.Entry {
            SafetensorsWriter.Entry(
                name: name, type: .u16, shape: shape,
                bytes: values.flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] })
        }
        var entries: [SafetensorsWriter.Entry] = []
        for name in new.names where !["feature.count", "episode.cohort"].contains(name) {
            let tensor = try new.tensor(name)
            if name == "feature.latent" {
                let latents = engram.sites.features.sorted().map { Int($0.latent) }
                entries.append(narrow(latents, name, [latents.count]))
            } else if name == "familiarity.count" {
                entries.append(
                    .integers32(name, shape: tensor.shape, tensor.integers().map { Int32($0) }))
            } else if [.u8, .u16].contains(tensor.type) {
                entries.append(narrow(tensor.integers(), name, tensor.shape))
            } else {
                entries.append(
                    .init(
                        name: name, type: tensor.type, shape: tensor.shape,
                        bytes: tensor.withUnsafeBytes { Array($0) }))
            }
        }
        var metadata = new.metadata
        metadata["format_version"] = "2"
        return try SafetensorsWriter.serialize(entries, metadata: metadata)
    }

    @Test("is refused where its rows, scales, levels or keys are none")
    func hostile() throws {
        let good = try randomEngram(seed: 23).consolidated(within: SafeZone())
        let tensors = try file(good.serialized(as: .checkpoint))
        let rows = try tensors.tensor("feature.count").count
        let weights = try tensors.tensor("feature.weight").count
        let damages: [(String, SafetensorsWriter.Entry)] = [
            ("feature.count", .numbers("feature.count", [Int32](repeating: 1, count: rows))),
            ("feature.count", .numbers("feature.count", [Int32](repeating: 1, count: rows + 1))),
            (
                "feature.count",
                .integers32("feature.count", shape: [rows], [Int32](repeating: -1, count: rows))
            ),
            (
                "feature.count",
                .integers32("feature.count", shape: [rows], [Int32](repeating: .max, count: rows))
            ),
            ("feature.scale", .vector("feature.scale", [0.3])),
            ("feature.scale", .vector("feature.scale", [0])),
            ("feature.scale", .vector("feature.scale", [-0.5])),
            ("feature.scale", .vector("feature.scale", [.nan])),
            ("feature.scale", .vector("feature.scale", [.infinity])),
            ("feature.scale", .vector("feature.scale", [0.5, 0.5])),
            (
                "feature.weight",
                .init(
                    name: "feature.weight", type: .i8, shape: [weights],
                    bytes: [UInt8](repeating: 128, count: weights))
            ),
            ("episode.key", .init(name: "episode.key", type: .u8, shape: [1 << 40, 0], bytes: [])),
            (
                "episode.key",
                .init(
                    name: "episode.key", type: .u8, shape: [4, 8],
                    bytes: [UInt8](repeating: 0, count: 32))
            ),
            ("episode.latent", .numbers("episode.latent", shape: [0, 3], [])),
            ("episode.cohort", .numbers("episode.cohort", [1, 1, 1])),
            ("episode.cohort", .numbers("episode.cohort", [4, 0])),
            ("episode.cohort", .numbers("episode.cohort", [])),
            ("episode.cohort", .integers32("episode.cohort", shape: [2], [5, -1])),
            ("episode.cohort", .integers32("episode.cohort", shape: [2], [.max, .max])),
        ]
        for (name, replacement) in damages {
            let entries = try tensors.names.map { other in
                let tensor = try tensors.tensor(other)
                return other == name
                    ? replacement
                    : SafetensorsWriter.Entry(
                        name: other, type: tensor.type, shape: tensor.shape,
                        bytes: tensor.withUnsafeBytes { Array($0) })
            }
            let bytes = try SafetensorsWriter.serialize(entries, metadata: tensors.metadata)
            #expect(throws: EngramError.self, "\(name) \(replacement.shape)") {
                try Engram(serialized: bytes, name: "damaged")
            }
        }
    }

    @Test("packs numbers of 4 bits two a byte", arguments: 0...9)
    func nibbles(count: Int) {
        let values = (0..<count).map { Int8(($0 * 5) % 16 - 8) }
        let packed = Nibbles.packed(values[...])
        #expect(packed.count == (count + 1) / 2)
        #expect(Nibbles.unpacked(packed.map(Int.init)[...], count: count) == values)
    }
}
