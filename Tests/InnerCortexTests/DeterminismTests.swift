import InnerCortex
import Kernels
import ModelFormats
import Testing

/// Same tokens, same bytes, whatever happened before.
@Suite struct DeterminismTests {
    func bits(_ values: [Float]) -> [UInt32] { values.map { $0.bitPattern } }

    @Test(
        "A token's bytes do not depend on how the text was cut",
        arguments: Fixture.all, [[1], [64], [63, 1, 36], [37, 5], [99, 1]])
    func cuts(fixture: Fixture, pieces: [Int]) throws {
        let cortex = try fixture.load()
        let tokens = try fixture.expected().tokens
        let whole = cortex.hidden(of: tokens, pieces: [tokens.count])
        let cut = cortex.hidden(of: tokens, pieces: pieces)
        #expect(bits(cut) == bits(whole))
    }

    @Test("A text longer than one pass is the same in pieces")
    func longText() throws {
        let cortex = try Fixture(name: "llama-f32").load()
        let tokens = (0..<1_000).map { TokenID($0 * 7 % cortex.config.vocabularySize) }
        let whole = cortex.hidden(of: tokens, pieces: [tokens.count])
        let pieces = cortex.hidden(of: tokens, pieces: [130, 600, 270])
        #expect(bits(pieces) == bits(whole))
        #expect(bits(cortex.hidden(of: tokens, pieces: [1])) == bits(whole))
    }

    @Test("Tokens that follow change nothing that came before", arguments: Fixture.families)
    func prefixes(fixture: Fixture) throws {
        let cortex = try fixture.load()
        let tokens = try fixture.expected().tokens
        let whole = cortex.hidden(of: tokens, pieces: [tokens.count])
        for count in [2, 17, 64, 65, 98] {
            let prefix = cortex.hidden(of: Array(tokens[..<count]), pieces: [count])
            #expect(bits(prefix) == bits(Array(whole[..<prefix.count])))
        }
    }

    @Test("Logits of a row do not depend on the other rows", arguments: Fixture.all)
    func logits(fixture: Fixture) throws {
        let cortex = try fixture.load()
        let (tokens, hidden, _) = try fixture.expected()
        let (width, vocabulary) = (cortex.config.hiddenSize, cortex.config.vocabularySize)
        var whole: [Float] = []
        cortex.unembed(hidden, count: tokens.count, logits: &whole)
        for (first, count) in [(0, 1), (5, 70), (64, 36), (99, 1)] {
            var part: [Float] = []
            cortex.unembed(
                Array(hidden[first * width..<(first + count) * width]), count: count,
                logits: &part)
            #expect(
                bits(part) == bits(Array(whole[first * vocabulary..<(first + count) * vocabulary])))
        }
    }

    @Test("Earlier contexts and other callers leave no trace", arguments: Fixture.families)
    func history(fixture: Fixture) async throws {
        let cortex = try fixture.load()
        let tokens = try fixture.expected().tokens
        let expected = bits(cortex.hidden(of: tokens, pieces: [50, 1]))
        // Buffers that wait are full of another text's numbers.
        _ = cortex.hidden(of: tokens.reversed(), pieces: [tokens.count])
        #expect(bits(cortex.hidden(of: tokens, pieces: [50, 1])) == expected)
        let results = await withTaskGroup(of: [UInt32].self) { group in
            for _ in 0..<4 {
                group.addTask { cortex.hidden(of: tokens, pieces: [50, 1]).map { $0.bitPattern } }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(results.allSatisfy { $0 == expected })
    }

    @Test("A truncated cache continues as if the rest had never been", arguments: Fixture.families)
    func truncation(fixture: Fixture) throws {
        let cortex = try fixture.load()
        let tokens = try fixture.expected().tokens
        let cache = cortex.makeCache(capacity: 100)
        var hidden: [Float] = []
        cortex.forward(tokens[..<100], cache: cache, hidden: &hidden)
        for start in [80, 63, 40, 0] {
            cache.truncate(to: start)
            #expect(cache.count == start)
            cortex.forward(tokens[start..<start + 10], cache: cache, hidden: &hidden)
            let fresh = cortex.hidden(
                of: Array(tokens[..<(start + 10)]), pieces: [max(start, 10), 10])
            #expect(bits(hidden) == bits(Array(fresh.suffix(hidden.count))))
        }
    }

    @Test("A row of the unembedding is what logits are made of", arguments: Fixture.families)
    func unembeddingRows(fixture: Fixture) throws {
        let cortex = try fixture.load()
        let (_, hidden, logits) = try fixture.expected()
        var row = [Float](repeating: 0, count: cortex.config.hiddenSize)
        for token in [0, 7, cortex.config.vocabularySize - 1] {
            var span = row.mutableSpan
            cortex.unembeddingRow(TokenID(token), into: &span)
            let logit = zip(row, hidden).reduce(0) { $0 + $1.0 * $1.1 }
            #expect(abs(logit - logits[token]) < 1e-4)
        }
    }
}

/// Mistakes of the caller stop the process with a message instead of reading foreign memory.
@Suite struct PreconditionTests {
    @Test("A cache that overflows stops the process")
    func overflow() async {
        await #expect(processExitsWith: .failure) {
            let cortex = try Fixture(name: "gpt2-f32").load()
            let cache = cortex.makeCache(capacity: 3)
            var hidden: [Float] = []
            cortex.forward([1, 2, 3, 4].map { TokenID($0) }[...], cache: cache, hidden: &hidden)
        }
    }

    @Test("A token outside of the vocabulary stops the process")
    func vocabulary() async {
        await #expect(processExitsWith: .failure) {
            let cortex = try Fixture(name: "gpt2-f32").load()
            var hidden: [Float] = []
            cortex.forward([TokenID(199)], cache: cortex.makeCache(capacity: 3), hidden: &hidden)
        }
    }

    @Test("A cache beyond the context length stops the process")
    func context() async {
        await #expect(processExitsWith: .failure) {
            _ = try Fixture(name: "gpt2-f32").load().makeCache(capacity: 129)
        }
    }
}
