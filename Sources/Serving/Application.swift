import Logging
import Scheduling

/// The routes over a set of personal models: a function from requests to answers, whatever brings
/// the requests. Maps errors, counts, and logs one line a request; never a body.
struct Application: Sendable {
    let router: Router
    private let metrics: RequestMetrics
    private let logger: Logger

    init(models: any PersonalModels, logger: Logger) {
        let metrics = RequestMetrics()
        let described =
            ModelEndpoints(models: models).routes
            + CompletionEndpoints(models: models, logger: logger).routes
            + SessionEndpoints(models: models).routes
            + LearningEndpoints(models: models).routes
            + SafetyEndpoints(models: models).routes
            + ConstitutionEndpoints(models: models).routes
            + FeedbackEndpoints(models: models).routes
            + CheckpointEndpoints(models: models).routes
            + EventEndpoints(models: models).routes
            + FeatureEndpoints(models: models).routes
            + DeltaEndpoints(models: models).routes
            + MergeEndpoints(models: models).routes
            + ServiceEndpoints(models: models, metrics: metrics).routes
        self.router = Router(described + [Self.openAPIRoute(describing: described)])
        self.metrics = metrics
        self.logger = logger
    }

    /// Answers every request; errors included.
    func respond(_ request: HTTPRequest) async -> HTTPResponse {
        let start = ContinuousClock.now
        var pattern = "unknown"
        var response: HTTPResponse
        do {
            try CallerCheck.check(request)
            let (route, parameters) = try router.route(
                method: request.method, path: request.path)
            pattern = route.pattern
            try request.refuseMisspelledQuery(of: route.operation)
            response = try await route.handler(request, parameters)
        } catch {
            let answer = ErrorAnswer(error)
            if answer.status == 500 {
                logger.error(
                    "a request failed",
                    metadata: ["route": "\(pattern)", "error": "\(type(of: error))"])
            }
            response = answer.response
        }
        let key = RequestMetrics.Key(
            method: pattern == "unknown" ? "any" : request.method, route: pattern,
            status: response.status)
        guard case .stream(let produce) = response.body else {
            finish(key, request, since: start)
            return response
        }
        response.body = .stream { writer in
            defer { finish(key, request, since: start) }
            try await produce(writer)
        }
        return response
    }

    private func finish(
        _ key: RequestMetrics.Key, _ request: HTTPRequest, since start: ContinuousClock.Instant
    ) {
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        metrics.record(key, seconds: seconds)
        logger.info(
            "request",
            metadata: [
                "method": "\(request.method)", "path": "\(request.path.prefix(256))",
                "status": "\(key.status)", "ms": "\((seconds * 1e5).rounded() / 100)",
                "cancelled": "\(Task.isCancelled)",
            ])
    }

    private static func openAPIRoute(describing others: [Route]) -> Route {
        let operation = Operation(
            id: "openAPI", tag: "service", summary: "This document.", response: .schema("OpenAPI"))
        // The document describes its own route too: with a handler that is never called.
        let itself = Route("GET", "/openapi.json", operation) { _, _ in .text("") }
        let document = OpenAPIDocument.make(routes: others + [itself]).serialized()
        return Route("GET", "/openapi.json", operation) { _, _ in
            HTTPResponse(
                status: 200, headers: ["Content-Type": "application/json"],
                body: .bytes(document))
        }
    }
}
