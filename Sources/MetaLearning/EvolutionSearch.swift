import Foundation
import Kernels

/// CMA-ES: samples a population from a Gaussian, whose mean, size and covariance follow the better
/// ones (Hansen 2016, The CMA Evolution Strategy: A Tutorial, arXiv 1604.00772, with its default
/// numbers and negative weights).
///
/// Coefficients are searched as shares y of their ranges (of the logarithms where steps multiply);
/// a y outside 0...1 is folded back at the bound. So no sample is wasted and inside the bounds
/// nothing is bent: a cosine in place of the fold, which has no kink, took twice the evaluations on
/// an ellipsoid.
public struct EvolutionSearch: CoefficientSearch, Equatable {
    public let coordinates: [SearchCoordinate]
    public let seed: UInt64
    /// λ: points an `ask`.
    public let populationSize: Int
    public private(set) var evaluations = 0
    public private(set) var best: SearchBest?
    /// Generations told.
    public private(set) var generation = 0

    /// m [n], σ, C [n, n], p_σ [n], p_c [n] of the paper.
    private var mean: [Double]
    private var sigma: Double
    private var covariance: [Double]
    private var sigmaPath: [Double]
    private var covariancePath: [Double]

    public static let dimensionLimit = 40

    private var dimension: Int { coordinates.count }

    /// - Parameters:
    ///   - coordinates: at most `dimensionLimit`.
    ///   - start: one value a coordinate: the first mean.
    ///   - deviation: the first standard deviation as a share of each range, in 0..<1.
    ///   - populationSize: nil for 4 + ⌊3 ln n⌋.
    public init(
        _ coordinates: [SearchCoordinate], start: [Double], deviation: Double = 0.15,
        populationSize: Int? = nil, seed: UInt64
    ) {
        let n = coordinates.count
        precondition(
            (1...Self.dimensionLimit).contains(n) && start.count == n && deviation > 0
                && deviation < 1 && (populationSize ?? 4) >= 4, "an impossible search")
        self.coordinates = coordinates
        self.seed = seed
        self.populationSize = populationSize ?? 4 + Int(3 * log(Double(n)))
        mean = zip(coordinates, start).map { $0.unit(of: $1) }
        sigma = deviation
        covariance = [Double](repeating: 0, count: n * n)
        for i in 0..<n { covariance[i * n + i] = 1 }
        sigmaPath = [Double](repeating: 0, count: n)
        covariancePath = sigmaPath
    }

    /// When the Gaussian's widest direction is under 1e-4 of the ranges.
    public var hasConverged: Bool {
        let widest = (0..<dimension).map { covariance[$0 * dimension + $0] }.max() ?? 0
        return sigma * widest.squareRoot() < 1e-4
    }

    public mutating func ask() -> [[Double]] {
        let shape = SearchShape(covariance, size: dimension)
        return samples(shape).map { coefficients(of: $0.y) }
    }

    public mutating func tell(_ values: [Double]) {
        precondition(values.count == populationSize, "tell: not a value for each point")
        // Sampled again and not kept: the state is then the same whenever it is saved.
        let shape = SearchShape(covariance, size: dimension)
        let population = samples(shape)
        for (sample, value) in zip(population, values) {
            best = better(best, coefficients(of: sample.y), value)
        }
        evaluations += values.count
        let ranked = values.indices.sorted { a, b in
            let (x, y) = (
                values[a].isNaN ? -.infinity : values[a], values[b].isNaN ? -.infinity : values[b]
            )
            return x == y ? a < b : x > y
        }
        adapt(to: ranked.map { population[$0] }, shape)
        generation += 1
    }

    /// A point: y = m + σ·d with d = B·D·z.
    private struct Sample {
        let z: [Double]
        let d: [Double]
        let y: [Double]
    }

    /// The generation's population, drawn from the seed and the generation's number.
    private func samples(_ shape: SearchShape) -> [Sample] {
        var generator = SeededGenerator(
            seed: seed &+ UInt64(generation + 1) &* 0x9E37_79B9_7F4A_7C15)
        return (0..<populationSize).map { _ in
            let z = (0..<dimension).map { _ in Double(generator.normal()) }
            let d = shape.stretched(z)
            return Sample(z: z, d: d, y: zip(mean, d).map { $0 + sigma * $1 })
        }
    }

    private func coefficients(of y: [Double]) -> [Double] {
        zip(coordinates, y).map { coordinate, y in
            let folded = y.magnitude.truncatingRemainder(dividingBy: 2)
            return coordinate.value(at: folded > 1 ? 2 - folded : folded)
        }
    }

