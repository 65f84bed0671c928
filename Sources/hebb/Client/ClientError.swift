import Foundation

/// Why a client command failed; every case says what to do about it.
enum ClientError: Error, Equatable, CustomStringConvertible {
    /// Nothing listens at the address.
    case noServer(url: String)
    /// The connection broke or took too long; `reason` is the system's word for it.
    case connection(url: String, reason: String)
    /// The server answered and said no.
    case refused(status: Int, message: String, code: String?, retryAfterSeconds: Double?)
    /// The server answered with something that is not what its API promises.
    case unexpectedAnswer(path: String, reason: String)
    case unreadableFile(path: String, reason: String)
    case unwritableFile(path: String, reason: String)
    case emptyInput(name: String)

    var description: String {
        switch self {
        case .noServer(let url):
            "no server at \(url); start one with `hebb serve`, or name another with --url"
        case .connection(let url, let reason):
            "the connection to \(url) failed: \(reason)"
        case .refused(let status, let message, let code, _):
            "the server refused (\(status)): \(message)\(Self.advice(status: status, code: code))"
        case .unexpectedAnswer(let path, let reason):
            "\(path) answered something this client does not understand (\(reason)); "
                + "are the client and the server of one version?"
        case .unreadableFile(let path, let reason):
            "cannot read \(path): \(reason)"
        case .unwritableFile(let path, let reason):
            "cannot write \(path): \(reason)"
        case .emptyInput(let name):
            "\(name) is empty: there is nothing to send"
        }
    }

    private static func advice(status: Int, code: String?) -> String {
        switch status {
        case 401: "; set HEBB_API_KEY to a key of this server"
        case 413 where code == "text_too_large":
            "; send less at once, or start the server with a larger --max-text"
        case 413: "; send less at once, or start the server with a larger --max-body"
        case 429: "; its queue is full, try again later"
        case 503: "; it is loading or shutting down, try again"
        default: ""
        }
    }

    /// Whether sending the same request again may succeed.
    var isTransient: Bool {
        switch self {
        case .noServer, .connection: true
        case .refused(let status, _, _, _): status == 429 || status == 503
        default: false
        }
    }

    /// How long the server asked to wait, seconds.
    var retryAfterSeconds: Double? {
        guard case .refused(_, _, _, let seconds) = self else { return nil }
        return seconds
    }
}
