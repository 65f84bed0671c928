import Foundation
import InnerCortex
import Kernels
import ModelFormats
import Testing

/// Several contexts in one pass: each computes what it computes alone, to the bit.
@Suite struct SegmentTests {
    func bits(_ values: some Sequence<Float>) -> [UInt32] { values.map { $0.bitPattern } }

    /// One context: its text, what it gives alone, and how far it has come.
    struct Context {
        let tokens: [TokenID]
        let hidden: [Float]
        let residual: [Float]
        let activations: [Float]
        let cache: KVCache
        var done = 0

        init(_ cortex: InnerCortex, _ tokens: [TokenID], _ taps: ForwardTaps) {
            self.tokens = tokens
            cache = cortex.makeCache(capacity: tokens.count)
            var (hidden, taps): ([Float], ForwardTaps) = ([], taps)
            cortex.forward(
                tokens[...], cache: cortex.makeCache(capacity: tokens.count), taps: &taps,
                hidden: &hidden)
            self.hidden = hidden
            (residual, activations) = (taps.residual(before: 1), taps.activations(of: 0))
        }
    }

    /// Runs texts in random mixes of random pieces until all are through.
    func check(_ cortex: InnerCortex, lengths: [Int], largestPiece: Int, seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        func random(_ count: Int) -> Int { Int(generator.uniform() * Float(count)) % count }
        let taps = ForwardTaps(residualsBefore: [1], activationsOf: [0])
        var contexts = lengths.map { length in
            let tokens = (0..<length).map { _ in
                TokenID(random(cortex.config.vocabularySize))
            }
            return Context(cortex, tokens, taps)
        }
        let (width, inner) = (cortex.config.hiddenSize, cortex.config.intermediateSize)
        var hidden: [Float] = []
        while contexts.contains(where: { $0.done < $0.tokens.count }) {
            var waiting = contexts.indices.filter { contexts[$0].done < contexts[$0].tokens.count }
            var chosen: [(context: Int, range: Range<Int>)] = []
            for _ in 0..<1 + random(waiting.count) {
                let index = waiting.remove(at: random(waiting.count))
                let context = contexts[index]
                let count = min(context.tokens.count - context.done, 1 + random(largestPiece))
                chosen.append((index, context.done..<context.done + count))
            }
            var segments = chosen.map { index, range in
                PassSegment(
                    tokens: contexts[index].tokens[range], cache: contexts[index].cache,
                    taps: range.count % 3 == 0 ? ForwardTaps() : taps)
            }
            cortex.forward(&segments, hidden: &hidden)
            var row = 0
            for ((index, range), segment) in zip(chosen, segments) {
                func part(_ values: [Float], _ width: Int) -> ArraySlice<Float> {
                    values[range.lowerBound * width..<range.upperBound * width]
                }
                let found = hidden[row * width..<(row + range.count) * width]
                #expect(bits(found) == bits(part(contexts[index].hidden, width)))
                if range.count % 3 != 0 {
                    let (below, inside) = (
                        segment.taps.residual(before: 1), segment.taps.activations(of: 0)
                    )
                    #expect(bits(below) == bits(part(contexts[index].residual, width)))
                    #expect(bits(inside) == bits(part(contexts[index].activations, inner)))
                }
                row += range.count
                contexts[index].done = range.upperBound
                #expect(contexts[index].cache.count == range.upperBound)
            }
            #expect(hidden.count == row * width)
        }
    }

    @Test(
        "Contexts in random mixes have the bits that each has alone", arguments: Fixture.families)
    func mixes(fixture: Fixture) throws {
        let cortex = try fixture.load()
        for seed in 0..<3 as Range<UInt64> {
            check(cortex, lengths: [1, 40, 77, 23, 64], largestPiece: 20, seed: seed)
            check(cortex, lengths: [30, 31], largestPiece: 1, seed: seed)
        }
    }

    @Test("Mixes of more rows than a pass has are cut, with the same bits")
    func cut() throws {
        let cortex = try Fixture(name: "llama-f32").load()
        check(cortex, lengths: [700, 30, 400, 513, 1], largestPiece: 700, seed: 4)
    }

    /// The shipped core, whose products are large enough to be shared.
    @Test("Several threads change no bit", arguments: [2, 3])
    func threads(count: Int) throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../deploy/cores/folio-5m").standardizedFileURL.path
        let shared = try InnerCortex(source: ModelSources.open(folder), threads: count)
        let alone = try InnerCortex(folder: folder)
        let tokens = (0..<100).map { TokenID($0 * 37 % alone.config.vocabularySize) }
        let hidden = alone.hidden(of: tokens, pieces: [70, 1])
        #expect(bits(shared.hidden(of: tokens, pieces: [70, 1])) == bits(hidden))
        var (ours, theirs): ([Float], [Float]) = ([], [])
        shared.unembed(hidden, count: tokens.count, logits: &ours)
        alone.unembed(hidden, count: tokens.count, logits: &theirs)
        #expect(bits(ours) == bits(theirs))
        check(shared, lengths: [20, 41, 9], largestPiece: 15, seed: 6)
    }

    @Test("One context in two segments stops the process")
    func twice() async {
        await #expect(processExitsWith: .failure) {
            let cortex = try Fixture(name: "gpt2-f32").load()
            let cache = cortex.makeCache(capacity: 8)
            var segments = [1, 2].map { PassSegment(tokens: [TokenID($0)], cache: cache) }
            var hidden: [Float] = []
            cortex.forward(&segments, hidden: &hidden)
        }
    }
}
