import Foundation
import Kernels
import Testing

@testable import MetaLearning

/// Functions to maximise; each is 0 at its best.
private enum Landscape {
    static func sphere(_ x: [Double]) -> Double {
        -x.enumerated().reduce(0) { sum, item in
            let distance = item.element - optimum(item.offset)
            return sum + distance * distance
        }
    }

    static func optimum(_ index: Int) -> Double { Double(index % 5) - 1.7 }

    /// Axes of length 1 to 1000, turned by a random rotation.
    static func ellipsoid(_ dimension: Int) -> ([Double]) -> Double {
        var generator = SeededGenerator(seed: 8)
        var axes: [[Double]] = []
        for _ in 0..<dimension {
            var axis = (0..<dimension).map { _ in Double(generator.normal()) }
            for other in axes {
                let overlap = zip(axis, other).reduce(0) { $0 + $1.0 * $1.1 }
                axis = zip(axis, other).map { $0 - overlap * $1 }
            }
            let length = axis.reduce(0) { $0 + $1 * $1 }.squareRoot()
            axes.append(axis.map { $0 / length })
        }
        return { [axes] x in
            axes.enumerated().reduce(0) { sum, item in
                let along = zip(item.element, x).enumerated().reduce(0.0) {
                    $0 + $1.element.0 * ($1.element.1 - optimum($1.offset))
                }
                return sum - pow(1e6, Double(item.offset) / Double(dimension - 1)) * along * along
            }
        }
    }

    static func rosenbrock(_ x: [Double]) -> Double {
        -zip(x, x.dropFirst()).reduce(0) { sum, pair in
            let (valley, along) = (pair.1 - pair.0 * pair.0, 1 - pair.0)
            return sum + 100 * valley * valley + along * along
        }
    }
}

private func coordinates(_ count: Int) -> [SearchCoordinate] {
    [SearchCoordinate](repeating: SearchCoordinate(-5...5), count: count)
}

/// Runs a search for at most so many evaluations, or until the best is that good.
private func run<Search: CoefficientSearch>(
    _ search: inout Search, evaluations: Int, until good: Double = .infinity,
    _ function: ([Double]) -> Double
) {
    while search.evaluations < evaluations, (search.best?.value ?? -.infinity) < good {
        let points = search.ask()
        #expect(points.joined().allSatisfy { (-5...5).contains($0) })
        search.tell(points.map(function))
    }
}

@Suite("Searching coefficients")
struct CoefficientSearchTests {
    @Test("CMA-ES finds a shifted sphere's optimum within 1,500 evaluations")
    func evolutionOnSphere() throws {
        var search = EvolutionSearch(
            coordinates(6), start: [Double](repeating: 4, count: 6), seed: 1)
        run(&search, evaluations: 1500, Landscape.sphere)
        let best = try #require(search.best)
        for (index, x) in best.coefficients.enumerated() {
            #expect(abs(x - Landscape.optimum(index)) < 1e-4)
        }
        #expect(best.value == Landscape.sphere(best.coefficients))
        #expect(search.hasConverged)
    }

    @Test(
        "CMA-ES learns the axes of a turned ellipsoid, condition 1e6, within 5,500 evaluations",
        arguments: [UInt64(1), 2, 3])
    func evolutionOnEllipsoid(seed: UInt64) throws {
        let start = [Double](repeating: 0, count: 10)
        var search = EvolutionSearch(coordinates(10), start: start, seed: seed)
        run(&search, evaluations: 5500, until: -1e-8, Landscape.ellipsoid(10))
        #expect(try #require(search.best).value >= -1e-8)
    }

    @Test("CMA-ES follows Rosenbrock's valley in 10 dimensions within 10,000 evaluations")
    func evolutionOnRosenbrock() throws {
        let start = [Double](repeating: 0, count: 10)
        var search = EvolutionSearch(coordinates(10), start: start, deviation: 0.05, seed: 4)
        run(&search, evaluations: 10_000, until: -1e-8, Landscape.rosenbrock)
        #expect(try #require(search.best).value >= -1e-8)
    }

    @Test("coordinate search finds a shifted sphere's optimum within 400 evaluations")
    func coordinatesOnSphere() throws {
        var search = CoordinateSearch(
            coordinates(6), start: [Double](repeating: 4, count: 6), smallestStep: 1e-4)
        while !search.hasConverged {
            run(&search, evaluations: search.evaluations + 1, Landscape.sphere)
        }
        #expect(search.evaluations <= 400)
        let best = try #require(search.best)
        for (index, x) in best.coefficients.enumerated() {
            #expect(abs(x - Landscape.optimum(index)) < 1e-2)
        }
    }

    /// Best at 10 and −10, beyond the bounds, and at 3e-4 where steps multiply.
    private func beyond(_ x: [Double]) -> Double {
        -abs(x[0] - 10) - abs(x[1] + 10) - abs(log(x[2] / 3e-4))
    }
    private let mixed = [
        SearchCoordinate(-5...5), SearchCoordinate(-5...5),
        SearchCoordinate(1e-6...1, .logarithmic),
    ]

