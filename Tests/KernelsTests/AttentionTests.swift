import CKernels
import Kernels
import Testing

/// Attention of every kernel class against the formula in double precision.
@Suite struct AttentionTests {
    struct Case {
        let rows: Int
        let headSize: Int
        let visible: Int
        let step: Int
        var window = Int.max
    }

    /// One head's cache and queries, and calls of the kernel on them.
    struct Head {
        let shape: Case
        let query: [Float]
        var keys: [Float]
        var values: [Float]
        let plainKeys: [Float]
        var positions: Int { shape.visible + (shape.rows - 1) * shape.step }
        var stride: Int { shape.headSize + 3 }

        init(_ shape: Case, seed: UInt64) {
            self.shape = shape
            var generator = SeededGenerator(seed: seed)
            let size = shape.headSize
            let positions = shape.visible + (shape.rows - 1) * shape.step
            query = (0..<shape.rows * (size + 3)).map { _ in generator.normal() }
            plainKeys = (0..<positions * size).map { _ in generator.normal() }
            let blocks = (positions + 15) / 16
            // What lies behind the last key must not matter.
            keys = [Float](repeating: .nan, count: blocks * 16 * size)
            values = (0..<positions * size).map { _ in generator.normal() }
            for position in 0..<positions {
                hebb_store_key(
                    Array(plainKeys[position * size..<(position + 1) * size]), &keys, size, position
                )
            }
        }

        func attend(_ table: KernelTable, rows: Range<Int>) -> [[Float]] {
            let scoreStride = (positions + 63) / 64 * 64
            var scores = [Float](repeating: .nan, count: 8 * scoreStride)
            var out = [Float](repeating: .nan, count: rows.count * stride)
            let first = shape.visible + rows.lowerBound * shape.step
            query.withUnsafeBufferPointer { query in
                scores.withUnsafeMutableBufferPointer { scores in
                    out.withUnsafeMutableBufferPointer { out in
                        keys.withUnsafeBufferPointer { keys in
                            values.withUnsafeBufferPointer { values in
                                var arguments = hebb_attention(
                                    query: query.baseAddress! + rows.lowerBound * stride,
                                    query_stride: stride, rows: rows.count,
                                    keys: keys.baseAddress, values: values.baseAddress,
                                    head_size: shape.headSize, visible: first,
                                    visible_step: shape.step, window: shape.window, scale: 0.25,
                                    scores: scores.baseAddress, score_stride: scoreStride,
                                    out: out.baseAddress, out_stride: stride)
                                table.kernels.attention(&arguments)
                            }
                        }
                    }
                }
            }
            return (0..<rows.count).map { row in
                Array(out[row * stride..<row * stride + shape.headSize])
            }
        }

        func exact(row: Int) -> [Float] {
            let size = shape.headSize
            let visible = shape.visible + row * shape.step
            let first = max(0, visible - min(visible, shape.window))
            let scores = (first..<visible).map { t in
                (0..<size).reduce(0.0) {
                    $0 + Double(query[row * stride + $1]) * Double(plainKeys[t * size + $1])
                } * 0.25
            }
            let peak = scores.max()!
            let weights = scores.map { exponentialOf($0 - peak) }
            let total = weights.reduce(0, +)
            return (0..<size).map { d in
                Float(
                    weights.indices.reduce(0.0) {
                        $0 + weights[$1] * Double(values[(first + $1) * size + d])
                    } / total)
            }
        }
    }

    static let cases = [
        Case(rows: 1, headSize: 4, visible: 1, step: 0),
        Case(rows: 3, headSize: 6, visible: 17, step: 0),
        Case(rows: 8, headSize: 16, visible: 1, step: 1),
        Case(rows: 21, headSize: 20, visible: 1, step: 1),
        Case(rows: 13, headSize: 64, visible: 50, step: 1),
        Case(rows: 9, headSize: 80, visible: 200, step: 1),
        Case(rows: 5, headSize: 33, visible: 129, step: 0),
        Case(rows: 21, headSize: 20, visible: 1, step: 1, window: 1),
        Case(rows: 13, headSize: 64, visible: 50, step: 1, window: 5),
        Case(rows: 40, headSize: 36, visible: 3, step: 1, window: 24),
        Case(rows: 5, headSize: 33, visible: 129, step: 0, window: 100),
    ]

    @Test("Attention is the formula, at every head size", arguments: KernelTable.all)
    func formula(table: KernelTable) {
        for (seed, shape) in Self.cases.enumerated() {
            let head = Head(shape, seed: UInt64(seed))
            let found = head.attend(table, rows: 0..<shape.rows)
            for row in 0..<shape.rows {
                #expect(
                    agree(found[row], head.exact(row: row), 2e-6, scale: 1), "\(shape), row \(row)")
            }
        }
    }

    @Test("A row's result does not depend on the other rows", arguments: KernelTable.all)
    func rowIndependence(table: KernelTable) {
        for (seed, shape) in Self.cases.enumerated() {
            let head = Head(shape, seed: UInt64(seed))
            let together = head.attend(table, rows: 0..<shape.rows)
            for row in 0..<shape.rows {
                #expect(head.attend(table, rows: row..<row + 1)[0] == together[row])
            }
        }
    }

    @Test("A token sees nothing of later ones, not even NaN", arguments: KernelTable.all)
    func causality(table: KernelTable) {
        let shape = Case(rows: 12, headSize: 20, visible: 1, step: 1)
        var head = Head(shape, seed: 1)
        let clean = head.attend(table, rows: 0..<12)
        for poisoned in 1..<12 {
            head.values[poisoned * 20] = .infinity
            hebb_store_key([Float](repeating: .nan, count: 20), &head.keys, 20, poisoned)
            let found = head.attend(table, rows: 0..<12)
            #expect(Array(found[..<poisoned]) == Array(clean[..<poisoned]))
            head = Head(shape, seed: 1)
        }
    }

    @Test("A token sees nothing before its window, not even NaN", arguments: KernelTable.all)
    func windows(table: KernelTable) {
        let shape = Case(rows: 12, headSize: 20, visible: 1, step: 1, window: 4)
        var head = Head(shape, seed: 1)
        let clean = head.attend(table, rows: 0..<12)
        for poisoned in 0..<8 {
            head.values[poisoned * 20] = .infinity
            hebb_store_key([Float](repeating: .nan, count: 20), &head.keys, 20, poisoned)
            let found = head.attend(table, rows: 0..<12)
            #expect(Array(found[(poisoned + 4)...]) == Array(clean[(poisoned + 4)...]))
            #expect(found[poisoned + 3][0].isNaN)
            head = Head(shape, seed: 1)
        }
    }
}
