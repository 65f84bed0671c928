import CKernels
import Kernels
import Testing

/// Every kernel class against the scalar reference.
@Suite struct ElementwiseVariantTests {
    typealias Call = (UnsafePointer<Float>?, UnsafeMutablePointer<Float>?, Int) -> Void
    typealias Unary = @Sendable (hebb_kernels) -> Call

    /// Kernels of the form out[i] = f(x[i]), and how closely they follow the C library.
    static let unary: [(name: String, tolerance: Float, run: Unary)] = [
        ("silu", 4e-7, { k in { k.silu($0, $1, $2) } }),
        ("gelu_tanh", 2e-6, { k in { k.gelu_tanh($0, $1, $2) } }),
        ("gelu_erf", 0, { k in { k.gelu_erf($0, $1, $2) } }),
        ("exp", 3e-7, { k in { _ = k.exp_sum($0, 0, $1, $2) } }),
        ("tanh", 2e-7, { k in { k.tanh($0, $1, $2) } }),
        (
            "scale", 0,
            { k in
                { x, y, n in
                    for i in 0..<n { y![i] = x![i] }
                    k.scale(y, 1.5, n)
                }
            }
        ),
        (
            "multiply", 0,
            { k in
                { x, y, n in
                    for i in 0..<n { y![i] = 0.3 }
                    k.multiply(x, y, n)
                }
            }
        ),
        (
            "add_scaled", 2e-7,
            { k in
                { x, y, n in
                    for i in 0..<n { y![i] = 0.25 }
                    k.add_scaled(x, 3, y, n)
                }
            }
        ),
    ]

    func apply(_ function: Unary, _ table: KernelTable, _ x: [Float]) -> [Float] {
        // One more element, to see writes past the end.
        var out = [Float](repeating: 77, count: x.count + 1)
        x.withUnsafeBufferPointer { x in
            out.withUnsafeMutableBufferPointer {
                function(table.kernels)(x.baseAddress, $0.baseAddress, x.count)
            }
        }
        #expect(out.last == 77, "wrote past the end")
        return Array(out.dropLast())
    }

    @Test("Elementwise kernels agree with the reference", arguments: KernelTable.all)
    func agreement(table: KernelTable) {
        var generator = SeededGenerator(seed: 1)
        for (name, tolerance, run) in Self.unary {
            for length in oddLengths {
                let x = (0..<length).map { _ in generator.normal() * 6 }
                let found = apply(run, table, x)
                let expected = apply(run, .scalar, x)
                // Relative to 1 for sums that cancel, and because exp multiplies its argument's
                // rounding: at -55 that is 3e-6 of a number around 1e-24.
                let holds = agree(found, expected, tolerance, scale: 1)
                #expect(holds, "\(name), \(length) elements")
            }
        }
    }

    @Test("Zeros, infinities and NaN pass through as in the reference", arguments: KernelTable.all)
    func specials(table: KernelTable) {
        let specials: [Float] = [
            0, -0.0, .infinity, -.infinity, .nan, .leastNonzeroMagnitude, -.leastNonzeroMagnitude,
            3e38, -3e38, 88.7, 88.8, -87.3,
            -103.9, -104.1, 1000, -1000, 1,
        ]
        for (name, _, run) in Self.unary {
            // At every place of a vector, and in the remainder.
            for shift in 0..<specials.count {
                let x = Array(specials[shift...] + specials[..<shift])
                let found = apply(run, table, x)
                let expected = apply(run, .scalar, x)
                #expect(agree(found, expected, 2e-6, scale: 1e-37), "\(name) of \(x): \(found)")
            }
        }
    }

    @Test("exp is within 2e-7 of the true value from -87 to 88", arguments: KernelTable.all)
    func exponential(table: KernelTable) {
        let x = (0..<200_000).map { -87 + Float($0) * (175 / 200_000) }
        let found = apply({ k in { _ = k.exp_sum($0, 0, $1, $2) } }, table, x)
        let worst = zip(x, found).map { x, y in
            let exact = exponentialOf(Double(x))
            return abs(Double(y) - exact) / exact
        }.max()
        #expect(worst! < 2e-7)
    }

    @Test("tanh is within 3e-7 of the true value, relatively", arguments: KernelTable.all)
    func hyperbolicTangent(table: KernelTable) {
        // Both sides of 5/8, where the formula changes, and down to numbers that tanh leaves alone.
        var x = (0..<200_000).map { -10 + Float($0) * (20 / 200_000) }
        for exponent in 0..<40 { x += [powerOfTwo(-exponent), -powerOfTwo(-exponent)] }
        let found = apply({ k in { k.tanh($0, $1, $2) } }, table, x)
        let worst = zip(x, found).map { x, y in
            let exact = hyperbolicTangentOf(Double(x))
            return exact == 0 ? Double(abs(y)) : abs(Double(y) - exact) / abs(exact)
        }.max()
        #expect(worst! < 3e-7)
        #expect(found.allSatisfy { abs($0) <= 1 })
        let extremes: [Float] = [.infinity, -.infinity, 3e38, -3e38, 0]
        #expect(apply({ k in { k.tanh($0, $1, $2) } }, table, extremes) == [1, -1, 1, -1, 0])
    }

