import CKernels
import Foundation
import Kernels
import Synchronization
import Testing

/// Products and other work shared by threads.
@Suite struct WorkerPoolTests {
    static let encodings: [WeightEncoding] = [.float32, .bfloat16, .float16, .q4_1, .q8_0, .q6_K]

    /// A matrix that is worth several parts, and rows to multiply it with.
    private static func work(
        _ encoding: WeightEncoding, rows: Int
    ) -> (matrix: PanelMatrix, x: [Float]) {
        var generator = SeededGenerator(seed: 6)
        let (outputs, inputs) = (1001, 256)
        let x = (0..<rows * inputs).map { _ in generator.normal() }
        if encoding.isQuantized {
            let made = QuantizedMatrix(
                encoding, outputs: outputs, inputs: inputs, using: &generator)
            return (
                PanelMatrix(made.bytes.span.bytes, encoding, inputs: inputs, outputs: outputs), x
            )
        }
        let raw = (0..<outputs * inputs).map { _ in generator.normal() }
        let bytes = MatrixVariantTests.encode(raw, encoding, offset: 0).bytes
        return (PanelMatrix(bytes.span.bytes, encoding, inputs: inputs, outputs: outputs), x)
    }

    private static func product(
        _ matrix: PanelMatrix, _ x: [Float], rows: Int, on pool: WorkerPool?
    ) -> [UInt32] {
        var scratch = [Float](repeating: 0, count: x.count)
        var y = [Float](repeating: .nan, count: rows * matrix.outputs)
        var room = scratch.mutableSpan
        var out = y.mutableSpan
        matrix.multiply(
            x.span, rows: rows, strideX: matrix.inputs, scratch: &room, on: pool, into: &out,
            strideY: matrix.outputs)
        return y.map(\.bitPattern)
    }

    @Test("Any number of threads gives the same bits", arguments: encodings)
    func bits(encoding: WeightEncoding) {
        for rows in [1, 3, 37] {
            let (matrix, x) = Self.work(encoding, rows: rows)
            let alone = Self.product(matrix, x, rows: rows, on: nil)
            for threads in 1...4 {
                let pool = WorkerPool(threads: threads)
                #expect(pool.threads == threads)
                for _ in 0..<20 {
                    let isSame = Self.product(matrix, x, rows: rows, on: pool) == alone
                    #expect(isSame, "\(rows) rows on \(threads) threads")
                }
            }
        }
    }

    @Test("Every part of every work is done once, whether the threads spin or sleep")
    func parts() {
        final class Counts: Sendable { let done = (0..<40).map { _ in Count() } }
        final class Count: Sendable { let value = Atomic(0) }
        let counts = Counts()
        let pool = hebb_pool_create(3)
        defer { hebb_pool_destroy(pool) }
        var expected = [Int](repeating: 0, count: 40)
        for turn in 0..<3000 {
            let parts = turn % 41
            for part in 0..<parts { expected[part] += 1 }
            hebb_pool_run(
                pool,
                { context, index, thread in
                    precondition(thread < 3)
                    let counts = Unmanaged<Counts>.fromOpaque(context!).takeUnretainedValue()
                    counts.done[index].value.add(1, ordering: .relaxed)
                }, Unmanaged.passUnretained(counts).toOpaque(), parts)
            if turn % 100 == 0 { usleep(100) }
        }
        #expect(counts.done.map { $0.value.load(ordering: .relaxed) } == expected)
    }

    @Test("Callers on several threads share one pool")
    func callers() async {
        let pool = WorkerPool(threads: 2)
        let (matrix, x) = Self.work(.q4_1, rows: 2)
        let alone = Self.product(matrix, x, rows: 2, on: nil)
        let areSame = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    (0..<50).allSatisfy { _ in
                        Self.product(matrix, x, rows: 2, on: pool) == alone
                    }
                }
            }
            return await group.reduce(true) { $0 && $1 }
        }
        #expect(areSame)
    }
}
