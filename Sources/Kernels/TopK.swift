import CKernels

/// Selection of the largest elements.
public enum TopK {
    /// The indices of the `k` largest values, largest first; equal values by lower index; NaN
    /// counts as the smallest.
    ///
    /// - Parameters:
    ///   - values: shape [n].
    ///   - k: how many, at most n.
    ///   - indices: replaced by k indices; its storage is used again when large enough.
    /// - Complexity: O(n) for the usual few, O(n log k) at worst.
    public static func indices(
        of values: Span<Float>, count k: Int, into indices: inout [Int32]
    ) {
        precondition(k >= 0 && k <= values.count, "TopK: \(k) of \(values.count)")
        precondition(values.count <= Int(Int32.max), "TopK: too many values")
        if indices.count > k { indices.removeLast(indices.count - k) }
        while indices.count < k { indices.append(0) }
        guard k > 0 else { return }
        values.withUnsafeBufferPointer { values in
            withUnsafeTemporaryAllocation(of: UInt64.self, capacity: k) { heap in
                indices.withUnsafeMutableBufferPointer { indices in
                    hebb_top_k(
                        values.baseAddress, values.count, k, heap.baseAddress,
                        indices.baseAddress)
                }
            }
        }
    }
}