    @Test(
        "A logarithm is within 2 units in the last place, to the reference's bits",
        arguments: KernelTable.all)
    func logarithm(table: KernelTable) {
        var generator = SeededGenerator(seed: 21)
        var x: [Float] = [1, .leastNormalMagnitude, .greatestFiniteMagnitude]
        // Around 1, where the result has the fewest digits to lose, and over all exponents.
        for step in -3000...3000 { x.append(1 + Float(step) * 0x1p-12) }
        for step in -100...100 { x.append(1 + Float(step) * 0x1p-23) }
        for exponent in -126...127 {
            for _ in 0..<40 {
                x.append(
                    Float(sign: .plus, exponent: exponent, significand: 1 + generator.uniform()))
            }
        }
        let function: Unary = { k in { k.logarithm($0, $1, $2) } }
        let found = apply(function, table, x)
        #expect(found.map(\.bitPattern) == apply(function, .scalar, x).map(\.bitPattern))
        let units = zip(x, found).map { x, y in
            let exact = logarithmOf(Double(x))
            return abs(Double(y) - exact) / Double(max(Float(exact).ulp, .leastNormalMagnitude))
        }
        #expect(units.max()! <= 2)
        let least = Float(logarithmOf(0x1p-126))
        let extremes: [Float] = [.infinity, 0, -0.0, -1, -.infinity, .leastNonzeroMagnitude, .nan]
        let limits = apply(function, table, extremes)
        #expect(limits[0] == .infinity && limits[6].isNaN)
        for value in limits[1...5] { #expect(agree(value, least, 1e-7)) }
    }

    @Test("tanh may write where it reads", arguments: KernelTable.all)
    func hyperbolicTangentInPlace(table: KernelTable) {
        var generator = SeededGenerator(seed: 5)
        for length in oddLengths {
            var x = (0..<length).map { _ in generator.normal() * 2 }
            let expected = apply({ k in { k.tanh($0, $1, $2) } }, table, x)
            x.withUnsafeMutableBufferPointer {
                table.kernels.tanh($0.baseAddress, $0.baseAddress, length)
            }
            #expect(x == expected)
        }
    }

    @Test("mix weighs both sides", arguments: KernelTable.all)
    func mix(table: KernelTable) {
        var generator = SeededGenerator(seed: 2)
        for length in oddLengths {
            let p = (0..<length).map { _ in generator.uniform() }
            let q = (0..<length).map { _ in generator.uniform() }
            var out = [Float](repeating: 0, count: length)
            table.kernels.mix(p, q, 0.3, &out, length)
            let expected = zip(p, q).map { Float(0.7 * Double($0) + 0.3 * Double($1)) }
            #expect(agree(out, expected, 3e-7), "\(length) elements")
        }
    }

    @Test("Rotation agrees and keeps the length of every pair", arguments: KernelTable.all)
    func rope(table: KernelTable) {
        var generator = SeededGenerator(seed: 3)
        for half in [1, 3, 8, 12, 16, 17, 32, 40] {
            let heads = 3
            let x = (0..<heads * 2 * half).map { _ in generator.normal() }
            let angles = (0..<half).map { _ in Double(generator.uniform()) * 6 }
            let cosines = angles.map { Float(cosineOf($0)) }
            let sines = angles.map { Float(sineOf($0)) }
            var found = x
            var expected = x
            table.kernels.rope(&found, cosines, sines, heads, half)
            hebb_kernels_scalar().pointee.rope(&expected, cosines, sines, heads, half)
            #expect(agree(found, expected, 1e-6, scale: 1), "half \(half)")
            for head in 0..<heads {
                for i in 0..<half {
                    let (a, b) = (head * 2 * half + i, head * 2 * half + half + i)
                    let before = x[a] * x[a] + x[b] * x[b]
                    let after = found[a] * found[a] + found[b] * found[b]
                    #expect(agree(before, after, 1e-5))
                }
            }
        }
    }

    @Test("The gate multiplies silu with up, in place", arguments: KernelTable.all)
    func gate(table: KernelTable) {
        var generator = SeededGenerator(seed: 4)
        for length in oddLengths {
            var gate = (0..<length).map { _ in generator.normal() * 3 }
            let up = (0..<length).map { _ in generator.normal() }
            let expected = zip(gate, up).map { g, u in
                Float(Double(g) / (1 + exponentialOf(-Double(g))) * Double(u))
            }
            gate.withUnsafeMutableBufferPointer {
                table.kernels.silu_multiply($0.baseAddress, up, $0.baseAddress, length)
            }
            #expect(agree(gate, expected, 6e-7))
        }
    }
}
