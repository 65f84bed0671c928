import InnerCortex
import Kernels
import ModelFormats
import Testing

/// Blocks run in two ranges, with the residual stream handed over at a hookpoint.
@Suite struct LayerRangeTests {
    func bits(_ values: [Float]) -> [UInt32] { values.map { $0.bitPattern } }

    /// Hidden states of a text whose blocks from `block` on run apart, on what the others gave.
    private func hiddenInTwoRanges(
        _ cortex: InnerCortex, _ tokens: [TokenID], block: Int, piece: Int
    ) -> (whole: [Float], apart: [Float]) {
        let (below, above) = (
            cortex.makeCache(capacity: tokens.count),
            cortex.makeCache(capacity: tokens.count, firstBlock: block)
        )
        var (whole, apart): ([Float], [Float]) = ([], [])
        var hidden: [Float] = []
        var taps = ForwardTaps(residualsBefore: [block])
        for start in stride(from: 0, to: tokens.count, by: piece) {
            let part = tokens[start..<min(tokens.count, start + piece)]
            cortex.forward(part, cache: below, taps: &taps, hidden: &hidden)
            whole += hidden
            let residual = taps.residual(before: block)
            cortex.forward(residual: residual, cache: above, hidden: &hidden)
            apart += hidden
        }
        return (whole, apart)
    }

    @Test(
        "Blocks in two ranges give the bytes of the whole run, and the tap changes nothing",
        arguments: Fixture.all, [100, 1, 37])
    func twoRanges(fixture: Fixture, piece: Int) throws {
        let cortex = try fixture.load()
        let tokens = try fixture.expected().tokens
        let plain = cortex.hidden(of: tokens, pieces: [piece])
        for block in 0..<cortex.config.layerCount {
            let (whole, apart) = hiddenInTwoRanges(
                cortex, tokens, block: block, piece: piece)
            #expect(bits(whole) == bits(plain))
            #expect(bits(apart) == bits(plain))
        }
    }

    @Test("A text of several passes is the same in two ranges")
    func longText() throws {
        let cortex = try Fixture(name: "llama-f32").load()
        let tokens = (0..<1_000).map { TokenID($0 * 7 % cortex.config.vocabularySize) }
        let plain = cortex.hidden(of: tokens, pieces: [tokens.count])
        let (whole, apart) = hiddenInTwoRanges(
            cortex, tokens, block: 1, piece: tokens.count)
        #expect(bits(whole) == bits(plain))
        #expect(bits(apart) == bits(plain))
    }

    @Test("A changed residual changes its own position and later ones, and no earlier one")
    func changes() throws {
        let cortex = try Fixture(name: "llama-f32").load()
        let tokens = try fixture("llama-f32")
        let width = cortex.config.hiddenSize
        var hidden: [Float] = []
        var taps = ForwardTaps(residualsBefore: [1])
        cortex.forward(
            tokens[...], cache: cortex.makeCache(capacity: tokens.count), taps: &taps,
            hidden: &hidden)
        var residual = taps.residual(before: 1)
        for index in 50 * width..<51 * width { residual[index] = -residual[index] }
        var changed: [Float] = []
        cortex.forward(
            residual: residual, cache: cortex.makeCache(capacity: tokens.count, firstBlock: 1),
            hidden: &changed)
        #expect(bits(Array(changed[..<(50 * width)])) == bits(Array(hidden[..<(50 * width)])))
        for row in [50, 51, tokens.count - 1] {
            let range = row * width..<(row + 1) * width
            #expect(bits(Array(changed[range])) != bits(Array(hidden[range])))
        }
    }

    @Test("A cache that takes over another's beginning goes on as if it had read it")
    func takesOver() throws {
        let cortex = try Fixture(name: "llama-f32").load()
        let tokens = try fixture("llama-f32")
        let width = cortex.config.hiddenSize
        let whole = cortex.makeCache(capacity: tokens.count)
        var hidden: [Float] = []
        var taps = ForwardTaps(residualsBefore: [1])
        cortex.forward(tokens[...], cache: whole, taps: &taps, hidden: &hidden)
        let residual = taps.residual(before: 1)
        let above = cortex.makeCache(capacity: tokens.count, firstBlock: 1)
        for start in [80, 40, 0] {
            above.copy(from: whole, count: start)
            #expect(above.count == start)
            var rest: [Float] = []
            cortex.forward(
                residual: Array(residual[(start * width)...]), cache: above, hidden: &rest)
            #expect(bits(rest) == bits(Array(hidden[(start * width)...])))
        }
    }

    @Test("A direction of the readout moves a logit as the final norm lets it")
    func readoutDirections() throws {
        let norms: [(String, String, Float)] = [
            ("llama-bf16", "model.norm.weight", 0), ("gpt2-f32", "transformer.ln_f.weight", 0),
            ("gemma3", "model.norm.weight", 1),
            ("gpt-neox", "gpt_neox.final_layer_norm.weight", 0),
        ]
        for (name, tensor, offset) in norms {
            let fixture = Fixture(name: name)
            let cortex = try fixture.load()
            let width = cortex.config.hiddenSize
            var (row, direction) = (
                [Float](repeating: 0, count: width), [Float](repeating: 0, count: width)
            )
            do {
                var span = row.mutableSpan
                cortex.unembeddingRow(TokenID(7), into: &span)
                var other = direction.mutableSpan
                cortex.readoutDirection(of: TokenID(7), into: &other)
            }
            let norm = try SafetensorsFile(path: fixture.folder + "/model.safetensors")
            let scale = try norm.tensor(tensor).floats().map { $0 + offset }
            #expect(bits(direction) == bits(zip(row, scale).map { $0 * $1 }))
        }
    }

    @Test("Tokens through a cache that lacks their blocks stop the process")
    func partialCache() async {
        await #expect(processExitsWith: .failure) {
            let cortex = try Fixture(name: "gpt2-f32").load()
            var hidden: [Float] = []
            cortex.forward(
                [TokenID(1)], cache: cortex.makeCache(capacity: 3, firstBlock: 1), hidden: &hidden)
        }
    }

    private func fixture(_ name: String) throws -> [TokenID] {
        try Fixture(name: name).expected().tokens
    }
}
