import ModelFormats
import Testing
import TinyCore

@testable import Engrams
@testable import OuterCortex

@Suite("A search for what drives latents")
struct ActivitySearchTests {
    private func cortex() throws -> Cortex { try Cortex(folder: TinyCore.make()) }

    @Test("finds the most active positions of each latent, in a text longer than a slice")
    func positions() throws {
        let cortex = try cortex()
        let tokens = cortex.encode(lesson)
        #expect(tokens.count > CoreReading.longest)
        // The same from the recorded slices: position p has read token p − 1.
        var expected: [Int32: [LatentActivity]] = [:]
        for slice in cortex.record(tokens).slices {
            for position in slice.positions where position > 0 {
                let row = position - slice.positions.lowerBound
                for (latent, value) in zip(slice.latents(row), slice.values(row)) where value > 0 {
                    expected[latent, default: []].append(
                        .init(position: position - 1, activity: value))
                }
            }
        }
        let wanted = Set(expected.keys.sorted().prefix(5))
        let search = cortex.startSearch(for: wanted, in: tokens, limit: 4)
        search.run()
        #expect(Set(search.result.keys) == wanted)
        for (latent, found) in search.result {
            let best = expected[latent, default: []].map(\.activity).sorted(by: >).prefix(4)
            #expect(found.map(\.activity) == Array(best))
            #expect(found.allSatisfy { expected[latent]?.contains($0) == true })
        }
        #expect(cortex.startSearch(for: [], in: tokens, limit: 4).result.isEmpty)
    }

    @Test("spells out the contexts that a text taught")
    func contexts() throws {
        var rule = PlasticityRule()
        rule.safeZone.learningGate = 1000
        let cortex = try cortex().with(rule: rule)
        var engram = cortex.emptyEngram()
        _ = try cortex.observe(lesson, into: &engram)
        let learned = engram.sites.sequences.sorted()
        #expect(learned.count > 20)
        let found = cortex.contexts(Set(learned.map(\.key)), in: cortex.encode(lesson))
        #expect(found.count == learned.count)
        for context in learned {
            #expect(found[context.key]?.count == context.order)
        }
        #expect(cortex.contexts([ContextKey(rawValue: 1)], in: cortex.encode(lesson)).isEmpty)
    }
}
