/// Why there is no answer.
public enum HebbError: Error, Sendable, CustomStringConvertible {
    /// The server's refusal, with its words. `retryAfter` is in seconds.
    case refused(
        status: Int, code: String?, parameter: String?, message: String, retryAfter: Double?)
    /// Nothing came back, or not all of it.
    case connectionFailed(String)

    public var description: String {
        switch self {
        case .refused(_, _, _, let message, _): message
        case .connectionFailed(let reason): "The server does not answer: \(reason)"
        }
    }

    init(status: Int, body: JSON, retryAfter: String?) {
        let error = body.error
        self = .refused(
            status: status, code: error.code.string, parameter: error.param.string,
            message: error.message.string ?? "The server answered \(status).",
            retryAfter: retryAfter.flatMap(Double.init))
    }

    /// After how long the same request may go well, seconds; nil: it will not.
    func wait(tries: Int) -> Double? {
        switch self {
        case .refused(429, _, _, _, let seconds), .refused(503, _, _, _, let seconds):
            min(seconds ?? Double(1 + tries), 30)
        case .refused: nil
        case .connectionFailed: 0.5 * Double(1 << tries)
        }
    }
}
