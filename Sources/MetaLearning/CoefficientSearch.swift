import Foundation

/// One coefficient that is searched: its bounds, and whether steps in it add or multiply.
public struct SearchCoordinate: Sendable, Equatable, Codable {
    public enum Scale: String, Sendable, Codable {
        /// Steps add: u = (x − lower)/(upper − lower).
        case linear
        /// Steps multiply: u = ln(x/lower)/ln(upper/lower). For rates, which span decades.
        case logarithmic
    }

    public let lower: Double
    public let upper: Double
    public let scale: Scale

    /// - Precondition: finite, `lower < upper`; 0 < `lower` when logarithmic.
    public init(_ range: ClosedRange<Double>, _ scale: Scale = .linear) {
        lower = range.lowerBound
        upper = range.upperBound
        self.scale = scale
        precondition(
            lower.isFinite && upper.isFinite && lower < upper
                && (scale == .linear || lower > 0), "a coordinate without room")
    }

    /// The place of a value between the bounds, 0...1; values outside count as the nearer bound.
    func unit(of value: Double) -> Double {
        let u =
            switch scale {
            case .linear: (value - lower) / (upper - lower)
            case .logarithmic: log(max(value, lower) / lower) / log(upper / lower)
            }
        return min(1, max(0, u))
    }

    /// The inverse of `unit(of:)`; never outside the bounds.
    func value(at unit: Double) -> Double {
        let x =
            switch scale {
            case .linear: lower + unit * (upper - lower)
            case .logarithmic: lower * pow(upper / lower, unit)
            }
        return min(upper, max(lower, x))
    }
}

/// The greatest value found, and where.
public struct SearchBest: Sendable, Equatable, Codable {
    public let coefficients: [Double]
    public let value: Double
}

/// A search for the coefficients at which a costly function is greatest, without its gradient.
///
/// The caller evaluates what `ask` gives, in any order and on as many threads as it likes, and
/// tells the values in `ask`'s order. All of a search's state is its coded form: a search decoded
/// between a `tell` and the next `ask` goes on as if it had not stopped, byte for byte.
public protocol CoefficientSearch: Sendable, Codable {
    /// The next points to evaluate, at least one, each within the coordinates' bounds. Asking again
    /// before telling gives the same points.
    mutating func ask() -> [[Double]]

    /// The values at the points asked for; NaN counts as the least.
    /// - Precondition: as many as points asked for.
    mutating func tell(_ values: [Double])

    /// nil until a value was told that is not NaN.
    var best: SearchBest? { get }

    /// Values told so far.
    var evaluations: Int { get }

    /// Whether further steps would be too small to matter.
    var hasConverged: Bool { get }
}

/// The better of two results; the older one where they are equal.
func better(
    _ old: SearchBest?, _ coefficients: [Double], _ value: Double
) -> SearchBest? {
    if value.isNaN { return old }
    if let old, old.value >= value { return old }
    return SearchBest(coefficients: coefficients, value: value)
}
