import Kernels
import ModelFormats
import Testing

@testable import Engrams

@Suite("Weight changes of the layer site")
struct LayerDeltaTests {
    private static let shapes: ProjectionShapes = {
        var shapes = ProjectionShapes()
        (shapes.family, shapes.layers, shapes.hidden) = ("llama", 3, 8)
        (shapes.intermediate, shapes.queries, shapes.keys, shapes.vocabulary) = (12, 8, 4, 100)
        return shapes
    }()
    private let home = CortexIdentity(
        core: "core", sparseAutoencoder: "sae", rule: "rule", vocabularySize: 100, latentCount: 16,
        hiddenSize: 8, layerLatentCount: 5, projections: Self.shapes)

    private func delta(_ site: ProjectionSite, rank: Int = 2, seed: UInt64 = 1) -> LowRankDelta {
        var generator = SeededGenerator(seed: seed)
        let size = Self.shapes.size(of: site) ?? (3, 3)
        return LowRankDelta(
            inputs: size.inputs, outputs: size.outputs, rank: rank,
            a: (0..<rank * size.inputs).map { _ in generator.normal() },
            b: (0..<rank * size.outputs).map { _ in generator.normal() })
    }

    private func engram(_ deltas: [ProjectionSite: LowRankDelta]) -> Engram {
        var engram = Engram.empty(identity: home)
        engram.sites.layer = LayerSynapses(
            dense: DenseSynapses(
                outputs: 8, inputs: 12, weights: [Float](repeating: 0.01, count: 96)),
            decoder: [4: [Float](repeating: 0.1, count: 8)], deltas: deltas)
        return engram
    }

    @Test("come back from a file as they were, whatever the projection")
    func roundTrip() throws {
        let sites: [ProjectionSite] = [
            .block(0, .query), .block(2, .down), .block(1, .gate), .unembedding,
        ]
        let whole = engram(Dictionary(uniqueKeysWithValues: sites.map { ($0, delta($0)) }))
        for kind in [Engram.FileKind.checkpoint, .workingState] {
            let bytes = try whole.serialized(as: kind)
            let back = try Engram(serialized: bytes, name: "it")
            #expect(back == whole)
            let again = try back.serialized(as: kind)
            #expect(again == bytes)
        }
        try whole.check(on: home, within: SafeZone())
    }

    @Test("are refused when they are of another shape, too many, too large or no numbers")
    func refusals() throws {
        var zone = SafeZone()
        zone.matrixBound = 100
        func refusal(_ site: ProjectionSite, _ delta: LowRankDelta) -> String {
            do {
                try engram([site: delta]).check(on: home, within: zone)
                return ""
            } catch { return error.description }
        }
        let down = ProjectionSite.block(1, .down)
        #expect(refusal(down, delta(down)).isEmpty)
        #expect(refusal(down, delta(.block(1, .up))).contains("1.down"))
        #expect(refusal(.block(3, .down), delta(down)).contains("3.down"))
        #expect(refusal(.block(0, .queryKeyValue), delta(down)).contains("0.qkv"))
        #expect(refusal(down, delta(down, rank: 65)).contains("rank"))
        #expect(refusal(down, delta(down).scaled(by: .nan)).contains("NaN"))
        #expect(refusal(down, delta(down).scaled(by: 1e4)).contains("beyond the safe zone"))
        #expect(refusal(down, delta(down).scaled(by: 1e30)).contains("beyond the safe zone"))
    }

