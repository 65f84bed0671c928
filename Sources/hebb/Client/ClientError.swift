import Foundation

/// Why a client command failed; every case says what to do about it.
enum ClientError: Error, Equatable, CustomStringConvertible {
    /// Nothing listens at the address.
    case noServer(url: String)
    /// No machine has the name that the address has.
    case unknownHost(url: String)
    /// Something listens there, but it is another program; `answer` is how it answered.
    case notHebb(url: String, answer: String)
    /// The connection broke or took too long; `reason` is the system's word for it.
    case connection(url: String, reason: String)
    /// The server answered and said no.
    case refused(status: Int, message: String, code: String?, retryAfterSeconds: Double?)
    /// The server answered with something that is not what its API promises.
    case unexpectedAnswer(path: String, reason: String)
    case unreadableFile(path: String, reason: String)
    case unwritableFile(path: String, reason: String)
    case emptyInput(name: String)
    /// A file of another kind; `kind` with its article, `advice` how to make text of it.
    case notText(name: String, kind: String, advice: String?)
    /// Perhaps a text, but not in the encoding that it was read in.
    case undecodable(name: String, reason: String, advice: String)
    /// A folder without any text that is wanted.
    case noText(folder: String, patterns: [String])
    /// What is wrong with several of a command's files.
    case several([ClientError])

    var description: String {
        switch self {
        case .noServer(let url):
            "no server at \(url); start one with `hebb serve`, or name another with --url"
        case .unknownHost(let url):
            "\(url): there is no machine of this name; name another address with --url"
        case .notHebb(let url, let answer):
            "what answers at \(url) is no Hebb server (\(answer)); name the server's address with "
                + "--url or HEBB_URL, as http://127.0.0.1:8421"
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
            "\(name) is empty: there is nothing to read"
        case .notText(let name, let kind, let advice):
            "\(name) is no text but \(kind)\(advice.map { "; " + $0 } ?? "")"
        case .undecodable(let name, let reason, let advice):
            "\(name) \(reason); \(advice)"
        case .noText(let folder, let patterns):
            "there is no text in \(folder)"
                + (patterns.isEmpty
                    ? "" : " whose name matches \(patterns.joined(separator: " or "))")
        case .several(let errors):
            "\(errors.count) of the files cannot be read, and nothing was done:\n"
                + (errors.prefix(Self.shownAtOnce).map { "  \($0)" }
                + (errors.count > Self.shownAtOnce ? ["  …"] : [])).joined(separator: "\n")
        }
    }

    private static let shownAtOnce = 10

    private static func advice(status: Int, code: String?) -> String {
        switch status {
        case 404 where code == "session_not_found":
            "; `hebb sessions` lists those there are, `hebb sessions new USER/NAME` makes one"
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
