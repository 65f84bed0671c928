import Scheduling

/// The text that Prometheus reads (exposition format 0.0.4).
struct MetricsPage {
    let text: String

    init(
        requests: [(key: RequestMetrics.Key, histogram: Histogram)],
        requestBytes: Int, models: Statistics, process: ProcessFigures = .current
    ) {
        var lines: [String] = []
        Self.append(requests, to: &lines)
        func figure(_ name: String, _ type: String, _ help: String, _ value: String) {
            lines += ["# HELP \(name) \(help)", "# TYPE \(name) \(type)", "\(name) \(value)"]
        }
        func counter(_ name: String, _ help: String, _ value: Int) {
            figure("hebb_\(name)_total", "counter", help, String(value))
        }
        func gauge(_ name: String, _ help: String, _ value: Int) {
            figure("hebb_\(name)", "gauge", help, String(value))
        }
        counter("observed_tokens", "Tokens learned from.", models.observedTokens)
        counter("scored_tokens", "Tokens measured.", models.scoredTokens)
        counter("prompt_tokens", "Tokens of prompts.", models.promptTokens)
        counter("generated_tokens", "Tokens generated.", models.generatedTokens)
        counter(
            "drafted_tokens", "Guesses of answers' tokens that were read along.",
            models.draftedTokens)
        counter(
            "accepted_tokens", "Guesses that came true, so that no pass was needed for them.",
            models.acceptedTokens)
        counter("learning_events", "Changes of engrams.", models.learningEvents)
        counter("feedback_events", "Verdicts on answers learned.", models.feedbackEvents)
        counter("forgotten_events", "Events forgotten.", models.forgottenEvents)
        counter("refused_commits", "Changes the safe zone refused.", models.refusedCommits)
        counter(
            "cancelled_generations", "Generations cut short by their client.",
            models.cancelledGenerations)
        gauge(
            "request_bytes", "Memory claimed by requests under way, beyond the allowance of each.",
            requestBytes)
        gauge("queue_depth", "Requests that wait or run.", models.queueDepth)
        gauge("queue_capacity", "Requests that may wait.", models.queueCapacity)
        gauge("resident_engrams", "Engrams in memory.", models.residentEngrams)
        gauge("resident_engram_bytes", "Their size.", models.residentEngramBytes)
        gauge("sessions", "Sessions known.", models.sessions)
        figure(
            "hebb_cortex_busy_seconds_total", "counter", "Time the cortex thread computed.",
            "\(models.busySeconds)")
        counter("core_passes", "Passes over the frozen core's weights.", models.corePasses)
        counter("core_rows", "Tokens that these passes read.", models.coreRows)
        let contexts = models.contexts
        gauge("kv_pages", "Pages of keys and values.", contexts.pages)
        gauge("kv_bytes", "Their size.", contexts.pageBytes)
        gauge("kv_limit_bytes", "What they may take.", contexts.byteLimit)
        gauge("kv_reserved_bytes", "What running work may need of it.", contexts.reservedBytes)
        gauge("kv_waiting", "Requests that wait for some.", contexts.waiting)
        gauge("idle_contexts", "Contexts kept for a conversation's next turn.", contexts.idle)
        gauge("idle_context_bytes", "Their size.", contexts.idleBytes)
        counter("prefix_hits", "Prompts that went on with a kept context.", contexts.hits)
        counter("prefix_tokens", "Their tokens that were not read again.", contexts.hitTokens)
        Self.append(models.latency, to: &lines)
        lines += SafetyMetrics.lines(models.safety)
        figure(
            "process_resident_memory_bytes", "gauge", "Resident memory.",
            String(process.residentBytes))
        figure(
            "process_cpu_seconds_total", "counter", "User and system time.",
            "\(process.processorSeconds)")
        figure(
            "process_start_time_seconds", "gauge", "Start of the process since 1970.",
            "\(process.startSeconds)")
        text = lines.joined(separator: "\n") + "\n"
    }

    private static func append(
        _ requests: [(key: RequestMetrics.Key, histogram: Histogram)],
        to lines: inout [String]
    ) {
        let counter = "hebb_http_requests_total"
        lines += ["# HELP \(counter) Requests answered.", "# TYPE \(counter) counter"]
        for (key, histogram) in requests {
            lines.append("\(counter){\(labels(key))} \(histogram.counts.reduce(0, +))")
        }
        let name = "hebb_http_request_seconds"
        lines += [
            "# HELP \(name) Time until the last byte of an answer.", "# TYPE \(name) histogram",
        ]
        for (key, histogram) in requests {
            append(histogram, name, labels: labels(key), to: &lines)
        }
    }

    private static func append(_ latency: LatencyStatistics, to lines: inout [String]) {
        let histograms = [
            (
                "hebb_first_token_seconds", "From a generation's request to its first token.",
                latency.firstToken
            ),
            ("hebb_inter_token_seconds", "Between the tokens of an answer.", latency.interToken),
            ("hebb_queue_seconds", "Until the thread that computes took work up.", latency.queue),
            (
                "hebb_pass_batch_size", "Pieces of work that shared a pass through the core.",
                latency.batch
            ),
        ]
        for (name, help, histogram) in histograms {
            lines += ["# HELP \(name) \(help)", "# TYPE \(name) histogram"]
            append(histogram, name, labels: "", to: &lines)
        }
    }

    private static func append(
        _ histogram: Histogram, _ name: String, labels: String, to lines: inout [String]
    ) {
        var total = 0
        let bounds = histogram.bounds.map { "\($0)" } + ["+Inf"]
        for (bound, count) in zip(bounds, histogram.counts) {
            total += count
            let all = (labels.isEmpty ? "" : labels + ",") + "le=\"\(bound)\""
            lines.append("\(name)_bucket{\(all)} \(total)")
        }
        let braced = labels.isEmpty ? "" : "{\(labels)}"
        lines.append("\(name)_sum\(braced) \(histogram.sum)")
        lines.append("\(name)_count\(braced) \(total)")
    }

    /// Patterns and known methods only: nothing in them needs an escape.
    private static func labels(_ key: RequestMetrics.Key) -> String {
        "method=\"\(key.method)\",route=\"\(key.route)\",status=\"\(key.status)\""
    }
}
