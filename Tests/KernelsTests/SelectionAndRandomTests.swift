import Kernels
import Testing

@Suite struct TopKTests {
    func top(_ k: Int, of values: [Float]) -> [Int32] {
        var indices: [Int32] = [9, 9]
        TopK.indices(of: values.span, count: k, into: &indices)
        return indices
    }

    @Test("The k largest come in order, for every k")
    func agreesWithSorting() {
        var generator = SeededGenerator(seed: 1)
        for length in [1, 2, 5, 33, 200] {
            // Few distinct values, so that ties are common.
            let values = (0..<length).map { _ in (generator.normal() * 4).rounded() }
            let sorted = values.indices.sorted {
                values[$0] != values[$1] ? values[$0] > values[$1] : $0 < $1
            }
            for k in 0...length {
                #expect(top(k, of: values) == sorted.prefix(k).map { Int32($0) })
            }
        }
    }

    @Test("NaN comes last, signed zeros are equal, infinities are extremes")
    func specials() {
        let values: [Float] = [.nan, -.infinity, 0, -0.0, .infinity, -1, .nan]
        #expect(top(7, of: values) == [4, 2, 3, 5, 1, 0, 6])
        #expect(top(1, of: [.nan, .nan]) == [0])
    }
}

@Suite struct SeededGeneratorTests {
    @Test("The sequence is xoshiro256** after splitmix64, for ever")
    func sequence() {
        let expected: [UInt64: [UInt64]] = [
            0: [0x99ec_5f36_cb75_f2b4, 0xbf6e_1f78_4956_452a, 0x1a5f_849d_4933_e6e0],
            42: [0x1578_0b2e_0c2e_c716, 0x6104_d986_6d11_3a7e, 0xae17_5332_39e4_99a1],
        ]
        for (seed, draws) in expected {
            var generator = SeededGenerator(seed: seed)
            #expect(draws.map { _ in generator.next() } == draws)
        }
    }

    @Test("uniform is in [0, 1) with mean 1/2 and variance 1/12")
    func uniform() {
        var generator = SeededGenerator(seed: 7)
        let draws = (0..<100_000).map { _ in Double(generator.uniform()) }
        #expect(draws.allSatisfy { $0 >= 0 && $0 < 1 })
        let mean = draws.reduce(0, +) / 1e5
        let variance = draws.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 1e5
        #expect(abs(mean - 0.5) < 0.005)
        #expect(abs(variance - 1 / 12.0) < 0.001)
    }

    @Test("normal has mean 0, variance 1 and normal tails")
    func normal() {
        var generator = SeededGenerator(seed: 8)
        let draws = (0..<100_000).map { _ in Double(generator.normal()) }
        let mean = draws.reduce(0, +) / 1e5
        let variance = draws.reduce(0) { $0 + $1 * $1 } / 1e5
        let beyondTwo = Double(draws.count { abs($0) > 2 }) / 1e5
        #expect(abs(mean) < 0.015)
        #expect(abs(variance - 1) < 0.02)
        #expect(abs(beyondTwo - 0.0455) < 0.003)
    }

    @Test("A copy continues alike, another seed does not")
    func copies() {
        var a = SeededGenerator(seed: 1)
        _ = a.next()
        var b = a
        var c = SeededGenerator(seed: 2)
        #expect(a == b)
        #expect((0..<10).map { _ in a.next() } == (0..<10).map { _ in b.next() })
        #expect(a.next() != c.next())
    }
}
