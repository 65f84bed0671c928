import Engrams
import Foundation
import OuterCortex

/// What `hebb audit` found.
struct AuditReport: Encodable {
    struct Probe: Encodable {
        var name: String
        /// `required`, `forbidden` or `both`.
        var kind: String
        var margin: Double
        /// What the frozen core has, nats.
        var frozen: Double
    }

    struct Fitted: Encodable {
        var scope: String
        var scale: Double
        var probes: [String]
        var slacks: [String: Double]
        var gainPercent: Double?

        init(_ fit: ProbeFit, readings: [ProbeReading], gain: Double?) {
            scope = fit.scope.rawValue
            scale = fit.scale
            probes = fit.probes
            slacks = AuditReport.slacks(readings)
            gainPercent = gain
        }
    }

    struct User: Encodable {
        var name: String
        var tokens: Int
        /// By probe, nats.
        var drifts: [String: Double]
        var slacks: [String: Double]
        /// On the text that follows, percent of the frozen core's bits; nil where there is none.
        var gainPercent: Double?
        /// Nil where every probe passed.
        var fitted: Fitted?

        init(
            name: String, tokens: Int, readings: [ProbeReading], frozen: [ProbeReading],
            gain: Double?
        ) {
            self.name = name
            self.tokens = tokens
            slacks = AuditReport.slacks(readings)
            drifts = Dictionary(
                uniqueKeysWithValues: zip(readings, frozen).map {
                    ($0.probe, $1.slack - $0.slack)
                })
            gainPercent = gain
        }
    }

    var probes: [Probe]
    var users: [User] = []

    init(probes: [Engrams.Probe], frozen: [ProbeReading]) {
        self.probes = zip(probes, frozen).map { probe, reading in
            let kind: String
            switch (probe.required, probe.forbidden) {
            case (_?, _?): kind = "both"
            case (_?, nil): kind = "required"
            default: kind = "forbidden"
            }
            return Probe(
                name: probe.name, kind: kind, margin: probe.margin, frozen: reading.measured)
        }
    }

    private static func slacks(_ readings: [ProbeReading]) -> [String: Double] {
        Dictionary(uniqueKeysWithValues: readings.map { ($0.probe, $0.slack) })
    }

    /// Probes with their drifts over the users, and the users whose engram was made to fit.
    var text: String {
        var lines = ["drift over \(users.count) users, nats, at 50, 90, 99 and 100 %; worst slack"]
        for probe in probes {
            let drifts = users.compactMap { $0.drifts[probe.name] }.sorted()
            let shown = [0.5, 0.9, 0.99, 1].map { share in
                Figure.fixed(drifts[min(drifts.count - 1, Int(share * Double(drifts.count)))], 2)
            }
            let slack = users.compactMap { $0.slacks[probe.name] }.min() ?? 0
            lines.append(
                "\(probe.name): \(shown.joined(separator: " ")); \(Figure.fixed(slack, 2))")
        }
        let failed = users.filter { user in user.slacks.values.contains { !($0 >= 0) } }
        lines.append("\(failed.count) of \(users.count) users fail a probe")
        for user in failed {
            guard let fitted = user.fitted else {
                lines.append("\(user.name): nothing makes it fit")
                continue
            }
            var line =
                "\(user.name): \(fitted.probes.joined(separator: ", ")): \(fitted.scope) to "
                + Figure.fixed(fitted.scale, 4)
            if let before = user.gainPercent, let after = fitted.gainPercent {
                line += ", gain \(Figure.fixed(before, 2)) → \(Figure.fixed(after, 2)) %"
            }
            lines.append(line)
        }
        return lines.joined(separator: "\n")
    }
}
