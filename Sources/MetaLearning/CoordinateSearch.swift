/// Goes through the coefficients one after another and tries a step up and a step down: a better
/// value is moved to, and when neither is better that coefficient's step is halved.
///
/// Good for few coefficients that hardly interact, with few evaluations: two a step, the points of
/// one `ask`. For more, or for ones that interact, `EvolutionSearch`.
public struct CoordinateSearch: CoefficientSearch, Equatable {
    public let coordinates: [SearchCoordinate]
    public private(set) var evaluations = 0
    public private(set) var best: SearchBest?

    /// Steps under this share of the range end the search.
    private let smallestStep: Double
    /// Where the search stands, as a share of each range, and the steps from there.
    private var center: [Double]
    private var steps: [Double]
    /// The value at the centre; nil until it was told.
    private var centerValue: Double?
    private var current = 0

    /// - Parameters:
    ///   - start: one value a coordinate; the first point asked for.
    ///   - step: the first step as a share of each range (of its logarithm where steps multiply),
    ///     in 0..<1.
    ///   - smallestStep: once every coordinate's step is under this, the search has converged.
    public init(
        _ coordinates: [SearchCoordinate], start: [Double], step: Double = 0.1,
        smallestStep: Double = 0.005
    ) {
        precondition(
            !coordinates.isEmpty && start.count == coordinates.count && step > 0 && step < 1
                && smallestStep > 0, "an impossible search")
        self.coordinates = coordinates
        self.smallestStep = smallestStep
        center = zip(coordinates, start).map { $0.unit(of: $1) }
        steps = [Double](repeating: step, count: coordinates.count)
    }

    public var hasConverged: Bool { steps.allSatisfy { $0 < smallestStep } }

    public mutating func ask() -> [[Double]] { places().map(coefficients) }

    public mutating func tell(_ values: [Double]) {
        let places = places()
        precondition(values.count == places.count, "tell: not a value for each point")
        evaluations += values.count
        for (place, value) in zip(places, values) {
            best = better(best, coefficients(place), value)
        }
        guard let before = centerValue else {
            centerValue = values[0].isNaN ? -.greatestFiniteMagnitude : values[0]
            return
        }
        var moved = false
        for (place, value) in zip(places, values) where value > (centerValue ?? before) {
            center = place
            centerValue = value
            moved = true
        }
        if !moved { steps[current] /= 2 }
        // Coordinates whose step has become too small are passed over.
        for _ in steps.indices {
            current = (current + 1) % steps.count
            if steps[current] >= smallestStep { break }
        }
    }

    /// The points of the present step as shares of the ranges: one or two, since at a bound there
    /// is only one way to go.
    private func places() -> [[Double]] {
        guard centerValue != nil else { return [center] }
        return [1.0, -1].compactMap { sign in
            var place = center
            place[current] = min(1, max(0, center[current] + sign * steps[current]))
            return place[current] == center[current] ? nil : place
        }
    }

    private func coefficients(_ place: [Double]) -> [Double] {
        zip(coordinates, place).map { $0.value(at: $1) }
    }
}
