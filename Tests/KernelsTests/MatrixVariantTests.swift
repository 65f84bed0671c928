import CKernels
import Kernels
import Testing

/// Products with stored matrices, of every kernel class.
@Suite struct MatrixVariantTests {
    static let types: [WeightEncoding] = [.float32, .bfloat16, .float16]

    /// Rounds to the stored type; returns its bytes behind `offset` others, and its exact values.
    static func encode(
        _ values: [Float], _ type: WeightEncoding, offset: Int
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
            default: preconditionFailure("\(type) has no elements")
            }
        }
        return (bytes, exact)
    }

    /// x·Wᵀ by one table, the weights laid out from `offset` other bytes on; rows of x and y have
    /// room behind them, which must stay as it is.
    private func product(
        _ table: KernelTable, _ type: WeightEncoding, _ bytes: [UInt8], offset: Int, outputs: Int,
        inputs: Int, inputsFirst: Bool = false, _ x: [Float], rows: Int
    ) -> [Float] {
        let panel = Int(HEBB_PANEL)
        let size = type.blockBytes
        var panels = [UInt8](
            repeating: 0xff, count: (outputs + panel - 1) / panel * panel * inputs * size)
        bytes.withUnsafeBytes { source in
            hebb_pack_panels(
                source.baseAddress! + offset, size, outputs, inputs, inputsFirst, &panels)
        }
        let (strideX, strideY) = (inputs + 3, outputs + 2)
        var wide = [Float](repeating: .nan, count: rows * strideX)
        for row in 0..<rows {
            for column in 0..<inputs { wide[row * strideX + column] = x[row * inputs + column] }
        }
        var scratch = [Float](repeating: .nan, count: rows * inputs)
        var y = [Float](repeating: 77, count: rows * strideY)
        panels.withUnsafeBytes { panels in
            wide.withUnsafeBufferPointer { x in
                scratch.withUnsafeMutableBufferPointer { scratch in
                    y.withUnsafeMutableBufferPointer { y in
                        var call = hebb_product(
                            weights: panels.baseAddress, outputs: outputs, inputs: inputs,
                            x: x.baseAddress, x_stride: strideX, rows: rows,
                            scratch: scratch.baseAddress, y: y.baseAddress, y_stride: strideY)
                        table.kernels.pack_product(&call)
                        switch type {
                        case .float32: table.kernels.product_f32(&call)
                        case .bfloat16: table.kernels.product_bf16(&call)
                        case .float16: table.kernels.product_f16(&call)
                        default: preconditionFailure("\(type) has no elements")
                        }
                    }
                }
            }
        }
        return (0..<rows).flatMap { row in
            #expect(y[row * strideY + outputs] == 77, "wrote past the end of a row")
            return Array(y[row * strideY..<row * strideY + outputs])
        }
    }

    @Test(
        "Products are right for every shape, type and alignment, to the reference's last bit",
        arguments: KernelTable.all, types)
    func products(table: KernelTable, type: WeightEncoding) {
        var generator = SeededGenerator(seed: 9)
        for outputs in [1, 7, 16, 33, 64, 65, 130] {
            for inputs in [1, 2, 17, 64, 75] {
                for inputsFirst in [false, true] {
                    let raw = (0..<outputs * inputs).map { _ in generator.normal() }
                    let (bytes, w) = Self.encode(raw, type, offset: 1)
                    let rows = 3
                    let x = (0..<rows * inputs).map { _ in generator.normal() }
                    let found = product(
                        table, type, bytes, offset: 1, outputs: outputs, inputs: inputs,
                        inputsFirst: inputsFirst, x, rows: rows)
                    for row in 0..<rows {
                        for output in 0..<outputs {
                            var (sum, exact): (Float, Double) = (0, 0)
                            for input in 0..<inputs {
                                let weight =
                                    w[
                                        inputsFirst
                                            ? input * outputs + output : output * inputs + input]
                                sum.addProduct(weight, x[row * inputs + input])
                                exact += Double(weight) * Double(x[row * inputs + input])
                            }
                            let value = found[row * outputs + output]
                            #expect(value.bitPattern == sum.bitPattern)
                            #expect(agree(value, Float(exact), 1e-6, scale: Float(inputs)))
                        }
                    }
                }
            }
        }
    }

    @Test(
        "A row's product does not depend on how many rows there are, for any number of them",
        arguments: KernelTable.all, types)
    func rowCounts(table: KernelTable, type: WeightEncoding) {
        var generator = SeededGenerator(seed: 11)
        let (outputs, inputs, most) = (97, 29, 61)
        let raw = (0..<outputs * inputs).map { _ in generator.normal() }
        let bytes = Self.encode(raw, type, offset: 0).bytes
        let x = (0..<most * inputs).map { _ in generator.normal() }
        let single = (0..<most).flatMap { row in
            product(
                table, type, bytes, offset: 0, outputs: outputs, inputs: inputs,
                Array(x[row * inputs..<(row + 1) * inputs]), rows: 1)
        }
        for rows in 2...most {
            let together = product(
                table, type, bytes, offset: 0, outputs: outputs, inputs: inputs,
                Array(x[..<(rows * inputs)]), rows: rows)
            #expect(
                together.map(\.bitPattern) == single[..<(rows * outputs)].map(\.bitPattern),
                "\(rows) rows")
        }
    }

    @Test("A matrix times a vector is right for every shape", arguments: KernelTable.all)
    func vectors(table: KernelTable) {
        var generator = SeededGenerator(seed: 12)
        for rows in [1, 2, 3, 4, 5, 7, 9] {
            for cols in [1, 2, 7, 8, 15, 16, 17, 31, 33, 64, 65, 130, 257] {
                let w = (0..<rows * cols).map { _ in generator.normal() }
                for transposed in [false, true] {
                    let x = (0..<(transposed ? rows : cols)).map { _ in generator.normal() }
                    let count = transposed ? cols : rows
                    var y = [Float](repeating: .nan, count: count + 1)
                    y[count] = 77
                    let function =
                        transposed ? table.kernels.gemv_transposed : table.kernels.gemv
                    function!(w, x, &y, rows, cols)
                    let exact = (0..<count).map { index in
                        x.indices.reduce(0.0) { sum, i in
                            let weight = transposed ? w[i * cols + index] : w[index * cols + i]
                            return sum + Double(weight) * Double(x[i])
                        }
                    }
                    #expect(y[count] == 77, "wrote past the end")
                    #expect(
                        agree(
                            Array(y.dropLast()), exact.map { Float($0) }, 1e-6,
                            scale: Float(x.count)),
                        "\(rows)x\(cols), transposed \(transposed)")
                }
            }
        }
    }

    @Test("A row of a matrix gives the same whatever stands beside it", arguments: KernelTable.all)
    func rowIndependence(table: KernelTable) {
        var generator = SeededGenerator(seed: 10)
        let (rows, cols) = (11, 75)
        let w = (0..<rows * cols).map { _ in generator.normal() }
        let x = (0..<cols).map { _ in generator.normal() }
        var all = [Float](repeating: 0, count: rows)
        table.kernels.gemv(w, x, &all, rows, cols)
        for row in 0..<rows {
            var one: Float = 0
            table.kernels.gemv(Array(w[row * cols..<(row + 1) * cols]), x, &one, 1, cols)
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
                table.kernels.gemv(w, x, &y, rows, cols)
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
