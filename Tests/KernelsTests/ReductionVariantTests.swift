import CKernels
import Kernels
import Testing

/// Sums, maxima and norms of every kernel class against exact values and the scalar reference.
@Suite struct ReductionVariantTests {
    @Test("dot and sum are right at every length", arguments: KernelTable.all)
    func sums(table: KernelTable) {
        var generator = SeededGenerator(seed: 5)
        for length in oddLengths {
            let a = (0..<length).map { _ in generator.normal() }
            let b = (0..<length).map { _ in generator.normal() }
            let dot = zip(a, b).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
            let sum = a.reduce(0.0) { $0 + Double($1) }
            let size = Float(length)
            #expect(agree(table.kernels.dot(a, b, length), Float(dot), 1e-6, scale: size))
            #expect(agree(table.kernels.sum(a, length), Float(sum), 1e-6, scale: size))
        }
    }

    @Test("NaN and infinity reach the sums", arguments: KernelTable.all, [Float.nan, .infinity])
    func poisonedSums(table: KernelTable, poison: Float) {
        for length in oddLengths where length > 0 {
            for place in Set([0, length / 2, length - 1]) {
                var a = [Float](repeating: 1, count: length)
                a[place] = poison
                let ones = [Float](repeating: 1, count: length)
                #expect(agree(table.kernels.sum(a, length), poison, 0))
                #expect(agree(table.kernels.dot(a, ones, length), poison, 0))
                #expect(!table.kernels.is_finite(a, length))
                #expect(table.kernels.is_finite(ones, length))
                #expect(agree(table.kernels.maximum(a, length), poison, 0))
                var out = a
                #expect(agree(table.kernels.add_maximum(a, ones, &out, length), poison, 0))
            }
        }
    }

    @Test("The maximum is found at every place", arguments: KernelTable.all)
    func maximum(table: KernelTable) {
        #expect(table.kernels.maximum([], 0) == -.infinity)
        for length in oddLengths where length > 0 {
            for place in 0..<length {
                var a = [Float](repeating: -5, count: length)
                a[place] = -2
                #expect(table.kernels.maximum(a, length) == -2)
                let b = a.map { -$0 }
                var out = a
                #expect(table.kernels.add_maximum(a, b, &out, length) == 0)
                #expect(out.allSatisfy { $0 == 0 })
            }
            let low = [Float](repeating: -.infinity, count: length)
            #expect(table.kernels.maximum(low, length) == -.infinity)
            #expect(!table.kernels.is_finite(low, length))
        }
    }

    @Test("Exponentials sum to what they are", arguments: KernelTable.all)
    func exponentialSum(table: KernelTable) {
        var generator = SeededGenerator(seed: 6)
        for length in oddLengths {
            let x = (0..<length).map { _ in generator.normal() * 4 }
            var out = x
            let sum = table.kernels.exp_sum(x, 3, &out, length)
            let exact = x.reduce(0.0) { $0 + exponentialOf(Double($1) - 3) }
            #expect(agree(sum, Float(exact), 1e-6))
        }
    }

    @Test("Norms agree with double precision", arguments: KernelTable.all)
    func norms(table: KernelTable) {
        var generator = SeededGenerator(seed: 7)
        for length in oddLengths where length > 1 {
            let x = (0..<length).map { _ in generator.normal() + 2 }
            let w = (0..<length).map { _ in generator.normal() }
            let b = (0..<length).map { _ in generator.normal() }
            let n = Double(length)
            let square = x.reduce(0.0) { $0 + Double($1) * Double($1) } / n
            let mean = x.reduce(0.0) { $0 + Double($1) } / n
            let variance = x.reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / n
            var out = x
            table.kernels.rms_norm(x, w, 1e-5, &out, length)
            let rms = x.indices.map { i in
                Float(Double(w[i]) * Double(x[i]) / (square + 1e-5).squareRoot())
            }
            #expect(agree(out, rms, 1e-6))
            table.kernels.layer_norm(x, w, b, 1e-5, &out, length)
            let layer = x.indices.map { i in
                Float(
                    Double(w[i]) * (Double(x[i]) - mean) / (variance + 1e-5).squareRoot()
                        + Double(b[i]))
            }
            #expect(agree(out, layer, 5e-6, scale: 1))
        }
    }

