import CKernels

/// A kernel class under test, beside the scalar reference.
struct KernelTable: Sendable, CustomStringConvertible {
    /// Points to a constant of the C library.
    nonisolated(unsafe) let pointer: UnsafePointer<hebb_kernels>
    var description: String { String(cString: pointer.pointee.name) }
    var kernels: hebb_kernels { pointer.pointee }

    static let scalar = KernelTable(pointer: hebb_kernels_scalar())

    /// Every class that this machine runs, the scalar one included: what is compared with itself
    /// must hold too.
    static let all: [KernelTable] =
        [scalar]
        + [hebb_kernels_avx2(), hebb_kernels_avx512(), hebb_kernels_neon()]
        .compactMap { $0 }.map { KernelTable(pointer: $0) }
}

/// Lengths around every vector width and unrolling.
let oddLengths = [0, 1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 33, 47, 63, 64, 65, 100, 127, 129, 257]

/// Whether two results are equal within a relative tolerance; NaN equals NaN, infinities themselves.
func agree(_ a: Float, _ b: Float, _ tolerance: Float, scale: Float = 0) -> Bool {
    if a.isNaN || b.isNaN { return a.isNaN && b.isNaN }
    if a.isInfinite || b.isInfinite { return a == b }
    return abs(a - b) <= tolerance * max(abs(a), abs(b), scale) + .leastNormalMagnitude
}

func agree(_ a: [Float], _ b: [Float], _ tolerance: Float, scale: Float = 0) -> Bool {
    a.count == b.count && zip(a, b).allSatisfy { agree($0, $1, tolerance, scale: scale) }
}
