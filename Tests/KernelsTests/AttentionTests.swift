import CKernels
import Foundation
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

    /// One head's pages and queries, and calls of the kernel on them.
    struct Head {
        let shape: Case
        let query: [Float]
        let cell: hebb_cell
        /// Of each page the head's part, behind those of another head.
        var pages: [[UInt8]]
        let place: Int
        /// What the pages hold, [positions, headSize].
        let keys: [Float]
        let values: [Float]
        var positions: Int { shape.visible + (shape.rows - 1) * shape.step }
        var stride: Int { shape.headSize + 3 }

        init(_ shape: Case, seed: UInt64, _ cell: hebb_cell = HEBB_HALF) {
            (self.shape, self.cell) = (shape, cell)
            var generator = SeededGenerator(seed: seed)
            let size = shape.headSize
            let positions = shape.visible + (shape.rows - 1) * shape.step
            query = (0..<shape.rows * (size + 3)).map { _ in generator.normal() }
            func numbers() -> [Float] {
                (0..<positions * size).map { _ in
                    let number = generator.normal()
                    return cell == HEBB_HALF ? Float(Float16(number)) : number
                }
            }
            (keys, values) = (numbers(), numbers())
            place = hebb_page_part(size)
            // What lies behind the last key must not matter.
            pages = [[UInt8]](
                repeating: [UInt8](repeating: 0xff, count: 2 * place * hebb_cell_bytes(cell)),
                count: (positions + 15) / 16)
            for position in 0..<positions {
                store(
                    key: Array(keys[position * size..<(position + 1) * size]),
                    value: Array(values[position * size..<(position + 1) * size]), at: position)
            }
        }

        mutating func store(
            key: [Float], value: [Float], at position: Int, _ table: KernelTable = .scalar
        ) {
            let (place, size) = (place * hebb_cell_bytes(cell), shape.headSize)
            pages[position / 16].withUnsafeMutableBytes {
                table.kernels.store(
                    key, value, size, position % 16, cell, $0.baseAddress! + place)
            }
        }

        /// Fills a position with what must not be seen.
        mutating func poison(_ position: Int) {
            let size = shape.headSize
            store(
                key: [Float](repeating: .nan, count: size),
                value: [Float](repeating: .nan, count: size), at: position)
        }

        func attend(_ table: KernelTable, rows: Range<Int>) -> [[Float]] {
            let scoreStride = (positions + 63) / 64 * 64
            var scores = [Float](repeating: .nan, count: 8 * scoreStride)
            var out = [Float](repeating: .nan, count: rows.count * stride)
            let first = shape.visible + rows.lowerBound * shape.step
            // Pages that no row sees are not there.
            let seen = first - min(first, shape.window)
            let pages = pages.map { page in
                let copy = UnsafeMutableRawPointer.allocate(
                    byteCount: page.count, alignment: 64)
                copy.copyMemory(from: page, byteCount: page.count)
                return copy
            }
            defer { for page in pages { page.deallocate() } }
            let places = pages.enumerated().map {
                $0.offset < seen / 16 ? nil : UnsafeRawPointer($0.element)
            }
            query.withUnsafeBufferPointer { query in
                scores.withUnsafeMutableBufferPointer { scores in
                    out.withUnsafeMutableBufferPointer { out in
                        places.withUnsafeBufferPointer { pages in
                            var arguments = hebb_attention(
                                query: query.baseAddress! + rows.lowerBound * stride,
                                query_stride: stride, rows: rows.count,
                                pages: pages.baseAddress, cell: cell, place: place,
                                head_size: shape.headSize, visible: first,
                                visible_step: shape.step, window: shape.window, scale: 0.25,
                                scores: scores.baseAddress, score_stride: scoreStride,
                                out: out.baseAddress, out_stride: stride)
                            table.kernels.attention(&arguments)
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
                    $0 + Double(query[row * stride + $1]) * Double(keys[t * size + $1])
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
        for cell in [HEBB_HALF, HEBB_SINGLE] {
            for (seed, shape) in Self.cases.enumerated() {
                let head = Head(shape, seed: UInt64(seed), cell)
                let found = head.attend(table, rows: 0..<shape.rows)
                for row in 0..<shape.rows {
                    #expect(
                        agree(found[row], head.exact(row: row), 2e-6, scale: 1),
                        "\(shape), row \(row)")
                }
            }
        }
    }

    @Test("A row's result does not depend on the other rows", arguments: KernelTable.all)
    func rowIndependence(table: KernelTable) {
        for cell in [HEBB_HALF, HEBB_SINGLE] {
            for (seed, shape) in Self.cases.enumerated() {
                let head = Head(shape, seed: UInt64(seed), cell)
                let together = head.attend(table, rows: 0..<shape.rows)
                for row in 0..<shape.rows {
                    #expect(head.attend(table, rows: row..<row + 1)[0] == together[row])
                }
            }
        }
    }

    @Test("A token sees nothing of later ones, not even NaN", arguments: KernelTable.all)
    func causality(table: KernelTable) {
        let shape = Case(rows: 12, headSize: 20, visible: 1, step: 1)
        var head = Head(shape, seed: 1)
        let clean = head.attend(table, rows: 0..<12)
        for poisoned in 1..<12 {
            head.poison(poisoned)
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
            head.poison(poisoned)
            let found = head.attend(table, rows: 0..<12)
            #expect(Array(found[(poisoned + 4)...]) == Array(clean[(poisoned + 4)...]))
            #expect(found[poisoned + 3][0].isNaN)
            head = Head(shape, seed: 1)
        }
    }

    @Test(
        "Half precision is to the nearest, in the same bits everywhere",
        arguments: KernelTable.all)
    func halves(table: KernelTable) {
        var generator = SeededGenerator(seed: 3)
        var numbers: [Float] = [
            0, -0.0, 1, -1, 65_504, 65_519.996, 65_520, 1e9, -.infinity, .infinity, .nan,
            0x1p-14, 0x1p-24, 0x1p-25, 0x1.8p-25, -0x1p-26, 0x1.ffep-15, 0x1.fffp-15, 0x1p-133,
            0x1.002p0, 0x1.006p0, 0x1.ffep15, 0x1.fffp14,
        ]
        for _ in 0..<4000 {
            numbers.append(generator.normal() * exp2(40 * generator.uniform() - 30))
        }
        for size in [1, 7, 8, 16, 33, numbers.count] {
            let (key, value) = (Array(numbers.prefix(size)), Array(numbers.suffix(size)))
            var part = [UInt16](repeating: 0x1234, count: hebb_page_part(size))
            table.kernels.store(key, value, size, 5, HEBB_HALF, &part)
            for d in 0..<size {
                #expect(isHalf(part[d * 16 + 5], of: key[d]))
                #expect(isHalf(part[(16 + 5) * size + d], of: value[d]))
            }
            // Nothing else was touched.
            #expect(part.count { $0 != 0x1234 } <= 2 * size)
            #expect(part[0] == 0x1234 && part[part.count - 1] == 0x1234)
        }
    }

    private func isHalf(_ bits: UInt16, of number: Float) -> Bool {
        let found = Float16(bitPattern: bits)
        if number.isNaN { return found.isNaN }
        let limit = Float(Float16.greatestFiniteMagnitude)
        return found.bitPattern == Float16(min(limit, max(-limit, number))).bitPattern
    }
}