    @Test(
        "The divergence is exact to 1e-6, zeros and subnormals included",
        arguments: KernelTable.all)
    func divergence(table: KernelTable) {
        var generator = SeededGenerator(seed: 8)
        for length in oddLengths where length > 0 {
            func distribution() -> [Float] {
                let raw = (0..<length).map { _ in exponentialOf(Double(generator.normal()) * 6) }
                let total = raw.reduce(0, +)
                return raw.map { Float($0 / total) }
            }
            var p = distribution()
            var q = distribution()
            if length > 4 {
                p[1] = 0
                q[2] = 2141 * .leastNonzeroMagnitude
                p[3] = 143 * .leastNonzeroMagnitude
            }
            let exact = zip(p, q).reduce(0.0) { sum, pair in
                let (p, q) = (Double(pair.0), Double(pair.1))
                return p == 0 ? sum : sum + p * logarithmOf(p / q)
            }
            let found = table.kernels.kl_divergence(p, q, length)
            #expect(agree(found, Float(exact), 1e-6, scale: 1), "\(length): \(found), \(exact)")
            #expect(abs(table.kernels.kl_divergence(p, p, length)) < 1e-6)
        }
    }

    @Test(
        "A mixture and its divergence in one pass have the bits of two", arguments: KernelTable.all)
    func mixedDivergence(table: KernelTable) {
        var generator = SeededGenerator(seed: 9)
        for length in oddLengths where length > 0 {
            let q = (0..<length).map { _ in generator.uniform() }
            var p = (0..<length).map { _ in generator.uniform() }
            if length > 2 { p[1] = 0 }
            for share in [Float(0.25), 0.95, 1] {
                var (mixed, out) = (q, q)
                table.kernels.mix(q, p, share, &mixed, length)
                let expected = table.kernels.kl_divergence(mixed, q, length)
                #expect(
                    table.kernels.mixed_divergence(q, p, share, &out, length).bitPattern
                        == expected.bitPattern)
                #expect(out == mixed)
                #expect(table.kernels.mixed_divergence(q, p, share, nil, length) == expected)
            }
            p[length - 1] = .nan
            #expect(table.kernels.mixed_divergence(q, p, 0.5, nil, length).isNaN)
        }
    }

    @Test("Places above a bound are found in their order", arguments: KernelTable.all)
    func placesAbove(table: KernelTable) {
        var generator = SeededGenerator(seed: 10)
        for length in oddLengths {
            var a = (0..<length).map { _ in generator.uniform() }
            let b = (0..<length).map { _ in generator.uniform() }
            if length > 0 { a[length / 2] = .nan }
            for bound in [Float(0.1), 0.9, 2] {
                let all = a.indices.filter { a[$0] > bound || b[$0] > bound }.map { Int32($0) }
                for most in [0, 1, 3, length] {
                    var found = [Int32](repeating: -1, count: most)
                    let count = table.kernels.places_above(a, b, length, bound, &found, most)
                    #expect(found.prefix(count) == all.prefix(most))
                }
            }
        }
    }

    @Test("The divergence is infinite where q alone is 0, NaN for NaN", arguments: KernelTable.all)
    func divergenceSpecials(table: KernelTable) {
        for length in oddLengths where length > 1 {
            var p = [Float](repeating: 1 / Float(length), count: length)
            var q = p
            q[length - 1] = 0
            #expect(table.kernels.kl_divergence(p, q, length) == .infinity)
            p[length - 1] = 0
            #expect(table.kernels.kl_divergence(p, q, length).isFinite)
            q[length - 2] = .nan
            #expect(table.kernels.kl_divergence(p, q, length).isNaN)
            q[length - 2] = 0.5
            p[length - 2] = .nan
            #expect(table.kernels.kl_divergence(p, q, length).isNaN)
        }
    }
}
