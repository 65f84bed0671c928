import Kernels
import ModelFormats
import Testing

@testable import Engrams

/// An engram's file with some of its metadata and tensors replaced.
func file(
    of engram: Engram, as kind: Engram.FileKind = .checkpoint, metadata: [String: String] = [:],
    tensors: [SafetensorsWriter.Entry] = []
) throws -> [UInt8] {
    let file = try SafetensorsFile(bytes: engram.serialized(as: kind), name: "engram")
    let entries = try file.names.map { name in
        let tensor = try file.tensor(name)
        return tensors.first { $0.name == name }
            ?? SafetensorsWriter.Entry(
                name: name, type: tensor.type, shape: tensor.shape,
                bytes: tensor.withUnsafeBytes { Array($0) })
    }
    return try SafetensorsWriter.serialize(
        entries, metadata: file.metadata.merging(metadata) { $1 })
}

@Suite("An engram that comes from elsewhere")
struct AdmissionTests {
    private let home: CortexIdentity = {
        var home = identity
        var shapes = ProjectionShapes()
        (shapes.family, shapes.layers, shapes.hidden) = ("llama", 3, 8)
        (shapes.intermediate, shapes.queries, shapes.keys, shapes.vocabulary) = (12, 8, 4, 50)
        home.projections = shapes
        return home
    }()

    private func admit(_ bytes: [UInt8]) throws -> Engram {
        let engram = try Engram(serialized: bytes, name: "it")
        try engram.check(on: home, within: SafeZone())
        return engram
    }

    @Test(
        "is refused when a number is not that of the core it names, whether or not a tensor uses it",
        arguments: [
            ("vocabulary_size", "51"), ("latent_count", "21"), ("hidden_size", "0"),
            ("episode_key_size", "7"), ("layer_latent_count", "0"),
            ("projections", "llama 4 8 12 8 4 50"), ("projections", "llama 3 8 12 8 5 50"),
            ("projections", "gpt2 3 8 12 8 4 50"), ("projections", " 1 0 0 0 0 0"),
        ])
    func dimensions(key: String, value: String) throws {
        let empty = Engram.empty(identity: home)
        #expect(throws: Never.self) { try admit(file(of: empty)) }
        let changed = try file(of: empty, metadata: [key: value])
        #expect(throws: EngramError.self) { try admit(changed) }
    }

    @Test("may name no projections, as files once did, and still adds and compares")
    func withoutProjections() throws {
        var sites = PlasticSites()
        sites.bias = [Float](repeating: 0.25, count: home.vocabularySize)
        var engram = Engram.empty(identity: home)
        try engram.commit(Proposal(base: .zero, sites: sites, tokens: 1), within: SafeZone())
        let older = try admit(
            file(of: engram, metadata: ["projections": ProjectionShapes().text]))
        let empty = Engram.empty(identity: home)
        #expect(older.contribution(beyond: empty).sites.bias == sites.bias)
        let sum = older.reconciled(
            with: empty, since: empty, .grown, within: SafeZone(), episodes: 4)
        // A sum is consolidated: its weights are on a grid.
        #expect(sum.identity == home && sum.sites.bias.allSatisfy { abs($0 - 0.25) < 0.01 })
        #expect(empty.comparison(with: older, limit: 1, pushLimit: 1).biases.count == 1)
    }

    @Test("is refused with directions of another length than the core's states, empty ones too")
    func directions() {
        var engram = Engram.empty(identity: home)
        for count in [0, 7, 9] {
            engram.sites.layer = LayerSynapses(
                decoder: [1: [Float](repeating: 0.1, count: count)])
            #expect(throws: EngramError.self, "\(count)") {
                try engram.check(on: home, within: SafeZone())
            }
        }
    }

    @Test(
        "is refused at a revision that cannot be counted on from",
        arguments: [
            (1_000_000_000_000_000, true), (1_000_000_000_000_001, false), (Int.max, false),
        ])
    func revisions(revision: Int, isRead: Bool) throws {
        let bytes = try file(
            of: .empty(identity: home), metadata: ["revision": String(revision)])
        guard isRead else {
            #expect(throws: EngramError.self) { try admit(bytes) }
            return
        }
        var engram = try admit(bytes)
        for _ in 0..<2 {
            try engram.commit(
                Proposal(base: engram.revision, sites: engram.sites, tokens: 1),
                within: SafeZone())
            engram = try admit(engram.serialized(as: .workingState))
        }
    }

    @Test("cannot name so many instruction sets that the next commit writes what nobody reads")
    func kernelClasses() throws {
        let long = String(repeating: "x", count: 256)
        let many = (0..<80).map { "k\($0)" }.joined(separator: "+").prefix(256)
        for names in [long, String(many), "neon+scalar"] {
            var engram = try admit(
                file(of: .empty(identity: home), metadata: ["kernel_class": names]))
            try engram.commit(
                Proposal(base: engram.revision, sites: engram.sites, tokens: 1),
                within: SafeZone())
            let again = try admit(engram.serialized(as: .workingState))
            let found = again.kernelClass.split(separator: "+").map(String.init)
            let kept = names == "neon+scalar" ? ["neon", "scalar"] : ["other"]
            #expect(Set(found) == Set(kept + [KernelClass.current]))
        }
        // The class of every machine that learns has a name of its own.
        #expect(Engram.joined(KernelClass.current, "") == KernelClass.current)
    }

    @Test("is refused when its file gives a token two biases")
    func biases() throws {
        var engram = Engram.empty(identity: home)
        engram.sites.bias = (0..<home.vocabularySize).map { $0 < 2 ? 0.3 : 0 }
        let bytes = try file(of: engram, tensors: [.numbers("bias.token", [1, 1])])
        #expect(throws: EngramError.self) { try admit(bytes) }
        #expect(throws: Never.self) { try admit(file(of: engram)) }
    }

    @Test(
        "has no running loss that learning could not make",
        arguments: [(Float(0), true), (1000, true), (-2, false), (1e30, false), (.nan, false)])
    func runningLoss(average: Float, isAdmitted: Bool) {
        var engram = Engram.empty(identity: home)
        engram.sites.frozenLossAverage = average
        let isFound = (try? engram.check(on: home, within: SafeZone())) != nil
        #expect(isFound == isAdmitted)
    }
}
