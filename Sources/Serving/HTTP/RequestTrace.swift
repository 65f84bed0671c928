import Engrams
import Synchronization

/// What the log says of a request besides what its answer says: names that it is found by, never
/// what it was about.
final class RequestTrace: Sendable {
    private struct Notes {
        var user: UserID?
        var errorCode: String?
    }

    /// The client's own `X-Request-Id` where it is a short plain word, else one of ours. The answer
    /// brings it back.
    let id: String
    /// When its head had come.
    let start = ContinuousClock.now
    private let notes = Mutex(Notes())

    init(headers: HTTPHeaders = [:]) {
        let given = headers["X-Request-Id"] ?? ""
        let isPlain =
            (1...128).contains(given.utf8.count)
            && given.utf8.allSatisfy { byte in
                PercentEncoding.isAlphanumeric(byte) || "-._".utf8.contains(byte)
            }
        id = isPlain ? given : "req-" + String(UInt64.random(in: .min ... .max), radix: 36)
    }

    /// Whose model the request was about.
    var user: UserID? {
        get { notes.withLock { $0.user } }
        set { notes.withLock { $0.user = newValue } }
    }

    /// The `code` of the error that it was answered with, also amid a stream.
    var errorCode: String? {
        get { notes.withLock { $0.errorCode } }
        set { notes.withLock { $0.errorCode = newValue } }
    }
}

/// Users' names as a log may have them: one user's lines can be found together, and no name can be
/// read or, without this process's key, guessed from them. Another run gives other words.
struct UserPseudonyms: Sendable {
    private let key = (0..<16).map { _ in UInt8.random(in: .min ... .max) }

    func word(for user: UserID) -> String {
        String(ContentDigest.of(key + Array(user.rawValue.utf8)).prefix(12))
    }
}
