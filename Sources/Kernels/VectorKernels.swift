import CKernels

/// Elementwise kernels and reductions over vectors of `Float`.
///
/// All are deterministic within one ``KernelClass``, run in O(n) and allocate nothing. Sums are
/// taken in several interleaved single-precision accumulators.
public enum VectorKernels {
    /// probabilities = exp(z − logSumExp(z)).
    ///
    /// Infinite logits are meant as limits: with +∞ among them those share all probability; when
    /// all are −∞ the result is uniform. A NaN makes every result NaN.
    /// - Parameters:
    ///   - logits: z, shape [n], any magnitude.
    ///   - probabilities: shape [n].
    /// - Returns: ln Σ exp(z), in nats; −∞ for an empty vector.
    public static func softmax(
        _ logits: Span<Float>, into probabilities: inout MutableSpan<Float>
    ) -> Float {
        precondition(logits.count == probabilities.count, "softmax: shapes differ")
        let peak = maximum(logits)
        if peak.isInfinite { return limitSoftmax(logits, peak, into: &probabilities) }
        let count = logits.count
        let total = logits.withUnsafeBufferPointer { z in
            probabilities.withUnsafeMutableBufferPointer { p -> Float in
                let total = kernels.pointee.exp_sum(z.baseAddress, peak, p.baseAddress, count)
                kernels.pointee.scale(p.baseAddress, 1 / total, count)
                return total
            }
        }
        return peak + logarithm(total)
    }

    /// p = softmax(z0 + dz), without a buffer for the sum.
    ///
    /// - Parameters:
    ///   - base: z0, shape [n].
    ///   - change: dz, shape [n].
    ///   - probabilities: p, shape [n].
    /// - Returns: ln Σ exp(z0 + dz), in nats. Special values as in ``softmax(_:into:)``.
    public static func softmaxOfSum(
        _ base: Span<Float>, _ change: Span<Float>, into probabilities: inout MutableSpan<Float>
    ) -> Float {
        precondition(
            base.count == change.count && base.count == probabilities.count,
            "softmaxOfSum: shapes differ")
        let count = base.count
        let (peak, total) = base.withUnsafeBufferPointer { a in
            change.withUnsafeBufferPointer { b in
                probabilities.withUnsafeMutableBufferPointer { p -> (Float, Float) in
                    let table = kernels.pointee
                    let peak = table.add_maximum(
                        a.baseAddress, b.baseAddress, p.baseAddress, count)
                    if peak.isInfinite { return (peak, 0) }
                    let total = table.exp_sum(p.baseAddress, peak, p.baseAddress, count)
                    table.scale(p.baseAddress, 1 / total, count)
                    return (peak, total)
                }
            }
        }
        if peak.isInfinite {
            let sums = (0..<count).map { probabilities[$0] }
            return limitSoftmax(sums.span, peak, into: &probabilities)
        }
        return peak + logarithm(total)
    }

    /// ln Σ exp(z), in nats, in two passes over `logits`; special values as in
    /// ``softmax(_:into:)``.
    ///
    /// - Parameters:
    ///   - logits: z, shape [n].
    ///   - scratch: at least n elements, overwritten.
    public static func logSumExp(
        _ logits: Span<Float>, scratch: inout MutableSpan<Float>
    ) -> Float {
        precondition(scratch.count >= logits.count, "logSumExp: scratch too small")
        let peak = maximum(logits)
        if peak.isInfinite || peak.isNaN { return peak }
        let count = logits.count
        let total = logits.withUnsafeBufferPointer { z in
            scratch.withUnsafeMutableBufferPointer { s in
                kernels.pointee.exp_sum(z.baseAddress, peak, s.baseAddress, count)
            }
        }
        return peak + logarithm(total)
    }

    /// out = tanh(x), within 3e-7 relative; ±1 for ±∞, NaN for NaN. Both of shape [n].
    public static func tanh(_ x: Span<Float>, into out: inout MutableSpan<Float>) {
        precondition(x.count == out.count, "tanh: shapes differ")
        x.withUnsafeBufferPointer { x in
            out.withUnsafeMutableBufferPointer { out in
                kernels.pointee.tanh(x.baseAddress, out.baseAddress, x.count)
            }
        }
    }

