import Engrams
import Foundation
import Scheduling

extension JSONValue {
    static func safety(_ report: SafetyReport) -> JSONValue {
        [
            "object": "safety",
            "session": .string(report.session.description),
            "revision": .revision(report.revision),
            "since_revision": .revision(report.since),
            "engram": .engram(report.engram),
            "bounds": .bounds(report.zone),
            "divergence": [
                "tokens": .integer(report.divergence.tokens),
                "kl_mean": .number(report.divergence.mean),
                "kl_max": .number(report.divergence.maximum),
            ],
            "certificate": .certificate(report.certificate, complexity: report.complexity),
            "monitors": .object(
                report.monitors.map { .init(name: $0.monitor.rawValue, value: .monitor($0)) }),
            "learning_from_completions": report.isPaused ? "paused" : "allowed",
            "last_audit": report.lastAudit.map { .audit($0) } ?? .null,
        ]
    }

    /// The numbers that the engram's sizes, its weights and the divergence stay within.
    private static func bounds(_ zone: SafeZone) -> JSONValue {
        [
            "kl_max": .number(zone.maximumDivergence),
            "strength_max": .number(zone.maximumTrust),
            "token_loss_max_bits": .number(zone.tokenLossBound / log(2)),
            "weight_max": .number(Double(zone.weightBound)),
            "synapses": .integer(zone.synapseBudget),
            "contexts": .integer(zone.contextBudget),
        ]
    }

    private static func certificate(
        _ certificate: GainCertificate, complexity: EngramComplexity
    ) -> JSONValue {
        let forecast: JSONValue? = certificate.nextBlockGainPercent.map { gain in
            [
                "next_block_gain_percent_at_least": .number(gain),
                "confidence": .number(certificate.forecastConfidence),
                "blocks": .integer(certificate.forecastBlocks),
                "block_tokens": .integer(GainCertificate.blockTokens),
            ]
        }
        return [
            "tokens": .integer(certificate.tokens),
            "certified_gain_percent": .number(certificate.certifiedGainPercent),
            "certified_gain_bits_per_token": .number(certificate.certifiedGain / log(2)),
            "measured_gain_percent": .number(certificate.measuredGainPercent),
            "measured_gain_bits_per_token": .number(certificate.measuredGain / log(2)),
            "confidence": .number(GainCertificate.confidence),
            "forecast": forecast ?? .null,
            "evidence": [
                "log_e_value": .number(certificate.logEvidence),
                "helps": .bool(certificate.helps),
                "tokens_until_evidence": certificate.tokensUntilEvidence.map { .integer($0) }
                    ?? .null,
            ],
            "complexity": [
                "nats": .number(complexity.nats), "sigma": .number(EngramComplexity.width),
            ],
        ]
    }

    static func certificate(_ brief: CertificateBrief) -> JSONValue {
        [
            "tokens": .integer(brief.tokens),
            "certified_gain_percent": .number(brief.certifiedGainPercent),
            "measured_gain_percent": .number(brief.measuredGainPercent),
            "confidence": .number(brief.confidence),
        ]
    }

    private static func monitor(_ reading: CollapseMonitor.Reading) -> JSONValue {
        let threshold = reading.monitor.threshold
        let side =
            switch threshold {
            case .above: "above"
            case .below: "below"
            case .outside: "outside"
            }
        return [
            "value": reading.value.map { .number($0) } ?? .null,
            "threshold": .number(threshold.value),
            "fires": .string(side),
            "firing": .bool(reading.isFiring),
        ]
    }
}
