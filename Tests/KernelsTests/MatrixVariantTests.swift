import CKernels
import Kernels
import Testing

/// Products with stored matrices, of every kernel class.
@Suite struct MatrixVariantTests {
    static let types: [WeightType] = [.float32, .bfloat16, .float16]

    /// Rounds to the stored type; returns its bytes behind `offset` others, and its exact values.
    static func encode(
        _ values: [Float], _ type: WeightType, offset: Int
    ) -> (bytes: [UInt8], values: [Float]) {
        var bytes = [UInt8](repeating: 0xff, count: offset)
        var exact: [Float] = []
        for value in values {
            switch type {
            case .float32:
                withUnsafeBytes(of: value.bitPattern) { bytes += $0 }
                exact.append(value)
            case .bfloat16:
                let bits = UInt16(truncatingIfNeeded: value.bitPattern >> 16)
                withUnsafeBytes(of: bits) { bytes += $0 }
                exact.append(Float(bitPattern: UInt32(bits) << 16))
            case .float16:
                let half = Float16(value)
                withUnsafeBytes(of: half.bitPattern) { bytes += $0 }
                exact.append(Float(half))
            }
        }
        return (bytes, exact)
    }

    typealias Product = (UnsafeRawPointer?, [Float], inout [Float], Int, Int) -> Void

    func product(_ table: KernelTable, _ type: WeightType, transposed: Bool) -> Product {
        let k = table.kernels
        let function =
            switch (type, transposed) {
            case (.float32, false): k.gemv_f32
            case (.bfloat16, false): k.gemv_bf16
            case (.float16, false): k.gemv_f16
            case (.float32, true): k.gemv_transposed_f32
            case (.bfloat16, true): k.gemv_transposed_bf16
            case (.float16, true): k.gemv_transposed_f16
            }
        return { function!($0, $1, &$2, $3, $4) }
    }

    @Test(
        "Products are right for every shape, type and alignment", arguments: KernelTable.all, types)
    func products(table: KernelTable, type: WeightType) {
        var generator = SeededGenerator(seed: 9)
        for rows in [1, 2, 3, 4, 5, 7, 9] {
            for cols in [1, 2, 7, 8, 15, 16, 17, 31, 33, 64, 65, 130, 257] {
                for offset in [0, 1, 2] {
                    let raw = (0..<rows * cols).map { _ in generator.normal() }
                    let (bytes, w) = Self.encode(raw, type, offset: offset)
                    check(table, type, bytes, w, rows, cols, offset, &generator)
                }
            }
        }
    }

    private func check(
        _ table: KernelTable, _ type: WeightType, _ bytes: [UInt8], _ w: [Float], _ rows: Int,
        _ cols: Int, _ offset: Int, _ generator: inout SeededGenerator
    ) {
        for transposed in [false, true] {
            let x = (0..<(transposed ? rows : cols)).map { _ in generator.normal() }
            let count = transposed ? cols : rows
            var y = [Float](repeating: .nan, count: count + 1)
            y[count] = 77
            bytes.withUnsafeBytes { buffer in
                product(table, type, transposed: transposed)(
                    buffer.baseAddress! + offset, x, &y, rows, cols)
            }
            let exact = (0..<count).map { index in
                x.indices.reduce(0.0) { sum, i in
                    let weight = transposed ? w[i * cols + index] : w[index * cols + i]
                    return sum + Double(weight) * Double(x[i])
                }
            }
            #expect(y[count] == 77, "wrote past the end")
            #expect(
                agree(
                    Array(y.dropLast()), exact.map { Float($0) }, 1e-6, scale: Float(x.count)),
                "\(rows)x\(cols), transposed \(transposed), offset \(offset)")
        }
    }

    @Test("A row's product does not depend on how many rows there are", arguments: KernelTable.all)
    func rowIndependence(table: KernelTable) {
        var generator = SeededGenerator(seed: 10)
        let (rows, cols) = (11, 75)
        let w = (0..<rows * cols).map { _ in generator.normal() }
        let x = (0..<cols).map { _ in generator.normal() }
        var all = [Float](repeating: 0, count: rows)
        table.kernels.gemv_f32(w, x, &all, rows, cols)
        for row in 0..<rows {
            var one: Float = 0
            table.kernels.gemv_f32(Array(w[row * cols..<(row + 1) * cols]), x, &one, 1, cols)
            #expect(one.bitPattern == all[row].bitPattern)
        }
    }

    @Test("NaN and infinite weights reach their own rows only", arguments: KernelTable.all)
    func poisonedWeights(table: KernelTable) {
        let (rows, cols) = (6, 37)
        for poison in [Float.nan, .infinity] {
            for place in [0, 20, 36] {
                var w = [Float](repeating: 0.5, count: rows * cols)
                w[3 * cols + place] = poison
                let x = [Float](repeating: 1, count: cols)
                var y = [Float](repeating: 0, count: rows)
                table.kernels.gemv_f32(w, x, &y, rows, cols)
                for row in 0..<rows {
                    #expect(agree(y[row], row == 3 ? poison : 18.5, 1e-6))
                }
            }
        }
    }

    @Test("Every half and bfloat16 number widens exactly", arguments: KernelTable.all)
    func widening(table: KernelTable) {
        // 65,537 elements, so that the last goes through the remainder.
        let bits = (0...65_536).map { UInt16(truncatingIfNeeded: $0) }
        var half = [Float](repeating: 0, count: bits.count)
        var brain = half
        table.kernels.widen_f16(bits, &half, bits.count)
        table.kernels.widen_bf16(bits, &brain, bits.count)
        for (index, pattern) in bits.enumerated() {
            let expected = Float(Float16(bitPattern: pattern))
            #expect(
                half[index] == expected && half[index].sign == expected.sign
                    || half[index].isNaN && expected.isNaN)
            #expect(brain[index].bitPattern == UInt32(pattern) << 16)
        }
    }
}
