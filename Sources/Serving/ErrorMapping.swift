import Engrams
public import Scheduling

extension ServiceError {
    /// What it says to a person, in a server's answer and on the command line alike.
    public var message: String { ErrorAnswer(self).message }
}

/// An error as a client sees it: OpenAI's shape, with the status that goes with it. This file is
/// the only one that chooses statuses for errors.
struct ErrorAnswer {
    var status: Int
    var message: String
    var type = "invalid_request_error"
    var parameter: String?
    var code: String?
    var headers: HTTPHeaders = [:]
    /// Further fields of the error, beside OpenAI's.
    var details: [JSONValue.Member] = []

    /// - Parameter error: a `ServiceError`, a `RequestError` or anything else, which answers 500
    ///   and says nothing of its cause.
    init(_ error: any Error) {
        switch error {
        case let error as RequestError: self.init(request: error)
        case let error as ServiceError: self.init(service: error)
        case is CancellationError:
            self.init(status: 499, "The client closed the request.", code: "client_closed_request")
        default:
            self.init(
                status: 500, "The server failed on this request; its log says more.",
                type: "server_error", code: "internal_error")
        }
    }

    var json: JSONValue {
        let fields: [JSONValue.Member] = [
            .init(name: "message", value: .string(message)),
            .init(name: "type", value: .string(type)),
            .init(name: "param", value: .optional(parameter)),
            .init(name: "code", value: .optional(code)),
        ]
        return ["error": .object(fields + details)]
    }

    var response: HTTPResponse { .json(json, status: status, headers: headers) }

    private init(
        status: Int, _ message: String, type: String = "invalid_request_error",
        parameter: String? = nil, code: String? = nil, headers: HTTPHeaders = [:]
    ) {
        self.status = status
        self.message = message
        self.type = type
        self.parameter = parameter
        self.code = code
        self.headers = headers
    }

    private init(request error: RequestError) {
        switch error {
        case .malformedJSON(let reason, let offset):
            self.init(
                status: 400, "The body is not valid JSON: \(reason), at byte \(offset).",
                code: "invalid_json")
        case .wrongType(let parameter, let expected, let found):
            let subject = parameter.map { "'\($0)'" } ?? "the body"
            self.init(
                status: 400, "Invalid type for \(subject): expected \(expected), got \(found).",
                parameter: parameter, code: "invalid_type")
        case .outOfRange(let parameter, let found, let allowed):
            self.init(
                status: 400,
                "Invalid value for '\(parameter)': \(found); allowed is \(allowed).",
                parameter: parameter, code: "invalid_value")
        case .missing(let parameter):
            self.init(
                status: 400, "Missing required parameter: '\(parameter)'.", parameter: parameter,
                code: "missing_required_parameter")
        case .unknown(let parameter, let nearest, let known):
            let name = String(String.UnicodeScalarView(parameter.unicodeScalars.prefix(128)))
            let meant = nearest.map { " Did you mean '\($0)'?" } ?? ""
            let list = known.joined(separator: ", ")
            self.init(
                status: 400,
                "Unknown parameter: '\(name)'.\(meant)"
                    + (list.isEmpty ? "" : " There is: \(list)."),
                parameter: name, code: "unknown_parameter")
        case .unsupported(let parameter, let reason):
            self.init(
                status: 400, "Unsupported parameter: '\(parameter)': \(reason).",
                parameter: parameter, code: "unsupported_parameter")
        case .notAvailable(let parameter, let reason):
            self.init(
                status: 422, "Not available: \(reason).", parameter: parameter,
                code: "not_available")
        case .invalidHeader(let name, let reason):
            self.init(
                status: 400, "Invalid header \(name): \(reason).", parameter: name,
                code: "invalid_header")
        case .modelNotFound(let served):
            self.init(
                status: 404, "The model does not exist; this server serves '\(served)'.",
                parameter: "model", code: "model_not_found")
        case .pathNotFound:
            self.init(
                status: 404, "Unknown URL; GET /openapi.json lists what there is.",
                code: "unknown_url")
        case .methodNotAllowed(let allowed):
            let list = allowed.joined(separator: ", ")
            self.init(
                status: 405, "Method not allowed; allowed: \(list).", code: "method_not_allowed",
                headers: ["Allow": list])
        case .bodyTooLarge(let limit):
            self.init(
                status: 413, "The request body is larger than \(limit) bytes.",
                code: "request_too_large")
        case .bodyTooCostly(let bytes, let limit):
            self.init(
                status: 413,
                "The request and its answer take up to \(bytes) bytes of memory; this server has "
                    + "\(limit) for all requests. Send it in parts.",
                code: "request_too_large")
        case .memoryBusy:
            self.init(
                status: 503,
                "The memory for requests is taken by others; this one changed nothing. Try again.",
                type: "server_error", code: "memory_busy", headers: ["Retry-After": "5"])
        case .malformedRequest(let reason):
            self.init(
                status: 400, "The request is not understood as HTTP/1.1: \(reason).",
                code: "malformed_request")
        case .foreignCaller:
            self.init(
                status: 403,
                "A server without API keys answers only programs and pages of its own machine: "
                    + "Host and Origin must name localhost or a loopback address, and no page of "
                    + "another site or port may send the request.",
                code: "foreign_caller")
        case .unknownHost:
            self.init(
                status: 403,
                "This server does not know the name in Host; whoever runs it allows one with "
                    + "--allowed-host.",
                code: "unknown_host")
        case .foreignOrigin:
            self.init(
                status: 403,
                "Pages of this origin may not ask this server; whoever runs it allows one with "
                    + "--cors-origin.",
                code: "foreign_origin")
        case .keyMissing:
            self.init(
                status: 401,
                "This server needs an API key: send it as 'Authorization: Bearer KEY'.",
                code: "missing_api_key", headers: ["WWW-Authenticate": "Bearer realm=\"hebb\""])
        case .keyWrong:
            self.init(
                status: 401, "The API key is none of this server's.", code: "invalid_api_key",
                headers: [
                    "WWW-Authenticate": "Bearer realm=\"hebb\", error=\"invalid_token\""
                ])
        case .adminOnly:
            self.init(
                status: 403, "This needs an admin's key.", type: "permission_error",
                code: "admin_only")
        case .deadlinePassed:
            self.init(
                status: 504,
                "The time of X-Request-Timeout is over. What the request would have learned may "
                    + "have been learned; with an Idempotency-Key it can be repeated safely.",
                type: "server_error", code: "deadline_passed")
        case .refused(let error): self.init(service: error)
        case .shuttingDown: self.init(service: .draining)
        }
    }

