import Foundation
import InnerCortex
import Kernels
import ModelFormats
import Testing
import TinyCore

/// What contexts keep, and what they can have in common.
@Suite struct CacheTests {
    func bits(_ values: [Float]) -> [UInt32] { values.map { $0.bitPattern } }

    @Test("Of weights with 16 bits a number, keys and values have no more")
    func precision() throws {
        let cortex = try Fixture(name: "llama-bf16").load()
        let config = cortex.config
        let numbers = 2 * config.layerCount * config.keyValueHeadCount * config.headSize
        #expect(cortex.cacheBytes(tokens: 16) == 16 * numbers * 2)
    }

    @Test("A cache takes memory for the tokens that are in, not for those that fit")
    func growth() throws {
        let cortex = try Fixture(name: "llama-f32").load()
        let tokens = try Fixture(name: "llama-f32").expected().tokens
        let cache = cortex.makeCache(capacity: 1024)
        #expect(cortex.pageMemory.byteCount == 0)
        var hidden: [Float] = []
        cortex.forward(tokens[..<17], cache: cache, hidden: &hidden)
        // 2 blocks of 2 heads of 12 numbers, keys and values, of 4 bytes as the weights are.
        #expect(cortex.pageMemory.byteCount == 32 * 2 * 2 * 12 * 2 * 4)
        #expect(cortex.cacheBytes(tokens: 17) == cortex.pageMemory.byteCount)
        #expect(cache.byteCount == cortex.pageMemory.byteCount)
        cache.truncate(to: 16)
        #expect(cortex.pageMemory.byteCount == cortex.cacheBytes(tokens: 16))
        cache.truncate(to: 0)
        #expect(cortex.pageMemory.byteCount == 0)
    }

    @Test(
        "A context that begins with another's tokens goes on as one that read them itself",
        arguments: Fixture.families, [1, 40, 64])
    func forks(fixture: Fixture, beginning: Int) throws {
        let cortex = try fixture.load()
        let tokens = try fixture.expected().tokens
        let cache = cortex.makeCache(capacity: 100)
        var hidden: [Float] = []
        cortex.forward(tokens[..<70], cache: cache, hidden: &hidden)
        let fork = cache.fork(at: beginning, capacity: 100)
        #expect(fork.count == beginning)
        #expect(cortex.pageMemory.byteCount == cache.byteCount)
        let ending = Array(tokens[..<beginning]) + tokens[50..<80]
        cortex.forward(ending[beginning...], cache: fork, hidden: &hidden)
        let fresh = cortex.hidden(of: ending, pieces: [beginning, 30])
        #expect(bits(hidden) == bits(Array(fresh.suffix(hidden.count))))
        // The first one is as it was.
        cortex.forward(tokens[70..<90], cache: cache, hidden: &hidden)
        let whole = cortex.hidden(of: Array(tokens[..<90]), pieces: [70, 20])
        #expect(bits(hidden) == bits(Array(whole.suffix(hidden.count))))
    }

    /// The same weights with room for more tokens.
    private func longer(_ fixture: Fixture) throws -> InnerCortex {
        let folder = TemporaryPlace.path("longer")
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
        try FileManager.default.copyItem(
            atPath: fixture.folder + "/model.safetensors", toPath: folder + "/model.safetensors")
        let config = try String(contentsOfFile: fixture.folder + "/config.json", encoding: .utf8)
        let length = #""max_position_embeddings": 128"#
        #expect(config.contains(length))
        try config.replacing(length, with: #""max_position_embeddings": 2048"#)
            .write(toFile: folder + "/config.json", atomically: true, encoding: .utf8)
        return try InnerCortex(folder: folder)
    }

    @Test(
        "Windows keep what they see and what may be cut back, and nothing else changes",
        arguments: ["gemma3", "mistral-window"])
    func windows(name: String) throws {
        let cortex = try longer(Fixture(name: name))
        let tokens = (0..<1_500).map { TokenID($0 * 7 % cortex.config.vocabularySize) }
        let whole = cortex.hidden(of: tokens, pieces: [tokens.count])
        #expect(bits(cortex.hidden(of: tokens, pieces: [700, 1, 90])) == bits(whole))
        let cache = cortex.makeCache(capacity: tokens.count)
        var hidden: [Float] = []
        for start in stride(from: 0, to: tokens.count, by: 50) {
            cortex.forward(tokens[start..<start + 50], cache: cache, hidden: &hidden)
            #expect(cache.byteCount <= cortex.cacheBytes(tokens: start + 50))
        }
        let without =
            cortex.cacheBytes(tokens: 1)
            * KeyValuePages.pageCount(tokens.count)
        #expect(cache.byteCount * 3 < without)
        #expect(cortex.cacheBytes(tokens: tokens.count) < without)
        let cut = tokens.count - KVCache.reach
        #expect(cache.canCut(to: cut) && cache.canCut(to: 0) && !cache.canCut(to: 1_000))
        let fork = cache.fork(at: cut, capacity: tokens.count)
        cortex.forward(tokens[cut..<cut + 20], cache: fork, hidden: &hidden)
        let width = cortex.config.hiddenSize
        #expect(bits(hidden) == bits(Array(whole[cut * width..<(cut + 20) * width])))
        cache.truncate(to: cut)
        cortex.forward(tokens[cut..<cut + 20], cache: cache, hidden: &hidden)
        #expect(bits(hidden) == bits(Array(whole[cut * width..<(cut + 20) * width])))
    }

    @Test("A context that a window has left stops the process when it is cut there")
    func lost() async {
        await #expect(processExitsWith: .failure) {
            let cortex = try CacheTests().longer(Fixture(name: "mistral-window"))
            let cache = cortex.makeCache(capacity: 500)
            var hidden: [Float] = []
            cortex.forward(
                [TokenID](repeating: TokenID(3), count: 400)[...], cache: cache, hidden: &hidden)
            cache.truncate(to: 100)
        }
    }
}