    @Test("an optimum beyond a bound is found at the bound, and a rate across its decades")
    func bounds() throws {
        var evolution = EvolutionSearch(mixed, start: [0, 0, 0.1], seed: 5)
        run(&evolution, evaluations: 1200, beyond)
        var coordinate = CoordinateSearch(mixed, start: [0, 0, 0.1], smallestStep: 1e-3)
        run(&coordinate, evaluations: 150, beyond)
        for best in [try #require(evolution.best), try #require(coordinate.best)] {
            #expect(best.coefficients[0] > 4.99 && best.coefficients[1] < -4.99)
            #expect(abs(log(best.coefficients[2] / 3e-4)) < 0.02)
        }
    }

    @Test("the first point of a coordinate search is the start, then one coordinate moves")
    func firstSteps() throws {
        var search = CoordinateSearch(coordinates(2), start: [5, 1], step: 0.2)
        #expect(search.ask() == [[5, 1]])
        search.tell([0])
        // At the bound there is only the way down.
        #expect(search.ask() == [[3, 1]])
        search.tell([-1])
        let second = search.ask()
        try #require(second.count == 2)
        #expect(second.allSatisfy { $0[0] == 5 })
        #expect(abs(second[0][1] - 3) < 1e-12 && abs(second[1][1] + 1) < 1e-12)
        search.tell([1, 2])
        // Halved for the first; and from the better of the two.
        let third = search.ask()
        try #require(third.count == 1)
        #expect(third[0][0] == 4 && abs(third[0][1] + 1) < 1e-12)
        #expect(search.best?.value == 2)
    }

    @Test("a search taken up from its coded state goes on as without a break, byte for byte")
    func resumes() throws {
        func check<Search: CoefficientSearch & Equatable>(_ start: Search) throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = .sortedKeys
            var whole = start
            var broken = start
            for round in 0..<40 {
                whole.tell(whole.ask().map(Landscape.rosenbrock))
                let points = broken.ask()
                // Also between asking and telling.
                if round % 3 == 1 {
                    broken = try JSONDecoder().decode(Search.self, from: encoder.encode(broken))
                }
                #expect(broken.ask() == points)
                broken.tell(points.map(Landscape.rosenbrock))
                if round % 3 == 2 {
                    broken = try JSONDecoder().decode(Search.self, from: encoder.encode(broken))
                }
            }
            #expect(whole == broken)
            #expect(try encoder.encode(whole) == encoder.encode(broken))
            #expect(whole.evaluations > 40)
        }
        let start = [Double](repeating: 0.3, count: 7)
        try check(EvolutionSearch(coordinates(7), start: start, seed: 6))
        try check(CoordinateSearch(coordinates(7), start: start))
    }

    @Test("another seed draws another population, and the same the same")
    func seeds() {
        func points(_ seed: UInt64) -> [[Double]] {
            var search = EvolutionSearch(coordinates(3), start: [0, 0, 0], seed: seed)
            return search.ask()
        }
        #expect(points(1) == points(1) && points(1) != points(2))
        #expect(points(1).count == 7)
    }

    @Test("values that are not numbers count as the least and do no harm")
    func notNumbers() throws {
        func holed(_ x: [Double]) -> Double { x[0] > 0 ? .nan : Landscape.sphere(x) }
        var evolution = EvolutionSearch(coordinates(2), start: [1, 0], seed: 2)
        run(&evolution, evaluations: 600, holed)
        var coordinate = CoordinateSearch(coordinates(2), start: [1, 0], smallestStep: 1e-4)
        run(&coordinate, evaluations: 100, holed)
        for best in [try #require(evolution.best), try #require(coordinate.best)] {
            #expect(best.value > -1e-3)
        }
    }

    @Test("eigenvectors rebuild the matrix and are orthonormal", arguments: [1, 2, 5, 40])
    func eigen(size: Int) {
        var generator = SeededGenerator(seed: 3)
        var matrix = [Double](repeating: 0, count: size * size)
        for i in 0..<size {
            for j in 0...i {
                matrix[i * size + j] = Double(generator.normal())
                matrix[j * size + i] = matrix[i * size + j]
            }
        }
        let eigen = SymmetricEigen(matrix, size: size)
        let v = eigen.vectors
        for i in 0..<size {
            for j in 0..<size {
                let columns = 0..<size
                let rebuilt = columns.reduce(0) {
                    $0 + v[i * size + $1] * eigen.values[$1] * v[j * size + $1]
                }
                let overlap = columns.reduce(0) { $0 + v[$1 * size + i] * v[$1 * size + j] }
                #expect(abs(rebuilt - matrix[i * size + j]) < 1e-10)
                #expect(abs(overlap - (i == j ? 1 : 0)) < 1e-12)
            }
        }
    }
}
