/// How far adaptation moved the output over the tokens of one request.
public struct Adaptation: Sendable, Equatable, Codable {
    /// KL(output ‖ frozen), nats per token: mean and largest.
    public var klMean: Double
    public var klMax: Double
    /// The smallest share of the adapted distribution that the safe zone let through, 0...1.
    public var strengthMin: Double

    public init(klMean: Double, klMax: Double, strengthMin: Double) {
        self.klMean = klMean
        self.klMax = klMax
        self.strengthMin = strengthMin
    }
}
