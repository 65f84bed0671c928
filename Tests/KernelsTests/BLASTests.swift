import Foundation
import Kernels
import Testing

@Suite struct BLASTests {
    @Test(
        "Products are right in all four orientations, strided and accumulating",
        arguments: [(1, 1, 1), (3, 5, 4), (64, 33, 70), (7, 130, 65)])
    func products(m: Int, k: Int, n: Int) {
        var generator = SeededGenerator(seed: 1)
        for transposeA in [false, true] {
            for transposeB in [false, true] {
                let (strideA, strideB, strideC) = (
                    (transposeA ? m : k) + 2, (transposeB ? k : n) + 1, n + 3
                )
                let a = (0..<(transposeA ? k : m) * strideA).map { _ in generator.normal() }
                let b = (0..<(transposeB ? n : k) * strideB).map { _ in generator.normal() }
                let start = (0..<m * strideC).map { _ in generator.normal() }
                var c = start
                var span = c.mutableSpan
                BLAS.multiply(
                    a: a.span, b: b.span, m: m, k: k, n: n, transposeA: transposeA,
                    transposeB: transposeB, alpha: 2, beta: 0.5, leadingA: strideA,
                    leadingB: strideB, leadingC: strideC, into: &span)
                var expected = start
                for i in 0..<m {
                    for j in 0..<n {
                        var sum = 0.0
                        for l in 0..<k {
                            let x = transposeA ? a[l * strideA + i] : a[i * strideA + l]
                            let y = transposeB ? b[j * strideB + l] : b[l * strideB + j]
                            sum += Double(x) * Double(y)
                        }
                        expected[i * strideC + j] = Float(
                            2 * sum + 0.5 * Double(start[i * strideC + j]))
                    }
                }
                #expect(agree(c, expected, 1e-6, scale: Float(k)))
            }
        }
    }

    @Test("beta 0 overwrites NaN, and the same product gives the same bytes")
    func overwrites() {
        var generator = SeededGenerator(seed: 2)
        let a = (0..<64 * 100).map { _ in generator.normal() }
        let b = (0..<100 * 48).map { _ in generator.normal() }
        var first = [Float](repeating: .nan, count: 64 * 48)
        var second = [Float](repeating: .infinity, count: 64 * 48)
        var spanA = first.mutableSpan
        BLAS.multiply(a: a.span, b: b.span, m: 64, k: 100, n: 48, into: &spanA)
        var spanB = second.mutableSpan
        BLAS.multiply(a: a.span, b: b.span, m: 64, k: 100, n: 48, into: &spanB)
        #expect(first.allSatisfy { $0.isFinite })
        #expect(first.map(\.bitPattern) == second.map(\.bitPattern))
    }

    @Test(
        "OpenBLAS runs the kernels of our class",
        .enabled(
            if: ProcessInfo.processInfo.environment["OPENBLAS_CORETYPE"] == nil,
            "the user's own choice wins"))
    func core() {
        switch KernelClass.current {
        case "avx512": #expect(BLAS.coreName.lowercased() == "skylakex")
        case "avx2": #expect(BLAS.coreName.lowercased() == "haswell")
        default: #expect(!BLAS.coreName.isEmpty)
        }
    }
}