    /// The tutorial's figure 6, with its names.
    private mutating func adapt(to ranked: [Sample], _ shape: SearchShape) {
        let n = Double(dimension)
        let rates = EvolutionRates(dimension: dimension, populationSize: populationSize)
        var step = [Double](repeating: 0, count: dimension)
        for (sample, weight) in zip(ranked, rates.weights) where weight > 0 {
            for i in step.indices { step[i] += weight * sample.d[i] }
        }
        for i in mean.indices { mean[i] += sigma * step[i] }

        let whitened = shape.whitened(step)
        let sigmaGain = (rates.cSigma * (2 - rates.cSigma) * rates.muEff).squareRoot()
        for i in sigmaPath.indices {
            sigmaPath[i] = (1 - rates.cSigma) * sigmaPath[i] + sigmaGain * whitened[i]
        }
        let length = sigmaPath.reduce(0) { $0 + $1 * $1 }.squareRoot()
        let expected = n.squareRoot() * (1 - 1 / (4 * n) + 1 / (21 * n * n))
        let settled = (1 - pow(1 - rates.cSigma, 2 * Double(generation + 1))).squareRoot()
        let isSlow = length / settled < (1.4 + 2 / (n + 1)) * expected
        let pathGain = isSlow ? (rates.cC * (2 - rates.cC) * rates.muEff).squareRoot() : 0
        for i in covariancePath.indices {
            covariancePath[i] = (1 - rates.cC) * covariancePath[i] + pathGain * step[i]
        }
        updateCovariance(ranked, rates, lost: isSlow ? 0 : rates.cC * (2 - rates.cC))
        sigma *= exp(rates.cSigma / rates.dSigma * (length / expected - 1))
        // Wider than the ranges a sample is only folded more often; and the state must stay codable.
        sigma = min(2, max(1e-12, sigma))
    }

    private mutating func updateCovariance(
        _ ranked: [Sample], _ rates: EvolutionRates, lost: Double
    ) {
        let n = dimension
        let sum = rates.weights.reduce(0, +)
        let kept = 1 + rates.c1 * lost - rates.c1 - rates.cMu * sum
        // A negative weight is scaled by the sample's length, so that C stays positive definite:
        // ‖C^-½ d‖ is ‖z‖.
        let weights = zip(ranked, rates.weights).map { sample, weight in
            weight >= 0
                ? weight
                : weight * Double(n) / max(1e-12, sample.z.reduce(0) { $0 + $1 * $1 })
        }
        for i in 0..<n {
            for j in 0...i {
                var value = kept * covariance[i * n + j]
                value += rates.c1 * covariancePath[i] * covariancePath[j]
                for (sample, weight) in zip(ranked, weights) {
                    value += rates.cMu * weight * sample.d[i] * sample.d[j]
                }
                covariance[i * n + j] = value
                covariance[j * n + i] = value
            }
        }
    }
}

/// C = B·D²·Bᵀ, for drawing from it and for measuring in it.
private struct SearchShape {
    let size: Int
    let basis: [Double]
    let deviations: [Double]

    init(_ covariance: [Double], size: Int) {
        self.size = size
        let eigen = SymmetricEigen(covariance, size: size)
        basis = eigen.vectors
        // Rounding may leave a direction at or under 0.
        let floor = 1e-14 * (eigen.values.max() ?? 1)
        deviations = eigen.values.map { max($0, floor).squareRoot() }
    }

    /// B·D·z.
    func stretched(_ z: [Double]) -> [Double] {
        (0..<size).map { i in
            (0..<size).reduce(0) { $0 + basis[i * size + $1] * deviations[$1] * z[$1] }
        }
    }

    /// C^-½·d = B·D⁻¹·Bᵀ·d.
    func whitened(_ d: [Double]) -> [Double] {
        let inner = (0..<size).map { j in
            (0..<size).reduce(0) { $0 + basis[$1 * size + j] * d[$1] } / deviations[j]
        }
        return (0..<size).map { i in
            (0..<size).reduce(0) { $0 + basis[i * size + $1] * inner[$1] }
        }
    }
}

/// The default strategy parameters of the tutorial's table 1.
private struct EvolutionRates {
    /// w_i, best first; those of the worse half are negative.
    let weights: [Double]
    let muEff: Double
    let cSigma: Double
    let dSigma: Double
    let cC: Double
    let c1: Double
    let cMu: Double

    init(dimension: Int, populationSize: Int) {
        let n = Double(dimension)
        let raw = (1...populationSize).map {
            log((Double(populationSize) + 1) / 2) - log(Double($0))
        }
        let (good, bad) = (raw[..<(populationSize / 2)], raw[(populationSize / 2)...])
        func effective(_ weights: ArraySlice<Double>) -> Double {
            let sum = weights.reduce(0, +)
            return sum * sum / weights.reduce(0) { $0 + $1 * $1 }
        }
        muEff = effective(good)
        cSigma = (muEff + 2) / (n + muEff + 5)
        dSigma = 1 + 2 * max(0, ((muEff - 1) / (n + 1)).squareRoot() - 1) + cSigma
        cC = (4 + muEff / n) / (n + 4 + 2 * muEff / n)
        c1 = 2 / ((n + 1.3) * (n + 1.3) + muEff)
        cMu = min(
            1 - c1, 2 * (0.25 + muEff + 1 / muEff - 2) / ((n + 2) * (n + 2) + muEff))
        let muEffBad = effective(bad)
        let limit = min(
            1 + c1 / cMu, 1 + 2 * muEffBad / (muEff + 2), (1 - c1 - cMu) / (n * cMu))
        let sum = good.reduce(0, +)
        // The middle one of an odd population weighs 0 and belongs to neither.
        let sumBad = bad.reduce(0) { $0 - min(0, $1) }
        weights = raw.map { $0 >= 0 ? $0 / sum : $0 * max(0, limit) / sumBad }
    }
}
