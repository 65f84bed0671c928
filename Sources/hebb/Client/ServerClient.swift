import Foundation

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// Speaks HTTP with one Hebb server.
struct ServerClient: Sendable {
    let base: URL
    let key: String?
    let timeoutSeconds: Double

    /// An http or https address with a host. Slashes at its end do not matter, nor does `/v1`: with
    /// it the address is what OpenAI's clients are given.
    static func baseURL(from text: String) -> URL? {
        var trimmed = text[...]
        func dropSlashes() { while trimmed.hasSuffix("/") { trimmed.removeLast() } }
        dropSlashes()
        if trimmed.hasSuffix("/v1") {
            trimmed.removeLast(3)
            dropSlashes()
        }
        guard var parts = URLComponents(string: String(trimmed)),
            let scheme = parts.scheme?.lowercased(), let host = parts.host, !host.isEmpty,
            scheme == "http" || scheme == "https", parts.query == nil, parts.fragment == nil
        else { return nil }
        if isLoopback(host) { parts.host = "localhost" }
        return parts.url
    }

    /// Whether a host is the loopback address of IPv6. Foundation on Linux up to Swift 6.3 refuses
    /// every IPv6 address in figures (it compares them with brackets and without); `localhost` is
    /// this one first, by libcurl's own rule.
    private static func isLoopback(_ host: String) -> Bool {
        let groups = host.filter { $0 != "[" && $0 != "]" }
            .split(separator: ":", omittingEmptySubsequences: false)
        return groups.count > 2 && groups.dropLast().allSatisfy { $0.allSatisfy { $0 == "0" } }
            && groups.last.map { UInt16($0, radix: 16) } == 1
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

    /// Opens a connection with one quick question, and sees to it that a Hebb server answers.
    ///
    /// Foundation on Linux does not stop asking whether a socket can be written before the first
    /// answer on it has ended, which takes most of a processor; with later ones it does.
    func open(_ session: URLSession = .shared) async throws {
        var request = try request(for: Call(path: "/health"))
        // It is answered at once or never: a server is there when it listens.
        request.timeoutInterval = min(timeoutSeconds, 30)
        let answer: (data: Data, response: URLResponse)
        do {
            answer = try await session.data(for: request)
        } catch {
            throw failure(from: error, seconds: request.timeoutInterval)
        }
        try checkHealth(answer.data, answer.response)
    }

    /// - Throws: `ClientError` unless the answer to `/health` is Hebb's, ready or not.
    func checkHealth(_ body: Data, _ response: URLResponse) throws {
        guard let http = response as? HTTPURLResponse else {
            throw ClientError.notHebb(url: base.absoluteString, answer: "not HTTP")
        }
        let health = try? JSONDecoder().decode(WireHealth.self, from: body)
        if health?.model != nil { return }
        let headers = Self.headers(of: http)
        // Hebb's own refusals have a code; so has OpenAI's, which asks for a key.
        if http.statusCode == 401 || http.statusCode == 403 {
            throw Self.refusal(status: http.statusCode, headers: headers, body: body)
        }
        let program = headers["server"].map { ", \($0)" } ?? ""
        throw ClientError.notHebb(
            url: base.absoluteString, answer: "/health answers \(http.statusCode)\(program)")
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
    /// - Parameter seconds: how long an answer was waited for; nil: `timeoutSeconds`.
    func failure(from error: any Error, seconds: Double? = nil) -> any Error {
        guard let error = error as? URLError else { return error }
        let url = base.absoluteString
        func connection(_ reason: String) -> ClientError { .connection(url: url, reason: reason) }
        switch error.code {
        case .cancelled: return CancellationError()
        case .cannotConnectToHost: return ClientError.noServer(url: url)
        case .cannotFindHost, .dnsLookupFailed: return ClientError.unknownHost(url: url)
        case .timedOut:
            return connection(
                "no answer in \(Figure.duration(seconds ?? timeoutSeconds)) (--timeout)")
        case .badURL where base.host?.contains(":") == true:
            return connection("IPv6 addresses in figures are not reached; use the host's name")
        case .networkConnectionLost: return connection("it was broken off")
        case .badServerResponse, .cannotParseResponse, .unsupportedURL:
            return ClientError.notHebb(url: url, answer: "it does not speak HTTP")
        default:
            let advice =
                base.scheme == "https" ? "; without TLS the address begins with http://" : ""
            return connection(error.localizedDescription + advice)
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
