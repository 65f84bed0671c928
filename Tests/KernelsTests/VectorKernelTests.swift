import Kernels
import Testing

@Suite struct VectorKernelTests {
    func softmax(_ z: [Float]) -> (p: [Float], logSumExp: Float) {
        var p = [Float](repeating: 77, count: z.count)
        var span = p.mutableSpan
        let l = VectorKernels.softmax(z.span, into: &span)
        return (p, l)
    }

    func logSumExp(_ z: [Float]) -> Float {
        var scratch = z
        var span = scratch.mutableSpan
        return VectorKernels.logSumExp(z.span, scratch: &span)
    }

    func softmaxOfSum(_ z: [Float], _ dz: [Float]) -> (p: [Float], logSumExp: Float) {
        var p = [Float](repeating: 77, count: z.count)
        var span = p.mutableSpan
        let l = VectorKernels.softmaxOfSum(z.span, dz.span, into: &span)
        return (p, l)
    }

    @Test(
        "Softmax gives a distribution at any magnitude", arguments: [Float(0), 1, 100, 1e30, 3e38])
    func magnitudes(scale: Float) {
        var generator = SeededGenerator(seed: 1)
        let z = (0..<4096).map { _ in (generator.uniform() * 2 - 1) * scale }
        let (p, l) = softmax(z)
        #expect(abs(p.reduce(0) { $0 + Double($1) } - 1) < 1e-5)
        #expect(p.allSatisfy { $0 >= 0 && $0 <= 1 })
        let peak = Double(z.max()!)
        let exact = peak + logarithmOf(z.reduce(0.0) { $0 + exponentialOf(Double($1) - peak) })
        #expect(agree(l, Float(exact), 1e-6))
        for (p, z) in zip(p, z) where p > 1e-30 {
            // The logit's distance is rounded to 24 bits before exp turns it into a factor.
            let distance = Double(z) - exact
            let tolerance = 2e-7 * Float(5 + abs(distance))
            #expect(agree(p, Float(exponentialOf(distance)), tolerance))
        }
    }

    @Test("Softmax of a sum is softmax of the sum")
    func ofSum() {
        var generator = SeededGenerator(seed: 2)
        for length in oddLengths where length > 0 {
            let z = (0..<length).map { _ in generator.normal() * 5 }
            let dz = (0..<length).map { _ in generator.normal() * 2 }
            let one = softmaxOfSum(z, dz)
            let other = softmax(zip(z, dz).map { $0 + $1 })
            #expect(one.p == other.p && one.logSumExp == other.logSumExp)
        }
    }

    @Test("Infinite logits are limits")
    func limits() {
        #expect(softmax([1, .infinity, 2, .infinity]).p == [0, 0.5, 0, 0.5])
        #expect(softmax([1, .infinity]).logSumExp == .infinity)
        #expect(softmax([-.infinity, -.infinity]).p == [0.5, 0.5])
        #expect(softmax([-.infinity, -.infinity]).logSumExp == -.infinity)
        #expect(softmax([-.infinity, 0]).p == [0, 1])
        #expect(softmaxOfSum([0, 1], [.infinity, 0]).p == [1, 0])
        #expect(softmaxOfSum([3e38, 0], [3e38, 0]).p == [1, 0])
        #expect(softmax([]).logSumExp == -.infinity)
    }

    @Test("A NaN logit makes every probability NaN, and nothing else")
    func notANumber() {
        let (p, l) = softmax([1, .nan, 3])
        #expect(p.allSatisfy { $0.isNaN } && l.isNaN)
        #expect(softmaxOfSum([1, 2], [.infinity, .nan]).p.allSatisfy { $0.isNaN })
        #expect(softmaxOfSum([1, .infinity], [0, -.infinity]).p.allSatisfy { $0.isNaN })
    }

    @Test("logSumExp is what softmax returns")
    func logSumExpAlone() {
        var generator = SeededGenerator(seed: 3)
        let z = (0..<1001).map { _ in generator.normal() * 9 }
        #expect(logSumExp(z) == softmax(z).logSumExp)
        #expect(logSumExp([.infinity, 1]) == .infinity)
        #expect(logSumExp([.nan, 1]).isNaN)
    }

    @Test("Divergence by hand: ln 2 from one of two to one")
    func divergence() {
        let (p, q): ([Float], [Float]) = ([1, 0], [0.5, 0.5])
        let found = VectorKernels.klDivergence(p.span, q.span)
        #expect(agree(found, 0.693147180559945, 1e-7))
    }

    @Test("In-place kernels do what they say")
    func inPlace() {
        let (a, b): ([Float], [Float]) = ([1, 0, -1], [3, 4, 5])
        var y: [Float] = [1, 2, 3]
        var span = y.mutableSpan
        VectorKernels.addScaled(a.span, 2, to: &span)
        VectorKernels.scale(&span, by: 10)
        #expect(y == [30, 20, 10])
        var bounded: [Float] = [0, .infinity, -.infinity]
        var boundedSpan = bounded.mutableSpan
        VectorKernels.tanh(&boundedSpan)
        #expect(bounded == [0, 1, -1])
        let unbounded: [Float] = [-.infinity, 0, .infinity]
        var other = bounded.mutableSpan
        VectorKernels.tanh(unbounded.span, into: &other)
        #expect(bounded == [-1, 0, 1])
        var target = y.mutableSpan
        VectorKernels.mix(a.span, b.span, weight: 0.25, into: &target)
        #expect(y == [1.5, 1, 0.5])
        let (dot, sum, maximum) = (
            VectorKernels.dot(a.span, b.span), VectorKernels.sum(b.span),
            VectorKernels.maximum(b.span)
        )
        #expect(dot == -2 && sum == 12 && maximum == 5)
        let broken: [Float] = [1, .nan]
        let (isFinite, isBrokenFinite) = (
            VectorKernels.isFinite(a.span), VectorKernels.isFinite(broken.span)
        )
        #expect(isFinite && !isBrokenFinite)
    }

    @Test("Same input, same bytes")
    func determinism() {
        var generator = SeededGenerator(seed: 4)
        let z = (0..<1003).map { _ in generator.normal() * 9 }
        // At two addresses of different alignment.
        let shifted = [0] + z
        var a = z
        var b = shifted
        var spanA = a.mutableSpan
        var allB = b.mutableSpan
        var spanB = allB._mutatingExtracting(1..<1004)
        let l = VectorKernels.softmax(z.span, into: &spanA)
        let m = VectorKernels.softmax(shifted.span.extracting(1..<1004), into: &spanB)
        #expect(l.bitPattern == m.bitPattern)
        #expect(a.map(\.bitPattern) == b.dropFirst().map(\.bitPattern))
    }
}
