import CKernels
import Foundation

extension VectorKernels {
    /// Σ wᵢ·aᵢ and Σ wᵢ·aᵢ²: the first two moments when the weights are probabilities.
    /// - Parameters: both of shape [n].
    public static func weightedMoments(
        _ a: Span<Float>, weights: Span<Float>
    ) -> (mean: Float, square: Float) {
        precondition(a.count == weights.count, "weightedMoments: shapes differ")
        var (mean, square) = (Float(0), Float(0))
        a.withUnsafeBufferPointer { a in
            weights.withUnsafeBufferPointer { w in
                kernels.pointee.weighted_moments(
                    a.baseAddress, w.baseAddress, a.count, &mean, &square)
            }
        }
        return (mean, square)
    }

    /// The greatest element of z0 + dz, and ln Σ exp(z0 + dz) in nats.
    /// - Parameters:
    ///   - base: z0; - change: dz; both of shape [n].
    ///   - scratch: shape [n], overwritten.
    public static func peakAndLogSumExp(
        of base: Span<Float>, plus change: Span<Float>, scratch: inout MutableSpan<Float>
    ) -> (peak: Float, logSumExp: Float) {
        precondition(
            base.count == change.count && base.count == scratch.count,
            "peakAndLogSumExp: shapes differ")
        let count = base.count
        return base.withUnsafeBufferPointer { a in
            change.withUnsafeBufferPointer { b in
                scratch.withUnsafeMutableBufferPointer { s -> (Float, Float) in
                    let peak = kernels.pointee.add_maximum(
                        a.baseAddress, b.baseAddress, s.baseAddress, count)
                    if peak.isInfinite || peak.isNaN { return (peak, peak) }
                    let total = kernels.pointee.exp_sum(
                        s.baseAddress, peak, s.baseAddress, count)
                    return (peak, peak + log(total))
                }
            }
        }
    }
}
