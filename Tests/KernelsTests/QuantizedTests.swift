import CKernels
import Foundation
import Kernels
import Testing

/// Quantised weights: their values, and their products in every implementation.
@Suite struct QuantizedTests {
    /// x·Wᵀ by one table, by way of C; rows of x and y have room behind them, which must stay.
    static func product(
        _ table: QuantizedTable, _ matrix: QuantizedMatrix, _ panels: [UInt8], _ x: [Float],
        rows: Int, first: Int = 0, count: Int? = nil
    ) -> [Float] {
        let (inputs, outputs) = (matrix.inputs, matrix.outputs)
        let (strideX, strideY) = (inputs + 3, outputs + 2)
        var wide = [Float](repeating: .nan, count: rows * strideX)
        for row in 0..<rows {
            for column in 0..<inputs { wide[row * strideX + column] = x[row * inputs + column] }
        }
        let words = rows * inputs / 32 * (32 + MemoryLayout<hebb_block_sums>.size) / 8
        var packed = [UInt64](repeating: 0x5a, count: words + 1)
        packed.withUnsafeMutableBytes {
            table.pointer.pointee.quantize(wide, strideX, rows, inputs, $0.baseAddress)
        }
        #expect(packed[words] == 0x5a, "wrote past the end of the rows")
        var y = [Float](repeating: 77, count: rows * strideY)
        panels.withUnsafeBytes { panels in
            packed.withUnsafeBytes { packed in
                y.withUnsafeMutableBufferPointer { y in
                    var call = hebb_quantized_product(
                        encoding: hebb_encoding(
                            UInt32(quantizedEncodings.firstIndex(of: matrix.encoding)!)),
                        panels: panels.baseAddress, outputs: outputs, inputs: inputs,
                        first: first, count: count ?? outputs, x: packed.baseAddress, rows: rows,
                        y: y.baseAddress, y_stride: strideY)
                    table.pointer.pointee.product(&call)
                }
            }
        }
        let range = first..<first + (count ?? outputs)
        return (0..<rows).flatMap { row in
            for place in 0..<strideY where !range.contains(place) {
                #expect(y[row * strideY + place] == 77, "wrote beside the asked outputs")
            }
            return Array(y[row * strideY..<row * strideY + outputs])
        }
    }

    /// The same bits, or a NaN for a NaN.
    static func same(_ a: [Float], _ b: [Float]) -> Bool {
        a.count == b.count
            && zip(a, b).allSatisfy { $0.bitPattern == $1.bitPattern || $0.isNaN && $1.isNaN }
    }

    @Test("Blocks have the values that ggml gives them, to the last bit")
    func values() throws {
        let fixtures = try QuantizedFixture.all()
        #expect(Set(fixtures.keys) == Set(quantizedEncodings.map { "\($0)" }))
        for encoding in quantizedEncodings {
            let fixture = try #require(fixtures["\(encoding)"])
            let expected = fixture.values.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
            #expect(expected.count >= 1024)
            var found = [Float](repeating: 77, count: expected.count)
            var out = found.mutableSpan
            MatrixKernels.widen([UInt8](fixture.blocks).span.bytes, encoding, into: &out)
            let isSame = Self.same(found, expected)
            #expect(isSame, "\(encoding)")
        }
    }

    @Test(
        "A product is that of the blocks' values with the rounded rows, for every shape",
        arguments: QuantizedTable.all, quantizedEncodings)
    func products(table: QuantizedTable, encoding: WeightEncoding) {
        var generator = SeededGenerator(seed: 1)
        for outputs in [1, 7, 31, 32, 33, 70] {
            for blocks in [1, 3] {
                let matrix = QuantizedMatrix(
                    encoding, outputs: outputs, inputs: blocks * encoding.blockElements,
                    using: &generator)
                let inputs = matrix.inputs
                let x = (0..<3 * inputs).map { _ in generator.normal() }
                let found = Self.product(table, matrix, matrix.panels(), x, rows: 3)
                for row in 0..<3 {
                    let exact = Array(x[row * inputs..<(row + 1) * inputs])
                    let (rounded, scales) = roundedByBlocks(exact)
                    for output in 0..<outputs {
                        let w = matrix.values[output * inputs..<(output + 1) * inputs].map(
                            Double.init)
                        let expected = zip(w, rounded).reduce(0) { $0 + $1.0 * Double($1.1) }
                        let ideal = zip(w, exact).reduce(0) { $0 + $1.0 * Double($1.1) }
                        let size = zip(w, rounded).reduce(0) { $0 + abs($1.0 * Double($1.1)) }
                        let allowed = w.enumerated().reduce(0) {
                            $0 + abs($1.element) * Double(scales[$1.offset / 32]) / 2
                        }
                        let value = Double(found[row * outputs + output])
                        #expect(abs(value - expected) <= 2e-6 * size)
                        #expect(abs(value - ideal) <= 1.001 * allowed + 2e-6 * size)
                    }
                }
            }
        }
    }

    @Test(
        "Every implementation has the same bits, alone and among up to forty rows",
        arguments: quantizedEncodings)
    func bits(encoding: WeightEncoding) {
        var generator = SeededGenerator(seed: 2)
        let matrix = QuantizedMatrix(
            encoding, outputs: 75, inputs: 2 * encoding.blockElements, using: &generator)
        let (inputs, outputs, most) = (matrix.inputs, matrix.outputs, 40)
        let panels = matrix.panels()
        let x = (0..<most * inputs).map { _ in generator.normal() }
        let reference = Self.product(.scalar, matrix, panels, x, rows: most)
        for table in QuantizedTable.all {
            for rows in 1...most {
                let found = Self.product(table, matrix, panels, x, rows: rows)
                let isSame = Self.same(found, Array(reference[..<(rows * outputs)]))
                #expect(isSame, "\(table) \(rows)")
            }
            for row in [1, 17, 39] {
                let one = Array(x[row * inputs..<(row + 1) * inputs])
                let found = Self.product(table, matrix, panels, one, rows: 1)
                let isSame = Self.same(found, Array(reference[row * outputs..<(row + 1) * outputs]))
                #expect(isSame)
            }
        }
    }

