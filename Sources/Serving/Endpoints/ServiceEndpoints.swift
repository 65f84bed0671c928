import Scheduling

/// What watches the server: health, metrics. `/openapi.json` is the application's, which knows all
/// routes.
struct ServiceEndpoints: Sendable {
    let models: any PersonalModels
    let metrics: RequestMetrics
    let phase: ServerPhase
    let memory: RequestMemory

    var routes: [Route] {
        [
            Route(
                "GET", "/health",
                Operation(
                    id: "health", tag: "service", summary: "200 when ready, 503 when not.",
                    response: .schema("Health"), errors: [503],
                    errorBodies: [503: .schema("Health")]), access: .anybody,
                opensFromLinks: true, tellsOfTheServer: true
            ) { _, _ in
                let health = phase.isDraining ? .draining : await models.health()
                return .json(
                    ["status": .string(health.rawValue), "model": .string(models.model.name)],
                    status: health == .ready ? 200 : 503,
                    headers: health == .ready ? [:] : ["Retry-After": "2"])
            },
            Route(
                "GET", "/metrics",
                Operation(
                    id: "metrics", tag: "service", summary: "Figures for Prometheus.",
                    response: .text(mediaType: "text/plain")), access: .admin,
                tellsOfTheServer: true
            ) { _, _ in
                let statistics = await models.statistics()
                return .text(
                    MetricsPage(
                        requests: metrics.snapshot, requestBytes: memory.claimedBytes,
                        models: statistics
                    ).text,
                    contentType: "text/plain; version=0.0.4; charset=utf-8")
            },
        ]
    }
}