    @Test(
        "of every projection of 126 blocks fit into a file's header, and its reader takes no longer"
    )
    func headerBounds() throws {
        let sites = (0..<126).flatMap { block in
            ProjectionKind.allCases.map { ProjectionSite.block(block, $0) }
        }
        let small = LowRankDelta(
            inputs: 16_384, outputs: 1, rank: 1, a: [Float](repeating: 0.1, count: 16_384), b: [1])
        let large = engram(Dictionary(uniqueKeysWithValues: sites.map { ($0, small) }))
        let bytes = try large.serialized(as: .checkpoint)
        #expect(try Engram(serialized: bytes, name: "large").sites.layer.deltas.count == 126 * 8)

        let length = Engram.headerBytesMaximum + 1
        var hostile = (0..<8).map { UInt8(truncatingIfNeeded: length >> ($0 * 8)) }
        hostile += [UInt8](repeating: 0x20, count: length)
        let error = #expect(throws: EngramError.self) {
            try Engram(serialized: hostile, name: "hostile")
        }
        #expect("\(try #require(error))".contains("at most \(Engram.headerBytesMaximum) bytes"))
    }

    @Test("files with factors that do not belong together are refused")
    func hostileFiles() throws {
        let site = ProjectionSite.block(1, .down)
        let good = engram([site: delta(site)])
        let bytes = try good.serialized(as: .checkpoint)
        func entry(_ name: String, _ shape: [Int]) -> SafetensorsWriter.Entry {
            .floats(name, shape: shape, [Float](repeating: 1, count: shape.reduce(1, *)))
        }
        let file = try SafetensorsFile(bytes: bytes, name: "good")
        func with(_ entries: [SafetensorsWriter.Entry]) throws -> [UInt8] {
            let kept = try file.names.filter { !$0.hasPrefix("layer.delta") }.map { name in
                let tensor = try file.tensor(name)
                return SafetensorsWriter.Entry(
                    name: name, type: tensor.type, shape: tensor.shape,
                    bytes: tensor.withUnsafeBytes { Array($0) })
            }
            return try SafetensorsWriter.serialize(kept + entries, metadata: file.metadata)
        }
        for entries in [
            [entry("layer.delta.1.down.a", [2, 12])], [entry("layer.delta.1.down.b", [8, 2])],
            [entry("layer.delta.1.down.a", [2, 12]), entry("layer.delta.1.down.b", [8, 3])],
            [entry("layer.delta.1.down.a", [0, 12]), entry("layer.delta.1.down.b", [8, 0])],
            [entry("layer.delta.1.down.a", [65, 1]), entry("layer.delta.1.down.b", [1, 65])],
            [entry("layer.delta.01.down.a", [2, 12]), entry("layer.delta.01.down.b", [8, 2])],
            [entry("layer.delta.1.down.c", [2, 12])], [entry("layer.delta.x", [2])],
        ] {
            #expect(throws: EngramError.self) {
                try Engram(serialized: with(entries), name: "hostile")
            }
        }
        let plain = try Engram(serialized: with([]), name: "plain")
        #expect(plain.sites.layer.deltas.isEmpty)
    }

    @Test("add up: sums are those of the products, and what is taken off is gone")
    func arithmetic() throws {
        let (down, gate) = (ProjectionSite.block(1, .down), ProjectionSite.block(0, .gate))
        let one = engram([down: delta(down, rank: 3)])
        let two = engram([down: delta(down, rank: 4, seed: 2), gate: delta(gate)])
        var zone = SafeZone()
        zone.matrixBound = 1000
        let none = Engram.empty(identity: one.identity)
        let sum = two.reconciled(with: one, since: none, .grown, within: zone, episodes: 0).sites
            .layer
        let found = try #require(sum.deltas[down])
        #expect(found.rank == 7 && sum.deltas[gate] == delta(gate))
        let expected = zip(
            delta(down, rank: 3).product, delta(down, rank: 4, seed: 2).product
        ).map { $0 + $1 }
        #expect(zip(found.product, expected).allSatisfy { abs($0 - $1) < 1e-5 })
        let rest = two.contribution(beyond: two).sites.layer
        #expect(rest.deltas.isEmpty)
        zone.matrixBound = 2
        let bounded = two.reconciled(with: one, since: none, .grown, within: zone, episodes: 0)
            .sites.layer
        #expect(abs(try #require(bounded.deltas[down]).frobeniusNorm - 2) < 1e-3)
    }

    @Test(
        "are as large as they are where their columns nearly cancel",
        arguments: [Float(0x1p-10), 0x1p-13, 0x1p-20, 0x1p-23])
    func cancelling(rest: Float) throws {
        let site = ProjectionSite.block(1, .down)
        func pair(_ size: Float) -> LowRankDelta {
            var (a, b) = ([Float](repeating: 0, count: 24), [Float](repeating: 0, count: 16))
            (a[0], a[12]) = (size, size)
            (b[0], b[1]) = (1, rest - 1)
            return LowRankDelta(inputs: 12, outputs: 8, rank: 2, a: a, b: b)
        }
        let huge = pair(0x1p40)
        #expect(huge.frobeniusNorm >= 0x1p40 * rest)
        #expect(throws: EngramError.self) {
            try engram([site: huge]).check(on: home, within: SafeZone())
        }
        for bound in [Float(64), 50] {
            let bounded = LayerSynapses().combined(
                with: LayerSynapses(deltas: [site: huge]), scale: 1, bound: bound)
            let found = try #require(bounded.deltas[site])
            // In these numbers the true norm is exact.
            let norm = abs(Double(found.a[0]) * (Double(found.b[0]) + Double(found.b[1])))
            #expect(norm <= 1.001 * Double(bound))
        }
    }

    /// The rows of A are one vector; the columns of B add up to next to nothing.
    @Test("never measure less than they are, whatever the rounding of many terms makes of it")
    func manyTerms() {
        let (rank, outputs) = (64, 8)
        for seed in 1...100 as ClosedRange<UInt64> {
            var random = SeededGenerator(seed: seed)
            var b = (0..<outputs * rank).map { _ in Float.random(in: -1...1, using: &random) }
            var sums = [Double](repeating: 0, count: outputs)
            for row in 0..<outputs {
                let place = row * rank
                let rest = b[place..<place + rank - 1].reduce(0.0) { $0 + Double($1) }
                b[place + rank - 1] = Float(-rest)
                sums[row] = rest + Double(b[place + rank - 1])
            }
            let delta = LowRankDelta(
                inputs: 1, outputs: outputs, rank: rank,
                a: [Float](repeating: 0.7, count: rank), b: b)
            let exact =
                Double(Float(0.7)) * sums.reduce(0) { $0 + $1 * $1 }.squareRoot()
            #expect(Double(delta.frobeniusNorm) >= exact)
        }
    }

    @Test("of an ordinary adapter measure what they are, and pass up to the bound")
    func ordinary() throws {
        let site = ProjectionSite.block(1, .down)
        for rank in [1, 7, 64] {
            let delta = delta(site, rank: rank)
            let exact = delta.product.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
            #expect(abs(Double(delta.frobeniusNorm) / exact - 1) < 1e-5)
            let widest = delta.scaled(by: 64 / delta.frobeniusNorm)
            try engram([site: widest]).check(on: home, within: SafeZone())
        }
    }

    @Test("of one adapter at two volumes add up without a rank more")
    func volumes() throws {
        let site = ProjectionSite.block(1, .down)
        let delta = delta(site, rank: 3)
        let sum = try #require(delta.adding(delta.scaled(by: 2), scale: -0.25))
        #expect(sum.rank == 3)
        #expect(zip(sum.product, delta.product).allSatisfy { abs($0 - $1 / 2) < 1e-5 })
        #expect(delta.scaled(by: 2).adding(delta, scale: -2) == nil)
    }

    @Test("sums of more than 64 directions keep the strongest")
    func largeSums() throws {
        let site = ProjectionSite.unembedding
        let wide = LowRankDelta(
            inputs: 80, outputs: 90, rank: 40,
            a: (0..<3200).map { Float(($0 * 37) % 101) / 50 - 1 },
            b: (0..<3600).map { Float(($0 * 53) % 97) / 50 - 1 })
        let other = LowRankDelta(
            inputs: 80, outputs: 90, rank: 40,
            a: (0..<3200).map { Float(($0 * 71) % 89) / 50 - 1 },
            b: (0..<3600).map { Float(($0 * 29) % 83) / 500 - 0.1 })
        let sum = try #require(wide.adding(other, scale: 1))
        #expect(sum.rank == 64)
        var exact = wide.product
        other.add(1, to: &exact)
        let lost = zip(sum.product, exact).reduce(Float(0)) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        let all = exact.reduce(Float(0)) { $0 + $1 * $1 }
        #expect(lost < 0.01 * all)
        #expect(site.description == "unembedding")
    }
}
