/// When to try again what failed and can wait: after twice as long each time. A pure value.
struct Backoff: Sendable {
    /// The first wait and the longest, seconds.
    let seconds: ClosedRange<Double>
    private var failures = 0
    private var next: ContinuousClock.Instant?

    init(seconds: ClosedRange<Double>) { self.seconds = seconds }

    /// Whether it is too early.
    func isWaiting(at now: ContinuousClock.Instant = .now) -> Bool {
        next.map { now < $0 } ?? false
    }

    mutating func failed(at now: ContinuousClock.Instant = .now) {
        // 2⁵⁰ seconds are beyond any bound, and a Double holds them.
        let wait = seconds.lowerBound * Double(1 << min(failures, 50))
        failures += 1
        next = now + .seconds(min(wait, seconds.upperBound))
    }

    mutating func succeeded() { (failures, next) = (0, nil) }
}
