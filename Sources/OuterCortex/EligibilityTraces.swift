/// What presynaptic neurons did of late: x̄ ← λ·x̄ + x, so that an error also reaches the synapses of
/// the positions before it. With λ = 0 the trace is the present activity.
struct EligibilityTraces {
    private var matrix: [Float] = []
    private var features: [Int32: Float] = [:]

    /// A latent whose trace fell under this is forgotten.
    private static let floor: Float = 0.02

    /// The trace of ĥ after this position; shape [hidden].
    mutating func matrix(_ activity: ArraySlice<Float>, eligibility: Float) -> [Float] {
        guard eligibility > 0 else { return Array(activity) }
        if matrix.isEmpty { matrix = [Float](repeating: 0, count: activity.count) }
        for (index, value) in activity.enumerated() {
            matrix[index] = eligibility * matrix[index] + value
        }
        return matrix
    }

    /// The traces of f̂ after this position, by latent in ascending order.
    /// - Parameter eligibility: λ, above 0.
    mutating func features(
        _ latents: ArraySlice<Int32>, _ values: ArraySlice<Float>, eligibility: Float
    ) -> (latents: [Int32], values: [Float]) {
        features = features.compactMapValues {
            let faded = eligibility * $0
            return faded < Self.floor ? nil : faded
        }
        for (latent, value) in zip(latents, values) { features[latent, default: 0] += value }
        let sorted = features.sorted { $0.key < $1.key }
        return (sorted.map(\.key), sorted.map(\.value))
    }
}
