import Kernels
import Testing

@Suite("Cholesky factors") struct CholeskyTests {
    @Test("Both substitutions together solve a system", arguments: [1, 2, 17, 60])
    func solves(n: Int) throws {
        var generator = SeededGenerator(seed: 5)
        let root = (0..<n * n).map { _ in Double(generator.normal()) }
        var matrix = [Double](repeating: 0, count: n * n)
        for i in 0..<n {
            for j in 0..<n {
                let dot = (0..<n).reduce(0.0) { $0 + root[i * n + $1] * root[j * n + $1] }
                matrix[i * n + j] = dot + (i == j ? Double(n) : 0)
            }
        }
        let expected = (0..<n * 3).map { _ in generator.normal() }
        var values = (0..<n).flatMap { row in
            (0..<3).map { column in
                Float(
                    (0..<n).reduce(0.0) {
                        $0 + matrix[row * n + $1] * Double(expected[$1 * 3 + column])
                    })
            }
        }
        let factor = try #require(CholeskyFactor(matrix, size: n))
        factor.solveLower(&values, columns: 3)
        factor.solveUpper(&values, columns: 3)
        #expect(zip(values, expected).allSatisfy { abs($0 - $1) < 1e-3 })
    }

    @Test("What is not positive definite has none")
    func refuses() {
        #expect(CholeskyFactor([1, 2, 2, 1], size: 2) == nil)
        #expect(CholeskyFactor([0], size: 1) == nil)
        #expect(CholeskyFactor([.nan], size: 1) == nil)
    }
}
