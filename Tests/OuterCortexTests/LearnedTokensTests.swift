import Engrams
import Foundation
import ModelFormats
import Testing
import TinyCore

@testable import OuterCortex

@Suite("Learning some of a text's tokens")
final class LearnedTokensTests {
    let folder: String
    let cortex: Cortex

    init() throws {
        folder = try TinyCore.make(
            rule: #"{"format":"hebb.rule","format_version":2,"safe_zone":{"learning_gate":100}}"#)
        cortex = try Cortex(folder: folder)
    }

    deinit { TinyCore.remove(folder) }

    private func observe(
        _ tokens: [TokenID], only ranges: [Range<Int>]?, interrupted: Bool = false
    ) throws -> (Observation, Engram) {
        let task = cortex.startObserving(tokens, only: ranges, from: cortex.emptyEngram())
        while !task.advance() {}
        var engram = cortex.emptyEngram()
        try engram.commit(task.result.proposal, within: cortex.zone)
        return (task.result, engram)
    }

    @Test("Only the chosen tokens are accounted for, and only they are learned")
    func chosen() throws {
        let said = cortex.tokenizer.encode("The heron stands by the pier. ")
        let other = cortex.tokenizer.encode("It rains in the north. ")
        let text = said + other + said
        let part = said.count..<said.count + other.count
        let (seen, engram) = try observe(text, only: [part])
        #expect(seen.tokens == other.count && seen.gains.count == other.count)
        #expect(seen.bytes == "It rains in the north. ".utf8.count)
        #expect(engram.tokensLearned == other.count)
        let whole = try observe(text, only: nil)
        #expect(whole.0.tokens == text.count)
        #expect(try observe(text, only: [0..<text.count]).1 == whole.1)
        #expect(try observe(text, only: []).1.sites == cortex.emptyEngram().sites)

        // What was not learned is predicted as before; what was learned is expected behind it.
        func bits(_ engram: Engram) -> [Scoring.Token] {
            let task = cortex.startScoring(text, with: engram)
            task.run()
            return task.result.perToken
        }
        let scored = bits(engram)
        let gain = scored[part].reduce(0) { $0 + $1.frozen - $1.adapted }
        #expect(gain > 1)
    }

    @Test("The context of what is learned is read, over windows too")
    func context() throws {
        let tail = cortex.tokenizer.encode("the pier")
        let lead = cortex.tokenizer.encode(String(repeating: "rain and reeds, ", count: 12))
        let other = cortex.tokenizer.encode(String(repeating: "eels and tides, ", count: 12))
        #expect(lead.count > TinyCore.contextLength)
        func surprise(_ lead: [TokenID]) throws -> Double {
            let range = lead.count..<lead.count + tail.count
            let seen = try observe(lead + tail, only: [range]).0
            #expect(seen.tokens == tail.count)
            return seen.bits.frozen
        }
        #expect(try surprise(lead) != surprise(other))
    }
}
