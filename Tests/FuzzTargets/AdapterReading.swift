import Engrams
import Foundation
import ModelFormats
import OuterCortex

enum AdapterReading {
    /// Of the small core that an accepted adapter is tried on, and of a core of the other family.
    private static let llama = Result {
        ProjectionShapes(
            try ModelConfig(json: Data(contentsOf: URL(fileURLWithPath: SmallCortex.configPath())))
        )
    }
    private static let gpt2 = Result {
        ProjectionShapes(try ModelConfig(json: Data(ConfigReading.seeds()[2])))
    }

    static func read(_ input: [UInt8]) throws -> Bool {
        let own = try read(input, shapes: llama.get())
        let other = try read(input, shapes: gpt2.get())
        if let own { try use(own) }
        return own != nil || other != nil
    }

    private static func read(
        _ input: [UInt8], shapes: ProjectionShapes
    ) throws -> PEFTAdapter? {
        let (config, weights) = parts(of: input)
        let adapter: PEFTAdapter?
        if TapeArchive.isArchive(input) {
            adapter = try? PEFTAdapter(archive: input, shapes: shapes, name: "input")
        } else if let weights {
            adapter = try? PEFTAdapter(config: config, weights: weights, shapes: shapes)
        } else {
            adapter = nil
        }
        guard let adapter, !adapter.deltas.isEmpty else { return nil }
        func archive(_ adapter: PEFTAdapter) throws -> [UInt8] {
            TapeArchive.archive(
                try adapter.files(shapes: shapes, baseModel: "a \"core\"", metadata: [:]))
        }
        let written = try must("writing") { try archive(adapter) }
        let again = try must("reading back") {
            try PEFTAdapter(archive: written, shapes: shapes, name: "again")
        }
        try expect(again.deltas.keys == adapter.deltas.keys, "the projections change")
        let copy = try must("writing again") { try archive(again) }
        try expect(copy == written, "the adapter changes")
        return adapter
    }

    /// A stranger's adapter, once admitted, moves no token past the bound.
    private static func use(_ adapter: PEFTAdapter) throws {
        let cortex = try EngramReading.cortex.get()
        var sites = PlasticSites()
        sites.layer = LayerSynapses(deltas: adapter.deltas)
        var own = cortex.emptyEngram()
        let proposal = Proposal(base: .zero, sites: sites, tokens: 1)
        guard (try? own.commit(proposal, within: cortex.zone)) != nil else { return }
        try SmallCortex.checkScore(own, on: cortex)
    }

    static func seeds() throws -> [[UInt8]] {
        func factor(_ count: Int) -> [Float] { (0..<count).map { 0.01 * Float($0 % 7 - 3) } }
        func adapter(_ sites: [ProjectionSite], _ shapes: ProjectionShapes) -> PEFTAdapter {
            var deltas: [ProjectionSite: LowRankDelta] = [:]
            for (index, site) in sites.enumerated() {
                guard let (inputs, outputs) = shapes.size(of: site) else { continue }
                let rank = 1 + index % 2
                deltas[site] = LowRankDelta(
                    inputs: inputs, outputs: outputs, rank: rank, a: factor(rank * inputs),
                    b: factor(outputs * rank))
            }
            return PEFTAdapter(deltas: deltas)
        }
        let own = adapter([.block(0, .query), .block(1, .down), .block(1, .up)], try llama.get())
        let other = adapter([.block(0, .queryKeyValue), .block(0, .up)], try gpt2.get())
        let files = try own.files(shapes: llama.get(), baseModel: "tiny", metadata: [:])
        let foreign = try other.files(shapes: gpt2.get(), baseModel: "tiny", metadata: [:])
        func pair(_ files: [TapeArchive.File]) -> [UInt8] {
            let (config, weights) = (PEFTAdapter.configName, PEFTAdapter.weightsName)
            func content(_ name: String) -> [UInt8] {
                files.first { $0.baseName == name }?.bytes ?? []
            }
            return content(config) + [0] + content(weights)
        }
        return [TapeArchive.archive(files), pair(files), pair(foreign)]
    }
}
