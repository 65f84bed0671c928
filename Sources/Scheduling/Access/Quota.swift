/// What a key may use in a minute or a day, and how many sessions its user may have.
public struct Quota: Sendable, Equatable, Codable {
    public enum Measure: Sendable { case requests, tokens, learnedTokens, bytes, sessions }

    public enum Limit: String, Sendable, CaseIterable, Codable, CodingKeyRepresentable {
        case requestsPerMinute = "requests_per_minute"
        case requestsPerDay = "requests_per_day"
        /// Read and written: of prompts, answers, and texts that are learned or measured.
        case tokensPerMinute = "tokens_per_minute"
        case tokensPerDay = "tokens_per_day"
        case learnedTokensPerDay = "learned_tokens_per_day"
        /// Of requests' bodies.
        case bytesPerDay = "bytes_per_day"
        case sessions

        /// The time that it counts in, seconds; nil: it does not count in time.
        var seconds: Double? {
            switch self {
            case .requestsPerMinute, .tokensPerMinute: 60
            case .requestsPerDay, .tokensPerDay, .learnedTokensPerDay, .bytesPerDay: 86_400
            case .sessions: nil
            }
        }

        var measure: Measure {
            switch self {
            case .requestsPerMinute, .requestsPerDay: .requests
            case .tokensPerMinute, .tokensPerDay: .tokens
            case .learnedTokensPerDay: .learnedTokens
            case .bytesPerDay: .bytes
            case .sessions: .sessions
            }
        }

        /// E.g. "requests per minute".
        public var words: String { rawValue.split(separator: "_").joined(separator: " ") }

        func amount(in usage: Usage) -> Int {
            switch measure {
            case .requests: usage.requests
            case .tokens: usage.tokens
            case .learnedTokens: usage.learnedTokens
            case .bytes: usage.bytes
            case .sessions: 0
            }
        }
    }

    public static let allowed = 1...1_000_000_000_000

    private var limits: [Limit: Int]

    /// - Precondition: Every limit is in `allowed`.
    public init(_ limits: [Limit: Int] = [:]) {
        precondition(limits.values.allSatisfy(Self.allowed.contains))
        self.limits = limits
    }

    public init(from decoder: any Decoder) throws {
        limits = try decoder.singleValueContainer().decode([Limit: Int].self)
            .filter { Self.allowed.contains($0.value) }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(limits)
    }

    /// Nil: as much as there is.
    public subscript(limit: Limit) -> Int? { limits[limit] }
}

/// What a request uses of quotas.
struct Usage: Sendable {
    var requests = 0
    var tokens = 0
    var learnedTokens = 0
    var bytes = 0
}

/// What was used of a quota. A pure value.
///
/// A window begins with the first use after the last one's end, and is a minute or a day long. What
/// a request costs in tokens is known when it has been served: one that begins within its quota is
/// served whole, and what it took beyond keeps the next ones waiting no longer than the window does.
struct QuotaUse: Sendable, Codable {
    struct Window: Sendable, Codable {
        /// Seconds since 1970.
        var start: Double
        var used: Int
    }

    struct Excess: Equatable {
        var limit: Quota.Limit
        var allowed: Int
        /// Until the window that is used up ends, whole seconds.
        var retryAfterSeconds: Int
    }

    private var windows: [Quota.Limit: Window] = [:]

    /// What of a quota is used up: of several, what takes longest to come back.
    func excess(
        over quota: Quota, of measures: Set<Quota.Measure>, at now: Double
    ) -> Excess? {
        Quota.Limit.allCases.filter { measures.contains($0.measure) }.compactMap {
            limit -> Excess? in
            guard let allowed = quota[limit], let seconds = limit.seconds,
                used(of: limit, at: now) >= allowed, let start = windows[limit]?.start
            else { return nil }
            let left = (start + seconds - now).rounded(.up)
            return Excess(
                limit: limit, allowed: allowed, retryAfterSeconds: Int(max(1, min(seconds, left))))
        }.max { $0.retryAfterSeconds < $1.retryAfterSeconds }
    }

    /// Counts for the limits that a quota has.
    mutating func add(_ usage: Usage, for quota: Quota, at now: Double) {
        for limit in Quota.Limit.allCases where quota[limit] != nil {
            let amount = limit.amount(in: usage)
            guard amount > 0 else { continue }
            var window = current(limit, at: now) ?? Window(start: now, used: 0)
            window.used =
                window.used.addingReportingOverflow(amount).overflow
                ? .max : window.used + amount
            windows[limit] = window
        }
    }

    func used(of limit: Quota.Limit, at now: Double) -> Int { current(limit, at: now)?.used ?? 0 }

    /// Nil also where the clock was set back to before it: nobody waits for a time that was wrong.
    private func current(_ limit: Quota.Limit, at now: Double) -> Window? {
        guard let window = windows[limit], let seconds = limit.seconds, window.start <= now,
            now < window.start + seconds
        else { return nil }
        return window
    }
}
