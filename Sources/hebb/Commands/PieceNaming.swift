import Engrams

/// The names (idempotency keys) under which pieces of text are sent: a server learns what comes
/// under one name once.
///
/// A name comes from the piece's text, so that the same text has the same name in every run that
/// names it alike. It must not tell the text: a server keeps names readable beside texts that it
/// has sealed or forgotten, and a plain hash of a short text is soon guessed. So a secret goes into
/// it that the server never sees.
enum PieceNaming: Equatable {
    /// All runs of one account over one session name alike, from the event `since` on.
    case usual(secret: String, since: String?)
    /// One run alone; its id is the secret.
    case given(String)

    /// A run that no other one knows.
    static func fresh() -> PieceNaming { .given(freshID()) }

    /// 16 hexadecimal digits.
    static func freshID() -> String {
        let digits = String(UInt64.random(in: .min ... .max), radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// What is sent as one piece.
    struct Content {
        let text: String
        let reward: Double?

        /// Equal for equal pieces.
        var key: String { (reward.map { "\($0)" } ?? "") + "\n" + text }
    }

    /// With it `--run` names pieces alike, on any machine.
    func runID(for address: SessionAddress) -> String {
        switch self {
        case .given(let id): id
        case .usual(let secret, let since):
            String(Self.hash([secret, "\(address)", since ?? ""]).prefix(16))
        }
    }

    /// - Parameter count: how many equal pieces came before it in the run.
    func name(of content: Content, count: Int, for address: SessionAddress) -> String {
        Self.hash([runID(for: address), content.key]).prefix(32) + "-\(count)"
    }

    /// No part but the last has a line break in it.
    private static func hash(_ parts: [String]) -> String {
        ContentDigest.of(Array(parts.joined(separator: "\n").utf8))
    }
}
