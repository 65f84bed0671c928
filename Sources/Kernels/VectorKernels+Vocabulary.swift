import CKernels

/// Passes over a distribution that do several things at once.
extension VectorKernels {
    /// KL((1−u)·q + u·p ‖ q), in nats, and the mixture itself: ``mix(_:_:weight:into:)`` and
    /// ``klDivergence(_:_:)`` in one pass, with their bits.
    /// - Parameters:
    ///   - q, p: shape [n].
    ///   - output: the mixture, shape [n]; nothing is written where it is empty.
    public static func mixedDivergence(
        _ q: Span<Float>, _ p: Span<Float>, weight u: Float, into output: inout MutableSpan<Float>
    ) -> Float {
        precondition(
            q.count == p.count && (output.isEmpty || output.count == q.count),
            "mixedDivergence: shapes differ")
        let isWritten = !output.isEmpty
        return q.withUnsafeBufferPointer { q in
            p.withUnsafeBufferPointer { p in
                output.withUnsafeMutableBufferPointer { output in
                    kernels.pointee.mixed_divergence(
                        q.baseAddress, p.baseAddress, u, isWritten ? output.baseAddress : nil,
                        q.count)
                }
            }
        }
    }

    /// The places, ascending, at which `a` or `b` is above a bound; NaN is above nothing.
    /// - Parameters:
    ///   - a, b: shape [n]; may be the same.
    ///   - places: as many as are wanted at most; the first of them are overwritten.
    /// - Returns: How many there are, or `places.count` if there are more.
    public static func places(
        in a: Span<Float>, or b: Span<Float>, above bound: Float,
        into places: inout MutableSpan<Int32>
    ) -> Int {
        precondition(a.count == b.count && a.count <= Int(Int32.max), "places: shapes differ")
        return a.withUnsafeBufferPointer { a in
            b.withUnsafeBufferPointer { b in
                places.withUnsafeMutableBufferPointer { places in
                    kernels.pointee.places_above(
                        a.baseAddress, b.baseAddress, a.count, bound, places.baseAddress,
                        places.count)
                }
            }
        }
    }
}
