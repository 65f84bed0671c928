import Foundation

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// A request.
struct Call: Sendable {
    var method: String
    var path: String
    var query: [(String, String?)] = []
    var json: JSON?
    var body: Data?
    var headers: [String: String] = [:]
    /// Whether it may be sent again where nothing came back.
    var repeats = true
}

/// Sends calls; nothing else knows of HTTP.
struct Transport: Sendable {
    let url: String
    let apiKey: String?
    let retries: Int
    let session = URLSession(configuration: .ephemeral)

    init(url: URL, apiKey: String?, retries: Int) {
        var text = url.absoluteString
        while text.hasSuffix("/") { text.removeLast() }
        if text.hasSuffix("/v1") { text.removeLast(3) }
        (self.url, self.apiKey, self.retries) = (text, apiKey, retries)
    }

    func json(_ call: Call) async throws -> JSON {
        try JSONDecoder().decode(JSON.self, from: await response(call).data)
    }

    /// An answer that is no refusal; again where that is harmless and may help.
    func response(_ call: Call) async throws -> (data: Data, head: HTTPURLResponse) {
        for tries in 0... {
            do {
                return try await once(call)
            } catch let error as HebbError {
                guard tries < retries, call.repeats, let seconds = error.wait(tries: tries) else {
                    throw error
                }
                try await Task.sleep(nanoseconds: UInt64(seconds * 1e9))
            }
        }
        preconditionFailure("an endless range ended")
    }

    private func once(_ call: Call) async throws -> (data: Data, head: HTTPURLResponse) {
        let answer: (Data, URLResponse)
        do {
            answer = try await session.data(for: request(call))
        } catch {
            throw HebbError.connectionFailed(error.localizedDescription)
        }
        guard let head = answer.1 as? HTTPURLResponse else {
            throw HebbError.connectionFailed("it does not speak HTTP")
        }
        guard head.statusCode < 400 else {
            let body = try? JSONDecoder().decode(JSON.self, from: answer.0)
            throw HebbError(
                status: head.statusCode, body: body ?? .null,
                retryAfter: head.value(forHTTPHeaderField: "Retry-After"))
        }
        return (answer.0, head)
    }

    /// The events of an answer that is a stream. Leaving it early stops the model.
    func stream(_ call: Call) -> AsyncThrowingStream<Completion, any Error> {
        AsyncThrowingStream { continuation in
            do {
                let receiver = EventReceiver(continuation)
                let own = URLSession(
                    configuration: .ephemeral, delegate: receiver, delegateQueue: nil)
                let task = own.dataTask(with: try request(call))
                continuation.onTermination = { _ in
                    task.cancel()
                    own.finishTasksAndInvalidate()
                }
                task.resume()
            } catch {
                continuation.finish(throwing: error)
            }
        }
    }

    private func request(_ call: Call) throws -> URLRequest {
        let query = call.query.compactMap { name, value in
            value.map { "\(name)=\(Transport.escaped($0))" }
        }.joined(separator: "&")
        guard let url = URL(string: url + call.path + (query.isEmpty ? "" : "?" + query)) else {
            throw HebbError.connectionFailed("'\(url)' is no address")
        }
        var request = URLRequest(url: url, timeoutInterval: 600)
        request.httpMethod = call.method
        for (name, value) in call.headers { request.setValue(value, forHTTPHeaderField: name) }
        if let apiKey { request.setValue("Bearer \(apiKey)", forHTTPHeaderField: "Authorization") }
        if let json = call.json {
            request.setValue("application/json", forHTTPHeaderField: "Content-Type")
            request.httpBody = try JSONEncoder().encode(json)
        } else {
            request.httpBody = call.body
        }
        return request
    }

    /// A segment of a path, or a value of a query.
    static func escaped(_ text: String) -> String {
        let plain = CharacterSet(
            charactersIn:
                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~")
        return text.addingPercentEncoding(withAllowedCharacters: plain) ?? ""
    }
}
