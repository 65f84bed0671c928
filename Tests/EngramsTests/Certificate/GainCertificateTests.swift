import Foundation
import Kernels
import Testing

@testable import Engrams

@Suite("A gain certificate")
struct GainCertificateTests {
    @Test(
        "forecasts a minimum that the next block falls under once in n + 1", arguments: [1, 4, 19])
    func forecastLevel(count: Int) {
        let trials = 2000
        let misses = (0..<trials).count { trial in
            var generator = SeededGenerator(seed: UInt64(trial))
            var forecast = GainForecast()
            // Exchangeable and not independent: each user has a level of their own.
            let level = Double(generator.normal())
            func block() -> Double {
                let gain = level + Double(generator.normal())
                for _ in 0..<GainForecast.blockLength { forecast.add(gain: gain, frozenLoss: 4) }
                return 25 * gain
            }
            for _ in 0..<count { _ = block() }
            #expect(forecast.blockCount == count)
            let (promised, confidence) = (forecast.nextBlockAtLeast!, forecast.confidence)
            #expect(confidence == 1 - 1 / Double(count + 1))
            return block() < promised - 1e-3
        }
        // The level is met exactly by a source without ties; 3.3 standard deviations either way.
        let expected = 1 / Double(count + 1)
        let slack = 3.3 * (expected * (1 - expected) / Double(trials)).squareRoot()
        #expect(abs(Double(misses) / Double(trials) - expected) < slack, "\(misses)")
    }

    @Test("forecasts nothing before a block is whole, and from the latest 64 only")
    func forecastBlocks() {
        var forecast = GainForecast()
        for _ in 0..<511 { forecast.add(gain: -1, frozenLoss: 2) }
        #expect(forecast.nextBlockAtLeast == nil)
        forecast.add(gain: -1, frozenLoss: 2)
        #expect(forecast.nextBlockAtLeast == -50)
        for _ in 0..<64 * 512 { forecast.add(gain: 1, frozenLoss: 2) }
        #expect(forecast.nextBlockAtLeast == 50)
        #expect(forecast.blockCount == 64)
        for _ in 0..<512 { forecast.add(gain: 0, frozenLoss: 0) }
        #expect(forecast.nextBlockAtLeast == 0)
    }

    @Test("reaches 90 % of the measured gain within 8,000 tokens, and a gain at all within 400")
    func power() {
        for run in 0..<40 {
            var generator = SeededGenerator(seed: UInt64(run))
            var certificate = GainCertificate(zone: SafeZone())
            for _ in 0..<400 { certificate.add(typicalGain(&generator)) }
            #expect(certificate.certifiedGain > 0)
            for _ in 400..<8000 { certificate.add(typicalGain(&generator)) }
            let share = certificate.certifiedGainPercent / certificate.measuredGainPercent
            #expect(share > 0.9 && share < 1, "\(share)")
        }
    }

    @Test("speaks of the frozen loss in percent, and of tokens in nats")
    func units() {
        var certificate = GainCertificate(zone: SafeZone())
        certificate.add(TokenGain(frozenLoss: 6, gain: 2))
        certificate.add(TokenGain(frozenLoss: 2, gain: 0))
        #expect(certificate.tokens == 2)
        #expect(certificate.measuredGain == 1)
        #expect(certificate.measuredGainPercent == 25)
        let ratio = certificate.certifiedGainPercent / certificate.certifiedGain
        #expect(abs(ratio - 25) < 1e-9)
    }

    @Test("before its first token has measured, certified and forecast nothing")
    func empty() {
        let certificate = GainCertificate(zone: SafeZone())
        #expect(certificate.measuredGainPercent == 0)
        #expect(certificate.certifiedGainPercent == 0)
        #expect(certificate.certifiedGain == -SafeZone().tokenLossBound)
        #expect(certificate.nextBlockGainPercent == nil)
        #expect(certificate.logEvidence == 0 && !certificate.helps)
    }

    @Test("is under 4 KB after any number of tokens, and goes on from its file as if nothing was")
    func encoding() throws {
        var generator = SeededGenerator(seed: 5)
        var certificate = GainCertificate(zone: SafeZone())
        for _ in 0..<70 * 512 + 17 { certificate.add(typicalGain(&generator)) }
        certificate.add(TokenGain(frozenLoss: .infinity, gain: .nan))
        let data = try JSONEncoder().encode(certificate)
        #expect(data.count < 4096, "\(data.count)")
        var copy = try JSONDecoder().decode(GainCertificate.self, from: data)
        #expect(copy == certificate)
        let next = typicalGain(&generator)
        copy.add(next)
        certificate.add(next)
        #expect(copy == certificate)
    }

    @Test("rests on the floor that the safe zone's mixture keeps")
    func floor() {
        var zone = SafeZone()
        zone.maximumTrust = 0.75
        #expect(abs(zone.tokenLossBound - log(4)) < 1e-12)
        zone.maximumTrust = 0
        #expect(zone.tokenLossBound == 0)
    }

    @Test("stands beside the engram's complexity, half the squared norm of its weights")
    func complexity() {
        let summary = EngramSummary(
            bytes: 0, biases: 1, biasNorm: 1, contexts: 1, sequenceNorm: 2, synapses: 1,
            featureNorm: 2)
        #expect(EngramComplexity(summary).nats == 4.5)
    }
}
