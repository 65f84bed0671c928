import Foundation
import ModelFormats
import OuterCortex
import Testing
import TinyCore

@testable import MetaLearning

/// The caches, against the formulas written out over the frozen core's states.
@Suite("Cache rivals")
struct CacheRivalTests {
    /// A position as the frozen core sees it.
    private struct Position {
        var hidden: [Double]
        var target: Int32
        var frozen: Double
    }

    private static func cortex() throws -> Cortex {
        let folder = try TinyCore.make(seed: 4)
        defer { TinyCore.remove(folder) }
        return try Cortex(folder: folder)
    }

    private static func positions(_ text: [TokenID], in cortex: Cortex) -> [Position] {
        var all: [Position] = []
        cortex.readFrozen(text) { states in
            for row in states.targets.indices {
                let h = states.hidden[row * TinyCore.hiddenSize..<(row + 1) * TinyCore.hiddenSize]
                all.append(
                    Position(
                        hidden: h.map(Double.init), target: states.targets[row],
                        frozen: exp(-states.losses[row])))
            }
        }
        return all
    }

    private static func dot(_ a: [Double], _ b: [Double]) -> Double {
        zip(a, b).reduce(0) { $0 + $1.0 * $1.1 }
    }

    private func near(_ a: Double, _ b: Double, within tolerance: Double = 1e-4) -> Bool {
        abs(a - b) <= tolerance * max(1, abs(b))
    }

    private let observed = "the heron and the eel, the heron and the tern"
    private let asked = "and the eel there"

    @Test("The unigram cache mixes in how often a token was observed before")
    func unigram() throws {
        let cortex = try Self.cortex()
        let (text, question) = (
            cortex.tokenizer.encode(observed, parsingSpecialTokens: false),
            cortex.tokenizer.encode(asked, parsingSpecialTokens: false)
        )
        var rival = CacheRival(cortex: cortex, kind: .unigram(share: 0.2))
        let cost = rival.observe(text)
        var expected = 0.0
        var before: [Int32] = []
        for position in Self.positions(text, in: cortex) {
            let hits = Double(before.count { $0 == position.target })
            let cached = before.isEmpty ? position.frozen : hits / Double(before.count)
            expected -= log2(0.8 * position.frozen + 0.2 * cached)
            before.append(position.target)
        }
        #expect(cost.tokens == text.count)
        #expect(near(cost.adapted, expected))

        let costs = rival.score(question)
        for (cost, position) in zip(costs, Self.positions(question, in: cortex)) {
            let hits = Double(text.count { $0.rawValue == position.target })
            let mixed = 0.8 * position.frozen + 0.2 * hits / Double(text.count)
            #expect(near(cost.adapted, -log2(mixed)))
            #expect(near(cost.frozen, -log2(position.frozen)))
        }
        #expect(rival.savedBytes() == 8 * Set(text).count)
    }

    @Test("The neural cache mixes in what followed like states before, and no later ones")
    func neural() throws {
        let cortex = try Self.cortex()
        let text = cortex.tokenizer.encode(observed, parsingSpecialTokens: false)
        let question = cortex.tokenizer.encode(asked, parsingSpecialTokens: false)
        var rival = CacheRival(cortex: cortex, kind: .neural(sharpness: 5, share: 0.3))
        let remembered = Self.positions(text, in: cortex)
        // A text this short is one slice, so the mean is over all of it.
        let mean =
            remembered.reduce(0) { $0 + Self.dot($1.hidden, $1.hidden) } / Double(remembered.count)
        func cost(_ position: Position, from memory: ArraySlice<Position>) -> Double {
            guard !memory.isEmpty else { return -log2(position.frozen) }
            let weights = memory.map { exp(5 * Self.dot($0.hidden, position.hidden) / mean) }
            let hits = zip(memory, weights).filter { $0.0.target == position.target }
            let cached = hits.reduce(0) { $0 + $1.1 } / weights.reduce(0, +)
            return -log2(0.7 * position.frozen + 0.3 * cached)
        }
        let expected = remembered.indices.reduce(0) {
            $0 + cost(remembered[$1], from: remembered[..<$1])
        }
        #expect(near(rival.observe(text).adapted, expected))
        for (found, position) in zip(rival.score(question), Self.positions(question, in: cortex)) {
            #expect(near(found.adapted, cost(position, from: remembered[...])))
        }
        #expect(rival.savedBytes() == text.count * 4 * (TinyCore.hiddenSize + 1))
    }

    @Test("Before it observed anything a cache is the frozen core; scoring changes nothing")
    func emptyCache() throws {
        let cortex = try Self.cortex()
        let text = cortex.tokenizer.encode(observed, parsingSpecialTokens: false)
        for kind in [CacheRival.neural, CacheRival.unigram] {
            let rival = CacheRival(cortex: cortex, kind: kind)
            let costs = rival.score(text)
            #expect(costs.count == text.count)
            #expect(costs.allSatisfy { $0.frozen == $0.adapted })
            #expect(rival.score(text) == costs)
        }
    }
}
