import Foundation
import InnerCortex
import Kernels
import ModelFormats
import Testing

/// An adapter of `Fixtures/adapters`, made by `Fixtures/make_adapters.py`.
struct AdapterFixture: Sendable, CustomStringConvertible {
    let name: String
    let base: Fixture
    var description: String { name }

    static let all = [
        ("llama-all", "llama-f32"), ("llama-top-rslora", "llama3-bf16-sharded"),
        ("llama-odd-patterns", "llama-odd-gelu"), ("llama-untied-head", "llama-f16-biases-untied"),
        ("gpt2-all", "gpt2-f32"),
    ].map { AdapterFixture(name: $0.0, base: Fixture(name: $0.1)) }

    func bytes(_ file: String) throws -> [UInt8] {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("Fixtures/adapters/\(name)")
        return Array(try Data(contentsOf: folder.appendingPathComponent(file)))
    }

    func load(for cortex: InnerCortex) throws -> PEFTAdapter {
        try PEFTAdapter(
            config: bytes(PEFTAdapter.configName), weights: bytes(PEFTAdapter.weightsName),
            shapes: cortex.projections)
    }

    func expected() throws -> (tokens: [TokenID], logits: [Float]) {
        let file = try SafetensorsFile(bytes: bytes("expected.safetensors"), name: name)
        return (
            try file.tensor("tokens").integers().map { TokenID($0) },
            try file.tensor("logits").floats()
        )
    }
}

/// Agreement of the core with deltas with `transformers` and `peft`, in float32; the tolerance is
/// that of the frozen core (make_fixtures.py).
@Suite("The core with an adapter's deltas") struct AdapterParityTests {
    /// Logits under a change, the text in pieces, beside the frozen pass from the first changed
    /// block on.
    private func logits(
        _ cortex: InnerCortex, _ change: PassChange, _ tokens: [TokenID], pieces: Int,
        from block: Int
    ) -> [Float] {
        let below = cortex.makeCache(capacity: tokens.count)
        let own = cortex.makeCache(capacity: tokens.count, firstBlock: block)
        var taps = ForwardTaps(residualsBefore: [block])
        var (hidden, row, all): ([Float], [Float], [Float]) = ([], [], [])
        for start in stride(from: 0, to: tokens.count, by: pieces) {
            let part = tokens[start..<min(tokens.count, start + pieces)]
            cortex.forward(part, cache: below, taps: &taps, hidden: &hidden)
            cortex.forward(
                residual: taps.residual(before: block), cache: own, change: change,
                hidden: &hidden)
            cortex.unembed(hidden, count: part.count, logits: &row)
            if let delta = change.deltas[.unembedding] {
                cortex.addToLogits(delta, hidden: hidden, logits: &row)
            }
            all += row
        }
        return all
    }

    @Test(
        "Logits are those of transformers with peft, in one piece and token by token",
        arguments: AdapterFixture.all, [100, 1, 37])
    func parity(fixture: AdapterFixture, pieces: Int) throws {
        let cortex = try fixture.base.load()
        let (tokens, expected) = try fixture.expected()
        let adapter = try fixture.load(for: cortex)
        let first = try #require(adapter.deltas.keys.compactMap(\.block).min())
        #expect(first == (fixture.name == "llama-top-rslora" ? 1 : 0))
        let found = logits(
            cortex, PassChange(deltas: adapter.deltas), tokens, pieces: pieces, from: first)
        let error = largestRelativeDifference(
            found, expected, width: cortex.config.vocabularySize)
        #expect(error <= fixture.base.tolerance)
    }

    @Test("A row does not depend on how its text is cut", arguments: [1, 7])
    func canonical(pieces: Int) throws {
        for fixture in AdapterFixture.all {
            let cortex = try fixture.base.load()
            let tokens = try fixture.expected().tokens
            let change = PassChange(deltas: try fixture.load(for: cortex).deltas)
            let whole = logits(cortex, change, tokens, pieces: 100, from: 0)
            let cut = logits(cortex, change, tokens, pieces: pieces, from: 0)
            let isSame = whole.map(\.bitPattern) == cut.map(\.bitPattern)
            #expect(isSame)
        }
    }

    @Test("A whole matrix of changes is what its factors are; one of 0 changes no bit")
    func dense() throws {
        let cortex = try Fixture(name: "llama-f32").load()
        let tokens = try Fixture(name: "llama-f32").expected().tokens
        let site = ProjectionSite.block(1, .down)
        let size = try #require(cortex.projections.size(of: site))
        var generator = SeededGenerator(seed: 9)
        func random(_ count: Int) -> [Float] { (0..<count).map { _ in generator.normal() * 0.2 } }
        let delta = LowRankDelta(
            inputs: size.inputs, outputs: size.outputs, rank: 3, a: random(3 * size.inputs),
            b: random(3 * size.outputs))
        let plain = logits(cortex, PassChange(), tokens, pieces: 100, from: 1)
        for pieces in [100, 1] {
            let factors = logits(
                cortex, PassChange(deltas: [site: delta]), tokens, pieces: pieces, from: 1)
            let whole = logits(
                cortex, PassChange(dense: .init(site: site, weights: delta.product)), tokens,
                pieces: pieces, from: 1)
            let width = cortex.config.vocabularySize
            #expect(largestRelativeDifference(whole, factors, width: width) < 1e-5)
            #expect(largestRelativeDifference(plain, factors, width: width) > 1e-2)
        }
        let zeros = [Float](repeating: 0, count: size.inputs * size.outputs)
        let nothing = logits(
            cortex, PassChange(dense: .init(site: site, weights: zeros)), tokens, pieces: 100,
            from: 1)
        #expect(nothing.map(\.bitPattern) == plain.map(\.bitPattern))
    }
}
