import Engrams
import Logging
import Scheduling

/// The routes over a set of personal models: a function from requests to answers, whatever brings
/// the requests. Maps errors, counts, and logs one line a request; never a body, a path or a name.
struct Application: Sendable {
    /// What is decided on a request's head.
    enum Admission {
        /// - Parameter bodyLimit: how long its body may be, bytes.
        case admitted(bodyLimit: Int)
        /// To be refused with an error once its body, of about that length, has gone by: many clients
        /// look for an answer only then, and would find their connection broken instead.
        case unwanted(RequestError, bodyLimit: Int)
        /// To be answered at once, as the last of its connection.
        case refused(HTTPResponse)
    }

    let router: Router
    let phase = ServerPhase()
    /// What the requests that are brought here claim their memory of.
    let memory: RequestMemory
    let doorkeeper: Doorkeeper
    private let configuration: ServerConfiguration
    private let metrics: RequestMetrics
    private let logger: Logger
    private let pseudonyms = UserPseudonyms()

    init(
        models: any PersonalModels, keys: KeyRing = KeyRing(),
        configuration: ServerConfiguration = ServerConfiguration(), logger: Logger
    ) {
        let metrics = RequestMetrics()
        let memory = RequestMemory(capacity: configuration.requestMemoryBytes)
        let described =
            ModelEndpoints(models: models).routes
            + CompletionEndpoints(models: models, logger: logger).routes
            + SessionEndpoints(models: models).routes
            + UserEndpoints(models: models, keys: keys).routes
            + KeyEndpoints(keys: keys).routes
            + LearningEndpoints(models: models).routes
            + SafetyEndpoints(models: models).routes
            + ConstitutionEndpoints(models: models).routes
            + FeedbackEndpoints(models: models).routes
            + CheckpointEndpoints(models: models).routes
            + EventEndpoints(models: models).routes
            + FeatureEndpoints(models: models).routes
            + DeltaEndpoints(models: models).routes
            + MergeEndpoints(models: models).routes
            + ServiceEndpoints(
                models: models, metrics: metrics, phase: phase, memory: memory
            ).routes
            + ConsoleEndpoints(models: models).routes
        self.router = Router(described + [Self.openAPIRoute(describing: described)])
        self.memory = memory
        doorkeeper = Doorkeeper(keys: keys, configuration: configuration)
        self.configuration = configuration
        self.metrics = metrics
        self.logger = logger
    }

    /// Judges a request by its head, before any of its body is read.
    func admit(_ head: HTTPRequest) -> Admission {
        var limit = configuration.bodyLimit(of: .fields)
        let length = head.declaredBytes
        do throws(RequestError) {
            try RequestFraming.check(head)
            // Asked before a key is sent.
            if isAllowedPreflight(head) { return .admitted(bodyLimit: limit) }
            limit = configuration.bodyLimit(of: try find(head).route.body)
            guard length <= limit else { throw .bodyTooLarge(limit: limit) }
            try head.memory.expect(length)
            return .admitted(bodyLimit: limit)
        } catch {
            // Where a request's end is in doubt nothing may be read on; nor what is far too long; and
            // who waits for leave to send a body is better told at once.
            let mayGoBy =
                switch error {
                case .malformedRequest: false
                default: length == 0 || length - limit <= limit && head.headers["Expect"] == nil
                }
            if mayGoBy { return .unwanted(error, bodyLimit: limit) }
            var response = refuse(head, error)
            response.headers["Connection"] = "close"
            return .refused(response)
        }
    }

    /// The answer to a request that is not to be carried out.
    func refuse(_ request: HTTPRequest, _ error: any Error) -> HTTPResponse {
        let start = ContinuousClock.now
        let found = try? router.route(method: request.method, path: request.path)
        var response = answer(to: request, error)
        openToAllowedOrigin(&response, request)
        finish(key(of: request, found?.route, response), request, since: start)
        return response
    }

