import Foundation
import Testing
import TinyCore

@testable import Engrams
@testable import OuterCortex

@Suite("A search for the least change that passes the probes")
struct ProbeFittingTests {
    /// Readings of two probes, `slacks` of them.
    private func readings(_ slacks: [Double]) -> [ProbeReading] {
        zip(["a", "b"], slacks).map {
            ProbeReading(probe: $0, measured: $1, bound: .atLeast(0))
        }
    }

    /// Searches where `slacks` says what a change leaves of the two probes' slacks.
    private func search(
        from first: [Double], _ slacks: (ProbeFit) -> [Double]
    ) -> (ProbeFitting, tries: Int) {
        var fitting = ProbeFitting(readings(first))
        var tries = 0
        while let fit = fitting.next, tries < 100 {
            fitting.take(readings(slacks(fit)))
            tries += 1
        }
        return (fitting, tries)
    }

    @Test("leaves as much as passes, in sixteenths", arguments: 0..<16)
    func largestShare(step: Int) {
        let (fitting, tries) = search(from: [-1, 1]) { fit in
            [(Double(step) + 0.5) / 16 - fit.scale, 1]
        }
        #expect(
            fitting.found
                == ProbeFit(scope: .continuations, scale: Double(step) / 16, probes: ["a"]))
        #expect(!fitting.isHopeless && tries <= 5)
    }

    @Test("takes the narrowest scope in which anything passes", arguments: ProbeFit.Scope.allCases)
    func narrowest(scope: ProbeFit.Scope) throws {
        let order = ProbeFit.Scope.allCases
        let place = try #require(order.firstIndex(of: scope))
        let (fitting, _) = search(from: [1, -.infinity]) { fit in
            [1, order.firstIndex(of: fit.scope)! >= place ? 0 : -1]
        }
        #expect(fitting.found == ProbeFit(scope: scope, scale: 15.0 / 16, probes: ["b"]))
    }

    @Test("takes a probe in that fails once another one is helped")
    func both() {
        let (fitting, _) = search(from: [-1, 1]) { fit in
            fit.probes == ["a", "b"] ? [0, 0] : [1, -1]
        }
        #expect(
            fitting.found
                == ProbeFit(scope: .continuations, scale: 15.0 / 16, probes: ["a", "b"]))
    }

    @Test("ends without hope where the frozen core fails, by a figure that is no number too")
    func hopeless() {
        for slack in [-1, Double.nan] {
            let (fitting, tries) = search(from: [slack, 1]) { _ in [slack, 1] }
            #expect(
                fitting.isHopeless && fitting.found == nil && tries == ProbeFit.Scope.allCases.count
            )
        }
    }
}

@Suite("An engram that fails a probe")
final class EngramFittingTests {
    let folder: String

    init() throws { folder = try makeSealableFolder() }

    deinit { TinyCore.remove(folder) }

    private func auditor(_ probes: [Probe]) throws -> ProbeAuditor {
        var draft = ConstitutionDraft()
        draft.probes = probes
        try seal(folder, draft)
        return ProbeAuditor(cortex: try Cortex(folder: folder))
    }

    private func ask(_ auditor: ProbeAuditor, _ engram: Engram) -> [ProbeReading] {
        let task = auditor.startAudit(of: engram)
        task.run()
        return task.result
    }

    private func fit(_ auditor: ProbeAuditor, _ engram: Engram) throws -> (ProbeFit, Engram) {
        var fitting = ProbeFitting(ask(auditor, engram))
        while let fit = fitting.next {
            fitting.take(ask(auditor, auditor.applying(fit, to: engram)))
        }
        let found = try #require(fitting.found)
        return (found, auditor.applying(found, to: engram))
    }

    private func taught(_ cortex: Cortex) throws -> Engram {
        var engram = cortex.emptyEngram()
        for _ in 0..<3 { _ = try cortex.observe(lesson, into: &engram) }
        return engram.consolidated(within: cortex.zone)
    }

    @Test(
        "is made to pass, keeps most of what it gained, and comes out the same each time",
        arguments: [
            Probe(
                name: "forbidden", prompt: "The heron on the", forbidden: " northern", margin: 0.5),
            Probe(name: "required", prompt: "Ottoline eats", required: " swims", margin: 0.5),
            Probe(
                name: "both", prompt: "The heron on the northern", required: " swims",
                forbidden: " pier", margin: -900),
        ])
    func passes(probe: Probe) throws {
        var probe = probe
        if probe.required != nil, probe.forbidden != nil {
            // A nat below what the random core happens to have.
            let loose = try auditor([probe])
            probe.margin = ask(loose, loose.cortex.emptyEngram())[0].measured - 1
        }
        let auditor = try auditor([probe])
        let cortex = auditor.cortex
        let engram = try taught(cortex)
        #expect(!ask(auditor, engram)[0].passes)
        let (change, fitted) = try fit(auditor, engram)
        #expect(change.probes == [probe.name] && change.scale < 1)
        let reading = ask(auditor, fitted)[0]
        #expect(reading.passes)
        // As a checkpoint's file gives it back, too.
        let file = try fitted.serialized(as: .checkpoint)
        let read = try cortex.admit(Engram(serialized: file, name: "it"))
        #expect(read == fitted && ask(auditor, read)[0] == reading)
        #expect(try fit(auditor, engram).1.serialized(as: .checkpoint) == file)
        // What it learned is still there.
        func gain(_ engram: Engram) -> Double {
            let bits = cortex.score(lesson, with: engram).bits
            return 1 - bits.adapted / bits.frozen
        }
        #expect(gain(fitted) > 0.5 * gain(engram), "\(change)")
    }

    @Test("with nothing left of it is the frozen core")
    func nothing() throws {
        let auditor = try auditor([
            Probe(
                name: "forbidden", prompt: "The heron on the", forbidden: " northern", margin: 0.5)
        ])
        let silent = auditor.applying(
            ProbeFit(scope: .everything, scale: 0, probes: ["forbidden"]),
            to: try taught(auditor.cortex))
        #expect(
            ask(auditor, silent)[0].measured
                == ask(auditor, auditor.cortex.emptyEngram())[0].measured)
    }
}
