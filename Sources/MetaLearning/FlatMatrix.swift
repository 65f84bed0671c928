import Kernels

/// Operations on rows of flat matrices that are stored properties: a span of one may not live while
/// its owner is touched, so each call opens and closes its own.
enum FlatMatrix {
    /// c = a·bᵀ, a [m, k], b = parameters[range] [n, k].
    static func product(
        _ a: [Float], _ parameters: [Float], _ range: Range<Int>, m: Int, k: Int, n: Int,
        into c: inout [Float]
    ) {
        var output = c.mutableSpan
        BLAS.multiply(
            a: a.span, b: parameters.span.extracting(range), m: m, k: k, n: n, transposeB: true,
            into: &output)
    }

    /// c [m, n] = w·b, w the first k of `stride` columns of parameters[range], b [k, n].
    static func weightedRows(
        _ parameters: [Float], _ range: Range<Int>, stride: Int, of b: [Float], k: Int, m: Int,
        n: Int, into c: inout [Float]
    ) {
        var output = c.mutableSpan
        BLAS.multiply(
            a: parameters.span.extracting(range), b: b.span, m: m, k: k, n: n, leadingA: stride,
            into: &output)
    }

    /// c += wᵀ·b, w the first m of `stride` columns of parameters[range] [k, …], b [k, n].
    static func addWeightedColumns(
        _ parameters: [Float], _ range: Range<Int>, stride: Int, of b: [Float], k: Int, m: Int,
        n: Int, to c: inout [Float]
    ) {
        var output = c.mutableSpan
        BLAS.multiply(
            a: parameters.span.extracting(range), b: b.span, m: m, k: k, n: n, transposeA: true,
            beta: 1, leadingA: stride, into: &output)
    }

    /// c = beta·c + a·b, a [m, k], b = parameters[range] [k, n].
    static func back(
        _ a: [Float], _ parameters: [Float], _ range: Range<Int>, m: Int, k: Int, n: Int,
        beta: Float, into c: inout [Float]
    ) {
        var output = c.mutableSpan
        BLAS.multiply(
            a: a.span, b: parameters.span.extracting(range), m: m, k: k, n: n, beta: beta,
            into: &output)
    }

    /// gradient[range] = aᵀ·b with a [k, m], b [k, n], or a·bᵀ with a [m, k], b [n, k] when
    /// `across`; rows `stride` apart.
    static func gradient(
        _ a: [Float], _ b: [Float], m: Int, k: Int, n: Int, across: Bool = false,
        stride: Int? = nil, into gradient: inout [Float], _ range: Range<Int>
    ) {
        var all = gradient.mutableSpan
        var output = all._mutatingExtracting(range)
        BLAS.multiply(
            a: a.span, b: b.span, m: m, k: k, n: n, transposeA: !across, transposeB: across,
            leadingC: stride, into: &output)
    }

    /// Adds parameters[range] to each row.
    static func addToRows(
        _ parameters: [Float], _ range: Range<Int>, rows: Int, of matrix: inout [Float]
    ) {
        var all = matrix.mutableSpan
        for row in 0..<rows {
            var part = all._mutatingExtracting(row * range.count..<(row + 1) * range.count)
            VectorKernels.addScaled(parameters.span.extracting(range), 1, to: &part)
        }
    }

    /// gradient[range] = Σ of the rows of a matrix.
    static func sumRows(
        _ matrix: [Float], rows: Int, into gradient: inout [Float], _ range: Range<Int>
    ) {
        var all = gradient.mutableSpan
        var output = all._mutatingExtracting(range)
        for row in 0..<rows {
            VectorKernels.addScaled(
                matrix.span.extracting(row * range.count..<(row + 1) * range.count), 1, to: &output)
        }
    }

    /// target[0..<columns] += factor·matrix[row].
    static func add(
        _ matrix: [Float], row: Int, columns: Int, factor: Float, to target: inout [Float]
    ) {
        var all = target.mutableSpan
        var output = all._mutatingExtracting(0..<columns)
        VectorKernels.addScaled(
            matrix.span.extracting(row * columns..<(row + 1) * columns), factor, to: &output)
    }

    static func scale(
        _ source: [Float], by factor: Float, into target: inout [Float], _ range: Range<Int>
    ) {
        let from = source.span
        var to = target.mutableSpan
        for index in range { to[index] = factor * from[index] }
    }

    /// resting[row + range] = level·levels[range] + bias.
    static func rest(
        _ resting: inout [Float], _ levels: [Float], level: Float, bias: Float, row: Int,
        _ range: Range<Int>
    ) {
        let from = levels.span
        var to = resting.mutableSpan
        for index in range { to[row + index] = level * from[index] + bias }
    }

    static func tanh(_ matrix: inout [Float], _ count: Int) {
        var all = matrix.mutableSpan
        var part = all._mutatingExtracting(0..<count)
        VectorKernels.tanh(&part)
    }

    /// Softmax of a part in place. Returns its logSumExp.
    static func softmax(_ logits: inout [Float], _ range: Range<Int>) -> Float {
        let copy = Array(logits[range])
        var all = logits.mutableSpan
        var part = all._mutatingExtracting(range)
        return VectorKernels.softmax(copy.span, into: &part)
    }

    static func logSumExp(_ logits: [Float], _ range: Range<Int>) -> Float {
        var scratch = [Float](repeating: 0, count: range.count)
        var span = scratch.mutableSpan
        return VectorKernels.logSumExp(logits.span.extracting(range), scratch: &span)
    }

    static func widen(
        _ halves: [Float16], _ from: Range<Int>, into floats: inout [Float], _ to: Range<Int>
    ) {
        var all = floats.mutableSpan
        var part = all._mutatingExtracting(to)
        MatrixKernels.widen(halves.span.extracting(from).bytes, .float16, into: &part)
    }

    static func dot(_ a: [Float], _ rangeA: Range<Int>, _ b: [Float], _ rangeB: Range<Int>) -> Float
    {
        VectorKernels.dot(a.span.extracting(rangeA), b.span.extracting(rangeB))
    }

    static func sum(_ a: [Float], _ range: Range<Int>) -> Float {
        VectorKernels.sum(a.span.extracting(range))
    }
}
