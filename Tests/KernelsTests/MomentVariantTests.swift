import CKernels
import Kernels
import Testing

/// Weighted moments and gathered byte products, every kernel class against exact sums.
@Suite struct MomentVariantTests {
    @Test("Weighted moments are what they are at every length", arguments: KernelTable.all)
    func moments(table: KernelTable) {
        var generator = SeededGenerator(seed: 12)
        for length in oddLengths {
            let a = (0..<length).map { _ in generator.normal() }
            let w = (0..<length).map { _ in generator.uniform() }
            let mean = zip(a, w).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
            let square = zip(a, w).reduce(0.0) { $0 + Double($1.0) * Double($1.0) * Double($1.1) }
            var (foundMean, foundSquare) = (Float(9), Float(9))
            table.kernels.weighted_moments(a, w, length, &foundMean, &foundSquare)
            #expect(agree(foundMean, Float(mean), 1e-5, scale: 1))
            #expect(agree(foundSquare, Float(square), 1e-5, scale: 1))
        }
    }

    @Test("Rows of bytes are multiplied where they are named", arguments: KernelTable.all)
    func gathered(table: KernelTable) {
        var generator = SeededGenerator(seed: 13)
        for columns in oddLengths where columns > 0 {
            let weight = (0..<9 * columns).map { _ in Int8(truncatingIfNeeded: generator.next()) }
            let x = (0..<columns).map { _ in generator.normal() }
            let rows: [Int32] = [8, 0, 3, 3]
            // One more element, to see writes past the end.
            var found = [Float](repeating: 77, count: 5)
            table.kernels.gather_dot_i8(weight, rows, x, &found, 4, columns)
            #expect(found[4] == 77)
            for (index, row) in rows.enumerated() {
                let exact = (0..<columns).reduce(0.0) {
                    $0 + Double(weight[Int(row) * columns + $1]) * Double(x[$1])
                }
                #expect(agree(found[index], Float(exact), 1e-5, scale: 127))
            }
        }
    }

    @Test("The peak and the log-sum-exp of a sum are those of the sum")
    func peak() {
        var generator = SeededGenerator(seed: 14)
        let a = (0..<101).map { _ in generator.normal() * 5 }
        let b = (0..<101).map { _ in generator.normal() * 5 }
        let sums = zip(a, b).map { Double($0) + Double($1) }
        let exact = sums.reduce(0) { $0 + exponentialOf($1) }
        var scratch = a
        var span = scratch.mutableSpan
        let (peak, total) = VectorKernels.peakAndLogSumExp(of: a.span, plus: b.span, scratch: &span)
        #expect(agree(peak, Float(sums.max() ?? 0), 1e-6))
        #expect(agree(total, Float(logarithmOf(exact)), 1e-5))
    }
}
