public import Engrams

/// Somebody's right to use a server: a key is its user.
public struct AccessKey: Sendable, Equatable {
    public enum Role: String, Sendable, Codable, CaseIterable {
        /// Reaches what is its user's, and nothing else.
        case user
        /// Acts for any user, and for its own where a request names none; makes and revokes keys.
        case admin
    }

    /// Stands in the key itself, and is no secret.
    public let id: String
    public let user: UserID
    public let role: Role
    public internal(set) var quota: Quota
    /// What its requests teach where neither they nor their session say.
    public internal(set) var learn: LearnMode?
    /// Seconds since 1970.
    public let created: Double
    /// Nil: never yet.
    public internal(set) var lastUsed: Double?

    /// What is kept of it beside its name, user and times.
    struct Settings: Codable {
        var role: Role
        var quota: Quota
        var learn: LearnMode?
    }

    var settings: Settings { Settings(role: role, quota: quota, learn: learn) }
}

/// A key as its holder has it: `hebb_<id>_<secret>`.
///
/// The secret is 256 bits of the system's secure generator. So one round of SHA-256 keeps it: slow
/// and salted hashes are for passwords, of which there are few enough to try, and this one is
/// computed for every request. The beginning lets programs that look for lost secrets know one.
struct KeySecret {
    private static let prefix = "hebb"
    private static let idBytes = 8
    private static let secretBytes = 32

    let id: String
    private let secret: String

    init() {
        var generator = SystemRandomNumberGenerator()
        func digits(_ count: Int) -> String {
            (0..<count).map { _ in
                let byte = UInt8.random(in: .min ... .max, using: &generator)
                return (byte < 16 ? "0" : "") + String(byte, radix: 16)
            }.joined()
        }
        id = digits(Self.idBytes)
        secret = digits(Self.secretBytes)
    }

    /// Nil for what is no key at all.
    init?(_ text: String) {
        let parts = text.split(separator: "_", omittingEmptySubsequences: false)
        guard text.utf8.count < 200, parts.count == 3, parts[0] == Self.prefix else { return nil }
        id = String(parts[1])
        secret = String(parts[2])
    }

    var text: String { "\(Self.prefix)_\(id)_\(secret)" }

    /// What is kept of it.
    var digest: String { ContentDigest.of(Array(secret.utf8)) }

    /// Whether it is the one whose digest that is; takes as long whatever the first difference.
    func matches(_ digest: String) -> Bool {
        let (mine, other) = (Array(self.digest.utf8), Array(digest.utf8))
        guard mine.count == other.count else { return false }
        var difference: UInt8 = 0
        for index in mine.indices { difference |= mine[index] ^ other[index] }
        return difference == 0
    }
}
