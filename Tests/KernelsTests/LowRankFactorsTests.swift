import Kernels
import Testing

@Suite("Low-rank factors of a matrix") struct LowRankFactorsTests {
    private func random(_ count: Int, _ generator: inout SeededGenerator) -> [Float] {
        (0..<count).map { _ in generator.normal() }
    }

    private func product(_ a: [Float], _ b: [Float], _ m: Int, _ k: Int, _ n: Int) -> [Float] {
        var c = [Float](repeating: 0, count: m * n)
        var all = c.mutableSpan
        BLAS.multiply(a: a.span, b: b.span, m: m, k: k, n: n, into: &all)
        return c
    }

    private func norm(_ a: [Float]) -> Float { a.reduce(0) { $0 + $1 * $1 }.squareRoot() }

    @Test("A matrix of low rank comes back, in as many factors as it has", arguments: [1, 5, 16])
    func exact(rank: Int) {
        var generator = SeededGenerator(seed: 3)
        for (rows, columns) in [(40, 90), (90, 40), (16, 16), (200, 17)] {
            let (a, b) = (random(rows * rank, &generator), random(rank * columns, &generator))
            let matrix = product(a, b, rows, rank, columns)
            let found = LowRankFactors(matrix, rows: rows, columns: columns, rank: 16)
            #expect(found.rank == min(rank, columns, rows))
            let back = product(found.left, found.right, rows, found.rank, columns)
            #expect(norm(zip(back, matrix).map { $0 - $1 }) < 1e-5 * norm(matrix))
        }
    }

    @Test("Of a matrix of known singular values the strongest are kept")
    func truncates() {
        // Orthogonal rows and columns: a diagonal matrix of values 12, 11, … 1, permuted.
        let n = 12
        var matrix = [Float](repeating: 0, count: n * n)
        for index in 0..<n { matrix[index * n + (index * 5 + 3) % n] = Float(n - index) }
        let found = LowRankFactors(matrix, rows: n, columns: n, rank: 4)
        let back = product(found.left, found.right, n, found.rank, n)
        // What is lost are the values 8, 7, … 1.
        let expected = (1...8).reduce(Float(0)) { $0 + Float($1 * $1) }.squareRoot()
        #expect(found.rank == 4)
        #expect(abs(norm(zip(back, matrix).map { $0 - $1 }) - expected) < 1e-3)
    }

    @Test("Of a matrix that falls off slowly nearly the best is kept")
    func slowDecay() {
        var generator = SeededGenerator(seed: 8)
        let (rows, columns) = (120, 80)
        let matrix = random(rows * columns, &generator)
        let found = LowRankFactors(matrix, rows: rows, columns: columns, rank: 16)
        let back = product(found.left, found.right, rows, found.rank, columns)
        let lost = norm(zip(back, matrix).map { $0 - $1 })
        var gram = [Double](repeating: 0, count: columns * columns)
        for i in 0..<columns {
            for j in 0..<columns {
                gram[i * columns + j] = (0..<rows).reduce(0.0) {
                    $0 + Double(matrix[$1 * columns + i]) * Double(matrix[$1 * columns + j])
                }
            }
        }
        let best = SymmetricEigen(gram, size: columns).values.sorted().dropLast(16).reduce(0, +)
        #expect(lost < 1.005 * Float(best.squareRoot()))
    }

    @Test("Nothing has no factors, and the same matrix gives the same bytes")
    func edges() {
        let zero = LowRankFactors([0, 0, 0, 0, 0, 0], rows: 2, columns: 3, rank: 4)
        #expect(zero.rank == 0 && zero.left.isEmpty && zero.right.isEmpty)
        var generator = SeededGenerator(seed: 2)
        let matrix = random(30 * 20, &generator)
        let one = LowRankFactors(matrix, rows: 30, columns: 20, rank: 7)
        let two = LowRankFactors(matrix, rows: 30, columns: 20, rank: 7)
        #expect(one.left == two.left && one.right == two.right)
    }
}