    @Test("A part of the outputs is computed alone", arguments: QuantizedTable.all)
    func ranges(table: QuantizedTable) {
        var generator = SeededGenerator(seed: 3)
        let matrix = QuantizedMatrix(.q4_1, outputs: 107, inputs: 96, using: &generator)
        let panels = matrix.panels()
        let x = (0..<5 * 96).map { _ in generator.normal() }
        let whole = Self.product(table, matrix, panels, x, rows: 5)
        for (first, count) in [(0, 32), (32, 64), (64, 43), (96, 11), (32, 0)] {
            let found = Self.product(table, matrix, panels, x, rows: 5, first: first, count: count)
            for row in 0..<5 {
                let part = row * 107 + first..<row * 107 + first + count
                #expect(found[part] == whole[part])
            }
        }
    }

    @Test(
        "Scales and rows at the edge of floats give the same in every implementation",
        arguments: quantizedEncodings)
    func hostile(encoding: WeightEncoding) {
        var generator = SeededGenerator(seed: 4)
        for scale in [Float(0), 1e-7, 6e4, .infinity, .nan] {
            let matrix = QuantizedMatrix(
                encoding, outputs: 33, inputs: 2 * encoding.blockElements, scale: scale,
                using: &generator)
            let panels = matrix.panels()
            let (inputs, outputs) = (matrix.inputs, matrix.outputs)
            let magnitudes: [Float] = [0, 1, 0x1p-140, 1e-36, 1e-31, 7e-31, 1e30, 3e37, 3e38]
            var x = magnitudes.flatMap { size in
                (0..<inputs).map { _ in size * (2 * generator.uniform() - 1) }
            }
            for poison in [Float.nan, -.infinity] {
                var row = (0..<inputs).map { _ in generator.normal() }
                row[inputs - 1] = poison
                x += row
            }
            // The greatest bytes that there are, against the greatest weights that there are.
            x += [Float](repeating: -1, count: inputs)
            let rows = x.count / inputs
            let reference = Self.product(.scalar, matrix, panels, x, rows: rows)
            for table in QuantizedTable.all {
                let found = Self.product(table, matrix, panels, x, rows: rows)
                let isSame = Self.same(found, reference)
                #expect(isSame, "\(table), scale \(scale)")
            }
            func row(_ index: Int) -> ArraySlice<Float> {
                reference[index * outputs..<(index + 1) * outputs]
            }
            for index in [9, 10] { #expect(row(index).allSatisfy { $0.isNaN }) }
            guard scale < 1 else { continue }
            #expect(row(1).allSatisfy { $0.isFinite })
            for index in [0, 2, 3, 4, 5] { #expect(row(index).allSatisfy { $0 == 0 }) }
        }
    }

    @Test("The greatest sums of a block do not overflow", arguments: quantizedEncodings)
    func greatest(encoding: WeightEncoding) {
        for byte in [UInt8(0xff), 0x00, 0x80, 0x7f] {
            var bytes = [UInt8](
                repeating: byte, count: encoding.byteCount(elements: encoding.blockElements))
            for place in QuantizedMatrix.halves(of: encoding) {
                bytes.replaceSubrange(place..<place + 2, with: [0, 0x3c])
            }
            let matrix = QuantizedMatrix(encoding, outputs: 1, bytes: bytes)
            for sign in [Float(1), -1] {
                let x = [Float](repeating: 127 * sign, count: matrix.inputs)
                let exact = matrix.values.reduce(0.0) { $0 + Double($1) * 127 * Double(sign) }
                for table in QuantizedTable.all {
                    let found = Self.product(table, matrix, matrix.panels(), x, rows: 1)
                    #expect(abs(Double(found[0]) - exact) <= 1e-6 * abs(exact), "\(table) \(byte)")
                }
            }
        }
    }

    @Test("A matrix multiplies floats and rows in bytes alike", arguments: quantizedEncodings)
    func panelMatrix(encoding: WeightEncoding) {
        var generator = SeededGenerator(seed: 5)
        let matrix = QuantizedMatrix(
            encoding, outputs: 45, inputs: encoding.blockElements, using: &generator)
        let panels = PanelMatrix(
            matrix.bytes.span.bytes, encoding, inputs: matrix.inputs, outputs: 45)
        var quantized = QuantizedRows()
        for rows in [1, 19, 2, 0] {
            let x = (0..<rows * matrix.inputs).map { _ in generator.normal() }
            let expected = Self.product(.scalar, matrix, matrix.panels(), x, rows: rows)
            var scratch = [Float](repeating: .nan, count: rows * matrix.inputs)
            var y = [Float](repeating: 77, count: rows * 45)
            do {
                var room = scratch.mutableSpan
                var out = y.mutableSpan
                panels.multiply(
                    x.span, rows: rows, strideX: matrix.inputs, scratch: &room, into: &out,
                    strideY: 45)
            }
            let isSame = Self.same(y, expected)
            #expect(isSame)
            quantized.quantize(x.span, rows: rows, strideX: matrix.inputs, inputs: matrix.inputs)
            var again = [Float](repeating: 77, count: rows * 45)
            var out = again.mutableSpan
            panels.multiply(quantized, into: &out, strideY: 45)
            let isSameAgain = Self.same(again, expected)
            #expect(isSameAgain)
        }
    }
}
