import ModelFormats
import Testing
import TinyCore

@testable import Engrams
@testable import OuterCortex

@Suite("Protected tokens and latents")
final class ProtectionTests {
    let folder: String
    let open: Cortex
    /// Common letters of the lesson, one at a time, so that they are targets and errors both.
    let tokens = ["e", "t", " th"]
    let latents: [Int32] = Array(0..<20)

    init() throws {
        folder = try makeSealableFolder()
        open = try Cortex(folder: folder)
    }

    deinit { TinyCore.remove(folder) }

    private func guarded(
        _ tokens: [String], _ latents: [Int32] = []
    ) throws -> (cortex: Cortex, sites: ProtectedSites) {
        let (constitution, _) = try open.constitution(
            from: .init(), protectingTokens: tokens, latents: latents)
        return (try open.with(constitution: constitution), constitution.zone.protected)
    }

    private func expectUntouched(_ sites: PlasticSites, _ cortex: Cortex) {
        #expect(throws: Never.self) {
            try sites.check(identity: cortex.identity, zone: cortex.zone)
        }
        // Of every site something was learned, so that the check had something to look at.
        #expect(!sites.bias.allSatisfy { $0 == 0 } && !sites.episodes.isEmpty)
        #expect(!sites.features.isEmpty && !sites.sequences.isEmpty && !sites.matrix.isEmpty)
        #expect(!sites.layer.dense.isEmpty)
    }

    @Test("learn nothing at any site, from text or from verdicts")
    func learning() throws {
        let (cortex, protected) = try guarded(tokens, latents)
        #expect(protected.tokens.count == 3)
        var engram = cortex.emptyEngram()
        let seen = try cortex.observe(lesson, into: &engram)
        expectUntouched(engram.sites, cortex)
        let targets = cortex.encode(lesson).count { protected.hasToken($0.rawValue) }
        #expect(targets > 50)
        #expect(seen.learnedTokens == seen.tokens - targets)
        #expect(!engram.sites.layer.decoder.isEmpty)
        // Without protection the same text does write them.
        var free = open.emptyEngram()
        _ = try open.observe(lesson, into: &free)
        let error = #expect(throws: EngramError.self) {
            try free.sites.check(identity: cortex.identity, zone: cortex.zone)
        }
        guard case .protected("token bias", "token", _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }

        let answer = JudgedAnswer(
            prompt: cortex.encode("The heron"), answer: cortex.encode(" eats the eels there."),
            drive: 2)
        for drive in [2.0, -2.0] {
            var judged = answer
            judged.drive = drive
            let task = cortex.startFeedback([judged], from: engram)
            task.run()
            #expect(task.result.learnedTokens < judged.answer.count)
            try engram.commit(task.result.proposal, within: cortex.zone)
            expectUntouched(engram.sites, cortex)
        }
    }

    @Test("get no personal term at readout, whatever an engram holds")
    func readout() throws {
        let (cortex, protected) = try guarded(tokens)
        var engram = open.emptyEngram()
        _ = try open.observe(lesson, into: &engram)
        func shifts(_ cortex: Cortex) -> [[Float]] {
            let text = cortex.encode(lesson).prefix(60)
            var pass = TextPass(cortex: cortex, tokens: Array(text))
            var all: [[Float]] = []
            while var slice = pass.source.nextSlice(layer: engram.sites.layer) {
                pass.source.readLayer(
                    &slice, rows: 0..<slice.positions.count, synapses: engram.sites.layer)
                for position in slice.positions {
                    _ = pass.step(
                        slice, position: position, sites: engram.sites, tokensLearned: 100)
                    all.append(pass.predictor.readout.shift)
                    for site in pass.predictor.readout.terms.dense where !site.isEmpty {
                        for token in protected.tokens where cortex !== open {
                            #expect(site[Int(token)] == 0)
                        }
                    }
                }
            }
            return all
        }
        let (masked, plain) = (shifts(cortex), shifts(open))
        #expect(masked.count == 60)
        for token in protected.tokens {
            #expect(masked.allSatisfy { $0[Int(token)] == 0 })
            #expect(plain.contains { $0[Int(token)] != 0 })
        }
        #expect(masked.allSatisfy { $0.contains { $0 != 0 } })
    }

    @Test("Where none is named, the same bytes are learned as without a constitution")
    func unchanged() throws {
        let (cortex, protected) = try guarded([])
        #expect(protected.isEmpty)
        var (sealed, free) = (cortex.emptyEngram(), open.emptyEngram())
        let one = try cortex.observe(lesson, into: &sealed)
        let two = try open.observe(lesson, into: &free)
        #expect(one.bits == two.bits && one.adaptation == two.adaptation)
        #expect(sealed.sites == free.sites)
        #expect(sealed.sites.gains == free.sites.gains)
    }
}