    /// x ← tanh(x), as ``tanh(_:into:)``.
    public static func tanh(_ x: inout MutableSpan<Float>) {
        x.withUnsafeMutableBufferPointer {
            kernels.pointee.tanh($0.baseAddress, $0.baseAddress, $0.count)
        }
    }

    /// out = ln(max(x, 2⁻¹²⁶)), within 2 units in the last place; ∞ for ∞, NaN for NaN. The same bits
    /// in every ``KernelClass``. Both of shape [n].
    public static func logarithm(of x: Span<Float>, into out: inout MutableSpan<Float>) {
        precondition(x.count == out.count, "logarithm: shapes differ")
        x.withUnsafeBufferPointer { x in
            out.withUnsafeMutableBufferPointer { out in
                kernels.pointee.logarithm(x.baseAddress, out.baseAddress, x.count)
            }
        }
    }

    /// y ← y + s·x; both of shape [n].
    public static func addScaled(
        _ x: Span<Float>, _ scale: Float, to y: inout MutableSpan<Float>
    ) {
        precondition(x.count == y.count, "addScaled: shapes differ")
        x.withUnsafeBufferPointer { x in
            y.withUnsafeMutableBufferPointer { y in
                kernels.pointee.add_scaled(x.baseAddress, scale, y.baseAddress, x.count)
            }
        }
    }

    /// y ← s·y.
    public static func scale(_ y: inout MutableSpan<Float>, by factor: Float) {
        y.withUnsafeMutableBufferPointer { y in
            kernels.pointee.scale(y.baseAddress, factor, y.count)
        }
    }

    /// y ← x; both of shape [n].
    public static func copy(_ x: Span<Float>, into y: inout MutableSpan<Float>) {
        precondition(x.count == y.count, "copy: shapes differ")
        x.withUnsafeBufferPointer { x in
            y.withUnsafeMutableBufferPointer { y in _ = y.update(from: x) }
        }
    }

    /// Σ aᵢ·bᵢ; both of shape [n].
    public static func dot(_ a: Span<Float>, _ b: Span<Float>) -> Float {
        precondition(a.count == b.count, "dot: shapes differ")
        return a.withUnsafeBufferPointer { a in
            b.withUnsafeBufferPointer { b in
                kernels.pointee.dot(a.baseAddress, b.baseAddress, a.count)
            }
        }
    }

    /// Σ aᵢ.
    public static func sum(_ a: Span<Float>) -> Float {
        a.withUnsafeBufferPointer { kernels.pointee.sum($0.baseAddress, $0.count) }
    }

    /// The greatest element; −∞ for an empty vector, NaN when any element is NaN.
    public static func maximum(_ a: Span<Float>) -> Float {
        a.withUnsafeBufferPointer { kernels.pointee.maximum($0.baseAddress, $0.count) }
    }

    /// Whether no element is NaN or infinite.
    public static func isFinite(_ a: Span<Float>) -> Bool {
        a.withUnsafeBufferPointer { kernels.pointee.is_finite($0.baseAddress, $0.count) }
    }

    /// out = (1 − u)·p0 + u·p; all of shape [n].
    public static func mix(
        _ p0: Span<Float>, _ p: Span<Float>, weight u: Float, into out: inout MutableSpan<Float>
    ) {
        precondition(p0.count == p.count && p.count == out.count, "mix: shapes differ")
        p0.withUnsafeBufferPointer { p0 in
            p.withUnsafeBufferPointer { p in
                out.withUnsafeMutableBufferPointer { out in
                    kernels.pointee.mix(
                        p0.baseAddress, p.baseAddress, u, out.baseAddress, out.count)
                }
            }
        }
    }

    /// Σ pᵢ ln(pᵢ/qᵢ), in nats, with 0·ln 0 = 0.
    ///
    /// Accurate to about 1e-6 absolute for distributions, subnormal q included; +∞ where q is 0 and
    /// p is not, NaN for NaN. For equal p and q rounding may leave a value just under zero.
    /// - Precondition: both have the same shape and no element is negative.
    public static func klDivergence(_ p: Span<Float>, _ q: Span<Float>) -> Float {
        precondition(p.count == q.count, "klDivergence: shapes differ")
        return p.withUnsafeBufferPointer { p in
            q.withUnsafeBufferPointer { q in
                kernels.pointee.kl_divergence(p.baseAddress, q.baseAddress, p.count)
            }
        }
    }
}
