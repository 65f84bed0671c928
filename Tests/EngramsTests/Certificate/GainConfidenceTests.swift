import Foundation
import Testing

@testable import Engrams

/// 400 runs of 4,000 tokens, of which 5 % may break the bound. No slack for chance is needed: the
/// rates are 0 to 2 % (Ville's inequality is not tight), and with fixed seeds a test that passes
/// keeps passing. At a true rate of 5 %, 21 or more would come up in 43 of 100 such tests.
private let runs = 400
private let tokens = 4000
private let allowed = 20

@Suite("The certified gain")
struct GainConfidenceTests {
    private static let streams: [any GainStream.Type] = [
        HeavyTailed.self, Drifting.self, LuckyStreak.self, FairCoin.self, Recovering.self,
    ]

    @Test(
        "is above the mean expected gain in at most 5 % of streams, at whatever token one stops",
        arguments: streams.indices)
    func coverage(index: Int) {
        let violations = (0..<runs).count { run in
            var stream = Self.streams[index].init(seed: UInt64(run))
            var bound = GainConfidence(lossBound: lossBound)
            var total = 0.0
            return (0..<tokens).contains { _ in
                let (gain, mean) = stream.next()
                bound.add(gain)
                total += mean
                return bound.excludes(total: total)
            }
        }
        #expect(violations <= allowed, "\(violations) of \(runs)")
    }

    @Test("is not just far too low: a bound for one fixed token count fails on the same streams")
    func streamsAreHard() {
        for type in [FairCoin.self, LuckyStreak.self] as [any GainStream.Type] {
            let violations = (0..<runs).count { run in
                var stream = type.init(seed: UInt64(run))
                var (sum, squares, total) = (0.0, 0.0, 0.0)
                return (1...tokens).contains { token in
                    let (gain, mean) = stream.next()
                    (sum, squares, total) = (sum + gain, squares + gain * gain, total + mean)
                    let average = sum / Double(token)
                    let variance = squares / Double(token) - average * average
                    let bound = average - 1.645 * (variance / Double(token)).squareRoot()
                    return token >= 30 && bound > total / Double(token)
                }
            }
            #expect(violations > 4 * allowed, "\(violations) of \(runs)")
        }
    }

    @Test("is what the excluded sums say, and never above the measured mean", arguments: 0..<3)
    func boundIsTheEdge(index: Int) {
        var stream = Self.streams[index].init(seed: 3)
        var bound = GainConfidence(lossBound: lossBound)
        var sum = 0.0
        for token in 1...tokens {
            let gain = stream.next().gain
            bound.add(gain)
            sum += gain
            guard token.isMultiple(of: 97) else { continue }
            let lower = bound.lowerBound
            #expect(lower < sum / Double(token))
            #expect(lower > -lossBound)
            let total = lower * Double(token)
            #expect(bound.excludes(total: total - 1e-6 * Double(token)))
            #expect(!bound.excludes(total: total + 1e-6 * Double(token)))
        }
    }

    @Test("is at least the empirical-Bernstein bound over the same grid", arguments: 0..<3)
    func atLeastBernstein(index: Int) {
        var stream = Self.streams[index].init(seed: 11)
        var bound = GainConfidence(lossBound: lossBound)
        let unit = lossBound + 1
        let rates = (0..<10).map { 0.9 * exp2(-Double($0)) }
        // λ·Σ(X − m) + (ln(1−λ) + λ)·Σ(X − m)² and λ·Σm, in units of a + 1.
        var (sum, spread, predicted) = (0.0, 0.0, 0.0)
        for token in 1...tokens {
            let prediction = max(-lossBound, min(1, sum / Double(token)))
            let gain = stream.next().gain
            bound.add(gain)
            let clipped = min(32, gain)
            spread += (clipped - prediction) * (clipped - prediction) / (unit * unit)
            sum += clipped
            predicted += prediction
            let terms = rates.map { $0 * sum / unit + (log1p(-$0) + $0) * spread }
            // Where the reference rules a sum out, so does ours.
            let edge = zip(rates, terms).map { rate, term in
                (term + log(0.05 / 10)) / (rate / unit)
            }.max()!
            #expect(bound.excludes(total: edge))
        }
    }

    @Test("ignores what is not a number for the better, and survives infinities")
    func notFinite() {
        var bound = GainConfidence(lossBound: lossBound)
        var worst = GainConfidence(lossBound: lossBound)
        for gain in [1.0, .nan, 2, -.infinity, 0.5] {
            bound.add(gain)
            worst.add(gain.isFinite ? gain : -lossBound)
        }
        #expect(bound == worst)
        bound.add(.infinity)
        #expect(bound.lowerBound.isFinite)
    }

    @Test("before the first token is the floor")
    func empty() { #expect(GainConfidence(lossBound: 2).lowerBound == -2) }
}
