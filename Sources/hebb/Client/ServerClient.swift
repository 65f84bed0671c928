import Foundation

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// Speaks HTTP with one Hebb server.
struct ServerClient: Sendable {
    let base: URL
    let key: String?
    let timeoutSeconds: Double

    /// An http or https address with a host; a trailing slash does not matter.
    static func baseURL(from text: String) -> URL? {
        var trimmed = text[...]
        while trimmed.hasSuffix("/") { trimmed.removeLast() }
        guard let url = URL(string: String(trimmed)), let scheme = url.scheme, url.host != nil,
            scheme == "http" || scheme == "https"
        else { return nil }
        return url
    }

    /// An answer of the server with a status below 300.
    struct Reply: Sendable {
        let status: Int
        /// Names in lower case.
        let headers: [String: String]
        let body: Data
    }

    /// One request, as a value.
    struct Call: Sendable {
        var method = "GET"
        var path: String
        var query: [(String, String)] = []
        var headers: [String: String] = [:]
        var body: Data?
        /// Further tries after a transient failure. Only for requests that may safely be repeated.
        var retries = 0
    }

    /// Opens a connection with one quick question, whose answer does not matter.
    ///
    /// Foundation on Linux does not stop asking whether a socket can be written before the first
    /// answer on it has ended, which takes most of a processor; with later ones it does.
    func open(_ session: URLSession = .shared) async throws {
        do {
            _ = try await session.data(for: request(for: Call(path: "/health")))
        } catch {
            throw failure(from: error)
        }
    }

    /// Sends a request and returns the answer; throws `ClientError` for every other outcome.
    func send(_ call: Call) async throws -> Reply {
        var attempt = 0
        while true {
            do {
                return try await sendOnce(call)
            } catch let error as ClientError where error.isTransient && attempt < call.retries {
                let seconds = error.retryAfterSeconds ?? min(0.25 * Double(1 << attempt), 8)
                try await Task.sleep(for: .seconds(min(seconds, 60)))
                attempt += 1
            }
        }
    }

    /// Sends `body` as JSON and decodes the answer.
    func exchange<Answer: Decodable>(
        _ method: String, _ path: String, body: (some Encodable & Sendable)? = Int?.none,
        query: [(String, String)] = [], headers: [String: String] = [:], retries: Int = 0,
        as answer: Answer.Type = Answer.self
    ) async throws -> Answer {
        var call = Call(
            method: method, path: path, query: query, headers: headers, retries: retries)
        if let body {
            call.body = try WireFormat.encoded(body)
            call.headers["Content-Type"] = "application/json"
        }
        let reply = try await send(call)
        return try WireFormat.decoded(Answer.self, from: reply.body, path: path)
    }

    func request(for call: Call) throws -> URLRequest {
        var text = base.absoluteString + call.path
        if !call.query.isEmpty {
            let pairs = call.query.map { name, value in
                SessionAddress.escaped(name) + "=" + SessionAddress.escaped(value)
            }
            text += "?" + pairs.joined(separator: "&")
        }
        guard let url = URL(string: text) else {
            throw ClientError.unexpectedAnswer(path: call.path, reason: "not a valid address")
        }
        var request = URLRequest(url: url, timeoutInterval: timeoutSeconds)
        request.httpMethod = call.method
        request.httpBody = call.body
        for (name, value) in call.headers { request.setValue(value, forHTTPHeaderField: name) }
        if let key { request.setValue("Bearer \(key)", forHTTPHeaderField: "Authorization") }
        return request
    }

    private func sendOnce(_ call: Call) async throws -> Reply {
        let request = try request(for: call)
        let data: Data
        let response: URLResponse
        do {
            (data, response) = try await URLSession.shared.data(for: request)
        } catch {
            throw failure(from: error)
        }
        guard let answer = response as? HTTPURLResponse else {
            throw ClientError.unexpectedAnswer(path: call.path, reason: "not HTTP")
        }
        let headers = Self.headers(of: answer)
        guard answer.statusCode < 300 else {
            throw Self.refusal(status: answer.statusCode, headers: headers, body: data)
        }
        return Reply(status: answer.statusCode, headers: headers, body: data)
    }

    /// A network failure in our words.
    func failure(from error: any Error) -> any Error {
        guard let error = error as? URLError else { return error }
        switch error.code {
        case .cancelled: return CancellationError()
        case .cannotConnectToHost, .cannotFindHost:
            return ClientError.noServer(url: base.absoluteString)
        case .timedOut:
            return ClientError.connection(
                url: base.absoluteString, reason: "no answer in \(timeoutSeconds) s (--timeout)")
        default:
            return ClientError.connection(
                url: base.absoluteString, reason: error.localizedDescription)
        }
    }

    static func headers(of response: HTTPURLResponse) -> [String: String] {
        response.allHeaderFields.reduce(into: [:]) { headers, field in
            guard let name = field.key as? String, let value = field.value as? String else {
                return
            }
            headers[name.lowercased()] = value
        }
    }

    /// The server's own words, when the body is an error in OpenAI's shape.
    static func refusal(status: Int, headers: [String: String], body: Data) -> ClientError {
        let error = try? JSONDecoder().decode(WireError.self, from: body).error
        let fallback = String(decoding: body.prefix(200), as: UTF8.self)
        return .refused(
            status: status, message: error?.message ?? (fallback.isEmpty ? "no reason" : fallback),
            code: error?.code, retryAfterSeconds: headers["retry-after"].flatMap(Double.init))
    }
}
