import Engrams
import Foundation
import OuterCortex

/// What a session's personal model has been seen to do since it last started over.
///
/// The certificate and the divergence of what was observed change only with an event and are kept
/// with it, in one transaction: after a crash they are as of the last durable event, and a replay of
/// the journal does not count a token twice, since it does not come here. What answers were like is
/// kept in memory as they end and with the next event; a crash may lose the newest of it.
///
/// A reset, a restore and an import replace the engram, so they start a new ledger. A checkpoint
/// does not: the session goes on with what it consolidated.
struct SafetyLedger: Sendable, Equatable, Codable {
    /// The event after which it started; 0: with the session.
    private(set) var start: Int
    private(set) var certificate: GainCertificate
    private(set) var observed = DivergenceTally()
    var answers = AnswerTally()
    /// The last audit; nil before the first, and where there are no probes.
    var audit: ProbeAudit?

    init(zone: SafeZone, start: Int) {
        self.start = start
        certificate = GainCertificate(zone: zone)
    }

    /// What is known of the answers.
    struct AnswerTally: Sendable, Equatable, Codable {
        var monitor = CollapseMonitor()
        var divergence = DivergenceTally()

        mutating func add(_ vitals: GenerationVitals) {
            monitor.add(vitals)
            divergence.add(
                mean: vitals.divergence, maximum: vitals.maximumDivergence, tokens: vitals.tokens)
        }
    }

    /// Takes a text in that has been learned.
    mutating func add(_ learned: LearnedText) {
        for gain in learned.gains { certificate.add(gain) }
        observed.add(
            mean: learned.adaptation.klMean, maximum: learned.adaptation.klMax,
            tokens: learned.tokens)
    }

    /// Observed and generated tokens together.
    var divergence: DivergenceTally { observed.adding(answers.divergence) }

    /// As the store keeps it; under 6 KB.
    func encoded() throws -> [UInt8] { Array(try JSONEncoder().encode(self)) }

    /// Nil for bytes that are no ledger, as those of a session from before there were any.
    init?(encoded bytes: [UInt8]) {
        guard let ledger = try? JSONDecoder().decode(Self.self, from: Data(bytes)) else {
            return nil
        }
        self = ledger
    }
}

/// KL(output ‖ frozen) over tokens, nats.
public struct DivergenceTally: Sendable, Equatable, Codable {
    public private(set) var tokens = 0
    public private(set) var maximum = 0.0
    private var sum = 0.0

    public init() {}

    mutating func add(mean: Double, maximum: Double, tokens: Int) {
        guard mean.isFinite, maximum.isFinite else { return }
        self.tokens += tokens
        sum += mean * Double(tokens)
        self.maximum = max(self.maximum, maximum)
    }

    func adding(_ other: DivergenceTally) -> DivergenceTally {
        var both = self
        both.tokens += other.tokens
        both.sum += other.sum
        both.maximum = max(maximum, other.maximum)
        return both
    }

    /// 0 without tokens.
    public var mean: Double { tokens == 0 ? 0 : sum / Double(tokens) }
}
