import CKernels
import Foundation
import Kernels

/// An implementation of quantised products under test.
struct QuantizedTable: Sendable, CustomStringConvertible {
    /// Points to a constant of the C library.
    nonisolated(unsafe) let pointer: UnsafePointer<hebb_quantized_kernels>
    var description: String { String(cString: pointer.pointee.name) }

    static let scalar = QuantizedTable(pointer: hebb_quantized_scalar())

    /// Every one that this machine runs.
    static let all: [QuantizedTable] =
        [scalar]
        + [hebb_quantized_avx2(), hebb_quantized_vnni(), hebb_quantized_neon()]
        .compactMap { $0 }.map { QuantizedTable(pointer: $0) }
}

/// The quantised encodings, in the order that C numbers them.
let quantizedEncodings = WeightEncoding.allCases.filter(\.isQuantized)

/// Blocks that `make_quantized.py` made, with their values.
struct QuantizedFixture: Decodable {
    let blocks: Data
    let values: Data

    static func all() throws -> [String: QuantizedFixture] {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appending(path: "Fixtures/quantized.json")
        return try JSONDecoder().decode(
            [String: QuantizedFixture].self, from: Data(contentsOf: file))
    }
}

/// A random matrix in some encoding, with the values of its elements.
struct QuantizedMatrix {
    let encoding: WeightEncoding
    let inputs: Int
    let outputs: Int
    let bytes: [UInt8]
    /// Shape [outputs, inputs].
    let values: [Float]

    /// Random bytes; the halves of each block are about `scale`.
    init(
        _ encoding: WeightEncoding, outputs: Int, inputs: Int, scale: Float = 0.01,
        using generator: inout SeededGenerator
    ) {
        let count = encoding.byteCount(elements: outputs * inputs)
        var bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
        for start in stride(from: 0, to: count, by: encoding.blockBytes) {
            for place in Self.halves(of: encoding) {
                let bits = Float16(scale * generator.normal()).bitPattern
                bytes[start + place] = UInt8(truncatingIfNeeded: bits)
                bytes[start + place + 1] = UInt8(bits >> 8)
            }
        }
        self.init(encoding, outputs: outputs, bytes: bytes)
    }

    /// - Parameter bytes: whole rows.
    init(_ encoding: WeightEncoding, outputs: Int, bytes: [UInt8]) {
        inputs = bytes.count / outputs / encoding.blockBytes * encoding.blockElements
        var values = [Float](repeating: .nan, count: outputs * inputs)
        var out = values.mutableSpan
        MatrixKernels.widen(bytes.span.bytes, encoding, into: &out)
        self.encoding = encoding
        self.outputs = outputs
        self.bytes = bytes
        self.values = values
    }

    /// Where a block has its halves.
    static func halves(of encoding: WeightEncoding) -> [Int] {
        switch encoding {
        case .q4_1, .q5_1, .q4_K, .q5_K: [0, 2]
        case .q6_K: [208]
        default: [0]
        }
    }

    /// In panels, behind which nothing may be written.
    func panels() -> [UInt8] {
        let encoding = hebb_encoding(UInt32(quantizedEncodings.firstIndex(of: encoding)!))
        let panel = Int(HEBB_QUANTIZED_PANEL)
        let count = (outputs + panel - 1) / panel * hebb_quantized_panel_bytes(encoding, inputs)
        var panels = [UInt8](repeating: 0xa5, count: count + 64)
        hebb_pack_quantized(encoding, bytes, outputs, inputs, &panels)
        precondition(panels[count...].allSatisfy { $0 == 0xa5 }, "packed past the end")
        return panels
    }
}

/// A row of activations as its bytes say: what `hebb_quantized_kernels.quantize` must come to.
func roundedByBlocks(_ row: [Float]) -> (values: [Float], scales: [Float]) {
    var (values, scales): ([Float], [Float]) = ([], [])
    for start in stride(from: 0, to: row.count, by: QuantizedRows.blockElements) {
        let block = row[start..<start + QuantizedRows.blockElements]
        let peak = block.map(\.magnitude).max()!
        scales.append(peak / 127)
        values += block.map { ($0 * (127 / peak)).rounded(.toNearestOrEven) * (peak / 127) }
    }
    return (values, scales)
}
