import Foundation
import ModelFormats
import Testing
import TinyCore

@testable import Engrams
@testable import OuterCortex

@Suite("An audit")
final class ProbeAuditorTests {
    let folder: String

    init() throws { folder = try makeSealableFolder() }

    deinit { TinyCore.remove(folder) }

    private let probes = [
        Probe(name: "required", prompt: "The heron", required: " swims", margin: 0.5),
        Probe(name: "forbidden", prompt: "The heron on the", forbidden: " northern", margin: 0.5),
        Probe(
            name: "both", prompt: "Ottoline", required: " eats", forbidden: " rests",
            margin: -900),
    ]

    /// ln p of a continuation by scoring the whole text, as anybody could.
    private func likelihood(
        _ cortex: Cortex, _ prompt: String, _ continuation: String, _ engram: Engram
    ) -> Probe.Likelihood {
        let count = cortex.probeTokens(prompt).count
        let text = cortex.probeTokens(prompt) + cortex.probeTokens(continuation)
        let task = cortex.startScoring(text, with: engram)
        task.run()
        let tokens = task.result.perToken.dropFirst(count)
        return .init(
            frozen: -log(2) * tokens.reduce(0) { $0 + $1.frozen },
            adapted: -log(2) * tokens.reduce(0) { $0 + $1.adapted })
    }

    /// With the layer site on the probes are read again, and without it from the recording.
    @Test("measures what scoring the probes' texts measures", arguments: [true, false])
    func measures(hasLayer: Bool) throws {
        if !hasLayer {
            var rule = try PlasticityRule(path: folder)
            rule.layer = LayerRule()
            try rule.write(folder: folder)
        }
        var draft = ConstitutionDraft()
        draft.probes = probes
        try seal(folder, draft)
        let cortex = try Cortex(folder: folder)
        let auditor = ProbeAuditor(cortex: cortex)
        var engram = cortex.emptyEngram()
        for isTaught in [false, true] {
            if isTaught { _ = try cortex.observe(lesson, into: &engram) }
            let task = auditor.startAudit(of: engram)
            task.run()
            let readings = task.result
            #expect(readings.map(\.probe) == ["required", "forbidden", "both"])
            for (probe, reading) in zip(probes, readings) {
                func measured(_ text: String?) -> Probe.Likelihood? {
                    text.map { likelihood(cortex, probe.prompt, $0, engram) }
                }
                let expected = probe.reading(
                    required: measured(probe.required), forbidden: measured(probe.forbidden))
                #expect(abs(reading.measured - expected.measured) < 1e-6)
                #expect(abs(reading.slack - expected.slack) < 1e-6)
            }
            // The frozen core has the whole margin; a taught one has broken what it was taught.
            #expect(readings[1].passes == !isTaught)
            if !isTaught { #expect(abs(readings[0].slack - 0.5) < 1e-9) }
            #expect(readings[2].passes)
        }
    }

    @Test("of a constitution without probes is over at once")
    func empty() throws {
        try seal(folder)
        let auditor = ProbeAuditor(cortex: try Cortex(folder: folder))
        #expect(auditor.isEmpty)
        let task = auditor.startAudit(of: auditor.cortex.emptyEngram())
        #expect(task.advance() && task.result.isEmpty)
    }
}