    private init(service error: ServiceError) {
        switch error {
        case .userNotFound(let id):
            self.init(status: 404, "No user '\(id)'.", code: "user_not_found")
        case .sessionNotFound(let id):
            self.init(status: 404, "No session '\(id)'.", code: "session_not_found")
        case .sessionExists(let id):
            self.init(
                status: 409, "The session '\(id)' exists already.", parameter: "id",
                code: "session_exists")
        // No Retry-After: waiting does not mend it.
        case .sessionQuota(let limit):
            self.init(
                status: 429,
                "This user has \(limit) sessions, as many as one may have: discard one first.",
                type: "insufficient_quota", parameter: "id", code: "session_quota")
        case .checkpointNotFound(let id):
            self.init(status: 404, "No checkpoint '\(id)'.", code: "checkpoint_not_found")
        case .checkpointInUse(let id):
            self.init(
                status: 409,
                "The checkpoint '\(id)' is in use: a user's head or a session stands on it, or a "
                    + "session's next checkpoint is to replace it ('supersedes').",
                code: "checkpoint_in_use")
        case .eventNotFound(let id):
            self.init(status: 404, "No event '\(id)' in this session.", code: "event_not_found")
        case .notForgettable(let id, let kind, let advice):
            self.init(
                status: 422, "The event '\(id)' is a \(kind) and cannot be forgotten. \(advice)",
                code: "not_forgettable")
        case .cannotForget(let id, let reason):
            self.init(
                status: 409, "The event '\(id)' cannot be forgotten, nothing changed: \(reason).",
                code: "cannot_forget")
        case .notErased(let id, let reason):
            self.init(
                status: 503,
                "The event '\(id)' is forgotten, but its text may still stand in unused parts of "
                    + "the data folder: \(reason) Repeat the request to finish it.",
                type: "server_error", code: "not_erased", headers: ["Retry-After": "5"])
        case .userNotErased(let id, let reason):
            self.init(
                status: 503,
                "The user '\(id)' is deleted, but something of theirs may still stand in unused "
                    + "parts of the data folder: \(reason) Repeat the request to finish it; it "
                    + "answers 404 then.",
                type: "server_error", code: "not_erased", headers: ["Retry-After": "5"])
        case .completionNotFound(let id, let remembered):
            self.init(
                status: 404,
                "This session gave no answer \(id.choice) of completion '\(id.completion)', or not "
                    + "lately enough: a server remembers its last \(remembered) completions, or "
                    + "fewer long ones, until it ends.",
                code: "completion_not_found")
        case .revisionConflict(let expected, let found):
            self.init(
                status: 409, "The session is at revision \(found), not at \(expected).",
                parameter: "If-Match", code: "revision_conflict",
                headers: ["ETag": EntityTag.text(found)])
        case .idempotencyKeyReused:
            self.init(
                status: 409, "This Idempotency-Key came before with another request.",
                parameter: "Idempotency-Key", code: "idempotency_key_reused")
        case .idempotencyKeySpent:
            self.init(
                status: 409,
                "The request with this Idempotency-Key was carried out, and what it taught has been "
                    + "forgotten since, or discarded with its session. Nothing was learned; to "
                    + "teach it again, send another key.",
                parameter: "Idempotency-Key", code: "idempotency_key_spent")
        case .answerNotKept(let id):
            self.init(
                status: 409,
                "The request with this Idempotency-Key was carried out as event '\(id)'; its answer "
                    + "was not kept (--journal deltas). Nothing was learned again.",
                parameter: "Idempotency-Key", code: "answer_not_kept")
        case .emptyText:
            self.init(status: 400, "The text is empty.", parameter: "text", code: "empty_text")
        case .chatUnavailable(let model, let fault):
            self.init(
                status: 422,
                "The core '\(model)' has no chat template"
                    + (fault.map { ": \($0)" } ?? "; it completes texts, POST /v1/completions."),
                parameter: "messages", code: "no_chat_template")
        case .conversationRefused(let reason):
            self.init(
                status: 400,
                "The core's chat template does not take these messages: "
                    + String(String.UnicodeScalarView(reason.unicodeScalars.prefix(500))),
                parameter: "messages", code: "messages_refused")
        case .textTooLarge(let bytes, let limit):
            self.init(
                status: 413, "The text has \(bytes) bytes; \(limit) are allowed.",
                parameter: "text", code: "text_too_large")
        case .contextExceeded(let prompt, let maxTokens, let length):
            self.init(
                status: 400,
                "The prompt's \(prompt) tokens and max_tokens \(maxTokens) exceed the context of "
                    + "\(length) tokens.",
                parameter: "prompt", code: "context_length_exceeded")
        case .contextTooLarge(let bytes, let limit):
            self.init(
                status: 413,
                "What the core keeps of this request's tokens may take \(bytes) bytes; this server "
                    + "has \(limit) for all requests (--kv-memory). Send a shorter text, or ask for "
                    + "fewer tokens.",
                code: "context_too_large")
        case .tokenOutOfRange(let found, let size):
            self.init(
                status: 400, "Token \(found) is outside the vocabulary 0 to \(size - 1).",
                parameter: "tokens", code: "token_out_of_range")
        case .invalidParameter(let name, let reason):
            self.init(
                status: 400, "Invalid value for '\(name)': \(reason).", parameter: name,
                code: "invalid_value")
        case .refused(let reason):
            self.init(status: 422, "Refused, nothing changed: \(reason)", code: "refused")
        case .probeFailed(let reading):
            self.init(
                status: 422,
                "Refused, nothing changed: the engram fails the constitution's "
                    + ConstitutionError.text(reading) + ".", code: "probe_failed")
            details = [.init(name: "probe", value: .probe(reading))]
        case .queueFull(let capacity, let seconds):
            self.init(
                status: 429, "The queue of \(capacity) requests is full; try again later.",
                type: "rate_limit_error", code: "queue_full",
                headers: ["Retry-After": String(seconds)])
        case .shareFull(let id, let requests, let seconds):
            self.init(
                status: 429,
                "\(requests) requests of '\(id)' run or wait already, its share of the queue; try "
                    + "again when some of them are done.",
                type: "rate_limit_error", code: "queue_full",
                headers: ["Retry-After": String(seconds)])
        case .quotaExceeded(let limit, let allowed, let seconds):
            self.init(
                status: 429,
                "This key's quota of \(allowed) \(limit.words) is used up; it comes back in "
                    + "\(seconds) s.",
                type: "rate_limit_error", code: "quota_exceeded",
                headers: ["Retry-After": String(seconds)])
        case .keyNotFound(let id):
            self.init(status: 404, "No key '\(id)'.", code: "key_not_found")
        case .firstKeyMustBeAdmin:
            self.init(
                status: 409,
                "There is no admin's key, and without one nobody could make or revoke another: "
                    + "make that first, with role 'admin'.",
                parameter: "role", code: "first_key_must_be_admin")
        case .lastAdminKey:
            self.init(
                status: 409,
                "This is the only admin's key: make another, or revoke the users' keys first.",
                code: "last_admin_key")
        case .keyLimit(let limit):
            self.init(
                status: 409, "There are \(limit) keys, as many as there may be: revoke some.",
                code: "key_limit")
        case .loading:
            self.init(
                status: 503, "The core is loading.", type: "server_error", code: "loading",
                headers: ["Retry-After": "2"])
        case .draining:
            self.init(
                status: 503, "The server is shutting down.", type: "server_error",
                code: "draining", headers: ["Retry-After": "5"])
        case .contentNotKept(let id):
            self.init(
                status: 409,
                "What event '\(id)' was learned from was not kept: the server runs, or ran then, "
                    + "with --journal deltas. Reset or restore the session, or discard it.",
                code: "content_not_kept")
        case .storage(let reason):
            self.init(
                status: 503, "It could not be stored, nothing changed: \(reason)",
                type: "server_error", code: "storage_failed", headers: ["Retry-After": "30"])
        // Not 507: it forbids the client to try again by itself, and this goes away by itself.
        case .storageFull(let reason):
            self.init(
                status: 503, "It could not be stored, nothing changed: \(reason)",
                type: "server_error", code: "storage_full", headers: ["Retry-After": "30"])
        // Not 503: no time will mend it.
        case .storageDamaged(let reason):
            self.init(
                status: 500, "What is stored cannot be read, nothing changed: \(reason)",
                type: "server_error", code: "storage_damaged")
        }
    }
}