    /// Answers every request; errors included.
    func respond(_ request: HTTPRequest) async -> HTTPResponse {
        let start = ContinuousClock.now
        var found: Route?
        var response: HTTPResponse
        var context = RequestContext.current
        do {
            if isAllowedPreflight(request) {
                response = preflight(request)
                finish(key(of: request, nil, response), request, since: start)
                return response
            }
            let (route, parameters, asked) = try find(request)
            (found, context) = (route, asked)
            if let key = context.key {
                doorkeeper.keys.note(requestOf: key.id, bytes: request.body.count)
            }
            request.trace.user = parameters.values["user"].flatMap(UserID.init(rawValue:))
            try request.refuseMisspelledQuery(of: route.operation)
            if route.body != .file {
                try request.memory.set(.document, to: JSONParser.memoryBound(of: request.body))
            }
            response = try await Deadline.keep(asked.deadline) {
                try await RequestContext.$current.withValue(asked) {
                    try await route.handler(request, parameters)
                }
            }
            if case .bytes(let bytes) = response.body {
                do { try request.memory.set(.answer, to: bytes.count) } catch {
                    // What a request changed, it changed; such answers are short.
                    if route.method == "GET" { throw error }
                }
            }
            response.headers["X-Request-Id"] = request.trace.id
        } catch {
            response = answer(to: request, error)
        }
        openToAllowedOrigin(&response, request)
        let key = key(of: request, found, response)
        guard case .stream(let produce) = response.body else {
            finish(key, request, since: start)
            return response
        }
        response.body = .stream { [context] writer in
            defer { finish(key, request, since: start) }
            try await Deadline.keep(context.deadline) {
                try await RequestContext.$current.withValue(context) {
                    try await produce(writer)
                }
            }
        }
        return response
    }

    /// The request's route and who asks, if they may have it now.
    private func find(
        _ request: HTTPRequest
    ) throws(RequestError) -> (route: Route, parameters: PathParameters, context: RequestContext) {
        let found = Result { () throws(RequestError) in
            try router.route(method: request.method, path: request.path)
        }
        let known = try? found.get().route
        let context = try doorkeeper.admit(request, to: known)
        guard !phase.isDraining || known?.tellsOfTheServer == true else {
            throw .shuttingDown
        }
        let (route, parameters) = try found.get()
        try doorkeeper.authorize(context, route, parameters)
        return (route, parameters, context)
    }

    // MARK: pages of other origins

    private func isAllowedPreflight(_ request: HTTPRequest) -> Bool {
        CrossOrigin.isPreflight(request) && doorkeeper.isAllowedOrigin(of: request)
    }

    /// Says nothing of what there is that the document does not say: ids are not looked at.
    private func preflight(_ request: HTTPRequest) -> HTTPResponse {
        var response = CrossOrigin.preflight(
            request, methods: router.methods(ofPath: request.path))
        response.headers["X-Request-Id"] = request.trace.id
        openToAllowedOrigin(&response, request)
        return response
    }

    private func openToAllowedOrigin(_ response: inout HTTPResponse, _ request: HTTPRequest) {
        guard !configuration.allowedOrigins.isEmpty else { return }
        response.headers.append("Vary", "Origin")
        if doorkeeper.isAllowedOrigin(of: request) { CrossOrigin.open(&response, to: request) }
    }

    private func answer(to request: HTTPRequest, _ error: any Error) -> HTTPResponse {
        let answer = ErrorAnswer(error)
        request.trace.errorCode = answer.code
        if answer.status == 500 {
            logger.error(
                "a request failed",
                metadata: ["id": "\(request.trace.id)", "error": "\(type(of: error))"])
        }
        var response = answer.response
        response.headers["X-Request-Id"] = request.trace.id
        return response
    }

    private func key(
        of request: HTTPRequest, _ route: Route?, _ response: HTTPResponse
    ) -> RequestMetrics.Key {
        RequestMetrics.Key(
            method: route == nil ? "any" : request.method, route: route?.pattern ?? "unknown",
            status: response.status)
    }

    private func finish(
        _ key: RequestMetrics.Key, _ request: HTTPRequest, since start: ContinuousClock.Instant
    ) {
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        metrics.record(key, seconds: seconds)
        var metadata: Logger.Metadata = [
            "id": "\(request.trace.id)", "method": "\(key.method)", "route": "\(key.route)",
            "status": .stringConvertible(key.status),
            "ms": .stringConvertible((seconds * 1e5).rounded() / 100),
        ]
        metadata["user"] = request.trace.user.map { "\(pseudonyms.word(for: $0))" }
        metadata["error"] = request.trace.errorCode.map { "\($0)" }
        if Task.isCancelled { metadata["cancelled"] = .stringConvertible(true) }
        logger.info("request", metadata: metadata)
    }

    private static func openAPIRoute(describing others: [Route]) -> Route {
        let operation = Operation(
            id: "openAPI", tag: "service", summary: "This document.", response: .schema("OpenAPI"))
        // The document describes its own route too: with a handler that is never called.
        let itself = Route("GET", "/openapi.json", operation, access: .anybody) { _, _ in
            .text("")
        }
        let document = OpenAPIDocument.make(routes: others + [itself]).serialized()
        return Route("GET", "/openapi.json", operation, access: .anybody, opensFromLinks: true) {
            _, _ in
            HTTPResponse(
                status: 200, headers: ["Content-Type": "application/json"],
                body: .bytes(document))
        }
    }
}
