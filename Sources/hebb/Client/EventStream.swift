import Foundation

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// Takes server-sent events apart, however the network cut them.
struct EventStreamParser {
    private var line: [UInt8] = []
    private var data: [String] = []

    init() {}

    /// The `data` of each event that ended within `bytes`.
    mutating func append(_ bytes: some Sequence<UInt8>) -> [String] {
        var events: [String] = []
        for byte in bytes where byte != UInt8(ascii: "\r") {
            guard byte == UInt8(ascii: "\n") else {
                line.append(byte)
                continue
            }
            if line.isEmpty {
                if !data.isEmpty { events.append(data.joined(separator: "\n")) }
                data = []
            } else {
                take(String(decoding: line, as: UTF8.self))
            }
            line = []
        }
        return events
    }

    /// Comments and fields other than `data` are passed over, as the standard allows.
    private mutating func take(_ line: String) {
        guard line.hasPrefix("data:") else { return }
        let value = line.dropFirst("data:".count)
        data.append(String(value.hasPrefix(" ") ? value.dropFirst() : value))
    }
}

extension ServerClient {
    /// Sends a request whose answer is a stream of events; yields the `data` of each, up to
    /// `[DONE]`. Ending the iteration closes the connection, which cancels the generation.
    func events(_ call: Call) async throws -> AsyncThrowingStream<String, any Error> {
        let request = try request(for: call)
        let (events, continuation) = AsyncThrowingStream.makeStream(of: String.self)
        let receiver = EventReceiver(client: self, continuation: continuation)
        let session = URLSession(configuration: .default, delegate: receiver, delegateQueue: nil)
        do {
            try await open(session)
        } catch {
            session.invalidateAndCancel()
            throw error
        }
        let task = session.dataTask(with: request)
        continuation.onTermination = { _ in
            task.cancel()
            session.finishTasksAndInvalidate()
        }
        task.resume()
        return events
    }
}

/// Hands what arrives on, event by event.
///
/// Invariant that makes this Sendable: the mutable state is touched by the delegate methods alone,
/// and the session calls those one after another on its own serial queue.
private final class EventReceiver: NSObject, URLSessionDataDelegate, @unchecked Sendable {
    private let client: ServerClient
    private let continuation: AsyncThrowingStream<String, any Error>.Continuation
    private var parser = EventStreamParser()
    private var status = 200
    private var headers: [String: String] = [:]
    private var refusalBody = Data()

    init(
        client: ServerClient, continuation: AsyncThrowingStream<String, any Error>.Continuation
    ) {
        self.client = client
        self.continuation = continuation
    }

    func urlSession(
        _ session: URLSession, dataTask: URLSessionDataTask, didReceive response: URLResponse,
        completionHandler: @escaping @Sendable (URLSession.ResponseDisposition) -> Void
    ) {
        if let answer = response as? HTTPURLResponse {
            status = answer.statusCode
            headers = ServerClient.headers(of: answer)
        }
        completionHandler(.allow)
    }

    func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
        guard status < 300 else {
            refusalBody.append(data)
            return
        }
        for event in parser.append(data) {
            if event == "[DONE]" {
                continuation.finish()
            } else {
                continuation.yield(event)
            }
        }
    }

    func urlSession(
        _ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?
    ) {
        if let error {
            continuation.finish(throwing: client.failure(from: error))
        } else if status >= 300 {
            continuation.finish(
                throwing: ServerClient.refusal(
                    status: status, headers: headers, body: refusalBody))
        } else {
            continuation.finish()
        }
    }
}
