import Engrams
import Scheduling

/// What the answers to all prompts of one request add up to.
struct CompletionTotals: Sendable {
    private(set) var promptTokens = 0
    private(set) var completionTokens = 0
    private var learnedTokens = 0
    private var klSum = 0.0
    private var klMax = 0.0
    private var strengthMin = 1.0
    private var paused: [CollapseMonitor.Monitor] = []
    private var first: CompletionSummary?
    private var last: CompletionSummary?
    private var recalled: [RecalledSaying] = []

    /// Prompts are answered one after another: the first has the revision that was read, the last
    /// the one that was left.
    mutating func add(_ summary: CompletionSummary) {
        first = first ?? summary
        last = summary
        recalled += summary.recalled ?? []
        promptTokens += summary.promptTokens
        completionTokens += summary.completionTokens
        learnedTokens += summary.learnedTokens
        klSum += summary.adaptation.klMean * Double(summary.completionTokens)
        klMax = max(klMax, summary.adaptation.klMax)
        strengthMin = min(strengthMin, summary.adaptation.strengthMin)
        paused += summary.paused.filter { !paused.contains($0) }
    }

    var usage: JSONValue {
        [
            "prompt_tokens": .integer(promptTokens),
            "completion_tokens": .integer(completionTokens),
            "total_tokens": .integer(promptTokens + completionTokens),
        ]
    }

    func plasticity(mode: CompletionMode) -> JSONValue {
        guard let first, let last else { return .null }
        let klMean = completionTokens > 0 ? klSum / Double(completionTokens) : 0
        return .object(compact: [
            "session": .string(first.session.description),
            "mode": .string(mode.rawValue),
            "revision": .revision(first.revision),
            "learned_tokens": .integer(learnedTokens),
            "kl_mean": .number(klMean),
            "kl_max": .number(klMax),
            "strength_min": .number(strengthMin),
            "revision_after": .revision(last.revisionAfter),
            "paused": paused.isEmpty ? nil : .strings(paused.map(\.rawValue)),
            "event": last.event.map { .string($0.rawValue) },
            "replayed": last.replayed ? true : nil,
            "recalled": recalled.isEmpty
                ? nil
                : .array(
                    recalled.map {
                        .object(compact: [
                            "saying": .string($0.saying), "weight": .number($0.weight),
                            "event": $0.event.map { .string($0.rawValue) },
                        ])
                    }),
        ])
    }
}
