import Foundation

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// Takes a stream of server-sent events apart while it comes (WHATWG HTML, section 9.2), as far as
/// the server uses it.
///
/// - Invariant: a session calls its delegate on one serial queue, so that nothing here is touched
///   by two threads at once.
final class EventReceiver: NSObject, URLSessionDataDelegate, @unchecked Sendable {
    private let continuation: AsyncThrowingStream<Completion, any Error>.Continuation
    private var head: HTTPURLResponse?
    private var pending = Data()
    private var isDone = false

    init(_ continuation: AsyncThrowingStream<Completion, any Error>.Continuation) {
        self.continuation = continuation
    }

    func urlSession(
        _ session: URLSession, dataTask: URLSessionDataTask, didReceive response: URLResponse,
        completionHandler: @escaping (URLSession.ResponseDisposition) -> Void
    ) {
        head = response as? HTTPURLResponse
        completionHandler(.allow)
    }

    func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
        pending.append(data)
        guard (head?.statusCode ?? 0) < 400 else { return }
        while let end = pending.firstIndex(of: UInt8(ascii: "\n")) {
            let line = pending[pending.startIndex..<end]
            pending = Data(pending[(end + 1)...])
            take(String(decoding: line, as: UTF8.self))
        }
    }

    private func take(_ line: String) {
        guard line.hasPrefix("data:") else { return }
        let data = line.dropFirst(5).drop { $0 == " " }
        if data == "[DONE]" {
            isDone = true
            return
        }
        do {
            let event = try JSONDecoder().decode(JSON.self, from: Data(data.utf8))
            guard event.error == .null else {
                throw HebbError(status: head?.statusCode ?? 500, body: event, retryAfter: nil)
            }
            continuation.yield(Completion(json: event))
        } catch {
            continuation.finish(throwing: error)
        }
    }

    func urlSession(
        _ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?
    ) {
        if let error {
            continuation.finish(
                throwing: HebbError.connectionFailed(error.localizedDescription))
        } else if let head, head.statusCode >= 400 {
            let body = try? JSONDecoder().decode(JSON.self, from: pending)
            continuation.finish(
                throwing: HebbError(
                    status: head.statusCode, body: body ?? .null,
                    retryAfter: head.value(forHTTPHeaderField: "Retry-After")))
        } else if isDone {
            continuation.finish()
        } else {
            continuation.finish(
                throwing: HebbError.connectionFailed("the stream ended amid the answer"))
        }
    }
}
