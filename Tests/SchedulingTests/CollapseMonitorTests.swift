import OuterCortex
import Testing

@testable import Scheduling

extension GenerationVitals {
    /// An answer with nothing the matter with it.
    static func healthy(tokens: Int = 64) -> GenerationVitals {
        GenerationVitals(
            tokens: tokens, repetition: 0.05, hiddenSimilarity: 0.2, entropy: 2.8,
            frozenEntropy: 3, logProbabilityDrift: 0.1, divergence: 0.1, maximumDivergence: 2,
            effectiveRank: 8, rankSamples: 16)
    }
}

@Suite("A collapse monitor")
struct CollapseMonitorTests {
    @Test("fires for what has left its range, by name, and for nothing else")
    func names() {
        let sick: [(CollapseMonitor.Monitor, (inout GenerationVitals) -> Void)] = [
            (.repetition, { $0.repetition = 0.9 }),
            (.hiddenSimilarity, { $0.hiddenSimilarity = 0.95 }),
            (.entropyDrift, { $0.entropy = 0.5 }),
            (.entropyDrift, { $0.entropy = 5.5 }),
            (.logProbabilityDrift, { $0.logProbabilityDrift = 3 }),
            (.divergence, { $0.divergence = 3 }),
            (.distributionRank, { $0.effectiveRank = 1.5 }),
        ]
        #expect(Set(sick.map(\.0)).count == CollapseMonitor.Monitor.allCases.count)
        var healthy = CollapseMonitor()
        healthy.add(.healthy())
        #expect(healthy.firing.isEmpty)
        for (name, change) in sick {
            var vitals = GenerationVitals.healthy()
            change(&vitals)
            var monitor = CollapseMonitor()
            monitor.add(vitals)
            #expect(monitor.firing == [name])
        }
    }

    @Test("says nothing before 32 tokens, and nothing of figures that it was never given")
    func evidence() {
        var vitals = GenerationVitals.healthy(tokens: 31)
        vitals.repetition = 1
        vitals.effectiveRank = nil
        var monitor = CollapseMonitor()
        #expect(monitor.readings.allSatisfy { $0.value == nil && !$0.isFiring })
        monitor.add(vitals)
        #expect(monitor.firing.isEmpty)
        vitals.tokens = 1
        monitor.add(vitals)
        #expect(monitor.firing == [.repetition])
        let rank = monitor.readings.first { $0.monitor == .distributionRank }
        #expect(rank?.value == nil)
        vitals.repetition = .nan
        monitor.add(vitals)
        #expect(monitor.firing == [.repetition])
    }

    @Test("needs one long looping answer to fire after a long healthy time, and few to recover")
    func fades() {
        var monitor = CollapseMonitor()
        for _ in 0..<200 { monitor.add(.healthy()) }
        var loop = GenerationVitals.healthy(tokens: 128)
        loop.repetition = 1
        monitor.add(loop)
        #expect(monitor.firing == [.repetition])
        monitor.add(.healthy(tokens: 128))
        #expect(monitor.firing.isEmpty)
    }

    @Test("weighs by tokens, however they are cut into answers")
    func weights() {
        var (whole, cut) = (FadingMean(), FadingMean())
        whole.add(1, tokens: 96, horizon: 128)
        whole.add(3, tokens: 64, horizon: 128)
        for _ in 0..<3 { cut.add(1, tokens: 32, horizon: 128) }
        for _ in 0..<64 { cut.add(3, tokens: 1, horizon: 128) }
        #expect(abs(whole.value! - cut.value!) < 1e-12)
        #expect(whole.value! > 1.8 && whole.value! < 3)
    }
}
