import Foundation
import Kernels
import OuterCortex

@testable import MetaLearning

/// The neuromodulator's loss once more, in double precision, one token and one formula at a time:
/// what the fast passes are compared with.
struct NeuromodulatorReference {
    let layout: NeuromodulatorLayout
    let mean: [Double]
    let inverse: [Double]

    init(_ modulator: Neuromodulator) {
        layout = NeuromodulatorLayout(of: modulator)
        mean = modulator.mean.map(Double.init)
        inverse = modulator.inverseDeviation.map(Double.init)
    }

    /// One logged token in double precision.
    struct Token {
        let isCandidate: Bool
        let remainders: Int
        let statistics: [Double]
        let logProbabilities: [Double]
        /// [K][candidates]
        let terms: [[Double]]
    }

    static func token(_ index: Int, of data: NeuromodulatorDataset) -> Token {
        let slots = data.offsets[index]..<data.offsets[index + 1]
        let first = data.statisticCount * index
        return Token(
            isCandidate: data.areCandidates[index], remainders: data.remainders[index],
            statistics: data.statistics[first..<first + data.statisticCount].map(Double.init),
            logProbabilities: data.logProbabilities[slots].map(Double.init),
            terms: (0..<data.siteCount).map { site in
                let start = slots.lowerBound * data.siteCount + site * slots.count
                return data.terms[start..<start + slots.count].map(Double.init)
            })
    }

    func loss(_ token: Token, _ w: [Double]) -> Double {
        let (f, h, k, r) = (layout.statistics, layout.hidden, layout.sites, layout.readout)
        let x = (0..<f).map { max(-4, min(4, (token.statistics[$0] - mean[$0]) * inverse[$0])) }
        let hidden = (0..<h).map { i in
            tanh(
                (0..<f).reduce(w[layout.hiddenBias.lowerBound + i]) {
                    $0 + w[layout.hiddenWeight.lowerBound + i * f + $1] * x[$1]
                })
        }
        let gains = (0..<k).map { i in
            let drive = (0..<h).reduce(w[layout.gainBias.lowerBound + i]) {
                $0 + w[layout.gainWeight.lowerBound + i * h + $1] * hidden[$1]
            }
            return min(3, log(1 + exp(drive)))
        }
        let logits = token.logProbabilities.indices.map { j -> Double in
            var z = token.logProbabilities[j]
            for i in 0..<k { z += gains[i] * token.terms[i][j] }
            guard j == 0 ? token.isCandidate : j > token.remainders else { return z }
            for u in 0..<r {
                var rest = w[layout.readoutBias.lowerBound + u]
                for i in 0..<h {
                    rest += w[layout.readoutContext.lowerBound + u * h + i] * hidden[i]
                }
                let row = layout.readoutWeight.lowerBound + u * (k + 1)
                rest += w[row + k] * max(token.logProbabilities[j], -12) / 4
                let whole = (0..<k).reduce(rest) {
                    $0 + w[row + $1] * gains[$1] * token.terms[$1][j]
                }
                z += w[layout.readoutOutput.lowerBound + u] * (tanh(whole) - tanh(rest))
            }
            return z
        }
        let peak = logits.max() ?? 0
        return peak + log(logits.reduce(0) { $0 + exp($1 - peak) }) - logits[0]
    }
}

/// Logged tokens made up from a seed.
enum MadeUpLog {
    static func dataset(
        count: Int, statistics: Int = 7, sites: Int = 3, slots: ClosedRange<Int> = 2...9,
        seed: UInt64
    ) -> NeuromodulatorDataset {
        var generator = SeededGenerator(seed: seed)
        var data = NeuromodulatorDataset(statisticCount: statistics, siteCount: sites)
        for index in 0..<count {
            let slots = Int.random(in: slots, using: &generator)
            data.append(
                kind: NeuromodulatorDataset.Kind.allCases[index % 4], isCandidate: index % 3 > 0,
                remainders: min(index % 4, slots - 1),
                statistics: (0..<statistics).map { _ in 2 * generator.normal() },
                logProbabilities: logDistribution(slots, &generator),
                terms: (0..<sites * slots).map { _ in generator.normal() })
        }
        return data
    }

    static func logDistribution(_ count: Int, _ generator: inout SeededGenerator) -> [Float] {
        let logits = (0..<count).map { _ in Double(4 * generator.normal()) }
        let total = log(logits.reduce(0) { $0 + exp($1) })
        return logits.map { Float($0 - total) }
    }

    /// Every parameter of size 1 or so, so that all of them matter; some gains reach the cap.
    static func modulator(
        statistics: Int = 7, sites: Int = 3, hidden: Int = 5, readout: Int = 4, seed: UInt64
    ) -> Neuromodulator {
        var generator = SeededGenerator(seed: seed)
        func normal(_ count: Int, _ scale: Float) -> [Float] {
            (0..<count).map { _ in scale * generator.normal() }
        }
        return Neuromodulator(
            mean: normal(statistics, 1), inverseDeviation: normal(statistics, 0.5).map(abs),
            hiddenWeight: normal(hidden * statistics, 0.5), hiddenBias: normal(hidden, 0.3),
            gainWeight: normal(sites * hidden, 1.2), gainBias: normal(sites, 1),
            readoutWeight: normal(readout * (sites + 1), 0.6), readoutBias: normal(readout, 0.3),
            readoutContext: normal(readout * hidden, 0.4), readoutOutput: normal(readout, 1))
    }
}
