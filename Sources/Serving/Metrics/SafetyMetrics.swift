import Scheduling

/// The safety of all sessions together, as lines for Prometheus.
///
/// No series carries a user or a session: their number has no bound, and a figure of one person's
/// model is for that person (`safety` of their session), not for whoever may read the metrics.
enum SafetyMetrics {
    static func lines(_ statistics: SafetyStatistics) -> [String] {
        var lines: [String] = []
        func figure(_ name: String, _ type: String, _ help: String, _ value: String) {
            lines += [
                "# HELP hebb_\(name) \(help)", "# TYPE hebb_\(name) \(type)",
                "hebb_\(name) \(value)",
            ]
        }
        figure(
            "observed_frozen_bits_total", "counter",
            "Bits that learned text cost under the frozen core.",
            "\(statistics.observedFrozenBits)")
        figure(
            "observed_adapted_bits_total", "counter",
            "Bits that it cost under the personal models, before they learned it.",
            "\(statistics.observedAdaptedBits)")
        figure(
            "paused_completions_total", "counter",
            "Completions not learned from because a collapse monitor fired.",
            "\(statistics.pausedCompletions)")
        figure(
            "audits_total", "counter", "Engrams that were asked the constitution's probes.",
            "\(statistics.audits)")
        figure(
            "failed_audits_total", "counter", "Those of them that failed one.",
            "\(statistics.failedAudits)")
        figure(
            "fitted_engrams_total", "counter", "Engrams of which a part was turned down to pass.",
            "\(statistics.fittedEngrams)")
        figure(
            "refused_automatic_checkpoints_total", "counter",
            "Automatic checkpoints that were not made.",
            "\(statistics.refusedAutomaticCheckpoints)")
        figure(
            "certified_sessions", "gauge", "Sessions in memory with a certified gain above 0.",
            "\(statistics.certifiedSessions)")
        figure(
            "helped_sessions", "gauge",
            "Sessions in memory whose e-value exceeds 20: the personal model helps.",
            "\(statistics.helpedSessions)")
        let firing = "hebb_firing_sessions"
        lines += [
            "# HELP \(firing) Sessions in memory with this collapse monitor firing.",
            "# TYPE \(firing) gauge",
        ]
        for monitor in CollapseMonitor.Monitor.allCases {
            let count = statistics.firingSessions[monitor] ?? 0
            lines.append("\(firing){monitor=\"\(monitor.rawValue)\"} \(count)")
        }
        return lines
    }
}
