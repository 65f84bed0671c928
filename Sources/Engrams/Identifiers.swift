/// Who owns an engram: 1 to 256 characters of `A-Z a-z 0-9 . _ @ : + = -`.
public struct UserID: RawRepresentable, Hashable, Sendable, Codable, CustomStringConvertible {
    public let rawValue: String

    /// Nil when `rawValue` is empty, too long, `.` or `..`, or has a character outside the set.
    public init?(rawValue: String) {
        guard Identifier.isValid(rawValue, maximumLength: 256) else { return nil }
        self.rawValue = rawValue
    }

    /// What a user's name may be, for people.
    public static let allowed = Identifier.allowed(maximumLength: 256)

    public var description: String { rawValue }
}

/// The name of a session among its user's: 1 to 64 characters, the same set as `UserID`.
public struct SessionName: RawRepresentable, Hashable, Sendable, Codable, CustomStringConvertible {
    public let rawValue: String

    /// Nil when `rawValue` is empty, too long, `.` or `..`, or has a character outside the set.
    public init?(rawValue: String) {
        guard Identifier.isValid(rawValue, maximumLength: 64) else { return nil }
        self.rawValue = rawValue
    }

    /// What a session's name may be, for people.
    public static let allowed = Identifier.allowed(maximumLength: 64)

    /// The session that a client gets who names only a user.
    public static let `default` = SessionName(unchecked: "default")

    private init(unchecked: String) { rawValue = unchecked }

    public var description: String { rawValue }
}

/// A session, written `user/name`.
public struct SessionID: Hashable, Sendable, Codable, CustomStringConvertible {
    public let user: UserID
    public let name: SessionName

    public init(user: UserID, name: SessionName) {
        self.user = user
        self.name = name
    }

    /// Parses `alice/default`; a bare `alice` means her default session. Nil when malformed.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let user = UserID(rawValue: String(parts[0])) else {
            return nil
        }
        let name = parts.count == 2 ? SessionName(rawValue: String(parts[1])) : .default
        guard let name else { return nil }
        self.init(user: user, name: name)
    }

    public var description: String { "\(user)/\(name)" }
}

/// An immutable, stored version of a user's engram. Opaque.
public struct CheckpointID: RawRepresentable, Hashable, Sendable, Codable, CustomStringConvertible {
    public let rawValue: String
    public init(rawValue: String) { self.rawValue = rawValue }
    public var description: String { rawValue }
}

/// One thing that a session learned from. Opaque.
public struct EventID: RawRepresentable, Hashable, Sendable, Codable, CustomStringConvertible {
    public let rawValue: String
    public init(rawValue: String) { self.rawValue = rawValue }
    public var description: String { rawValue }
}

/// How many times an engram has been changed: 0 for one that never learned.
public struct Revision: RawRepresentable, Hashable, Comparable, Sendable, Codable,
    CustomStringConvertible
{
    public let rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }
    public static let zero = Revision(rawValue: 0)
    /// The last revision that a file may name. No history comes near it, and a reader refuses a
    /// later one: what counts on from a stranger's number must stay readable.
    public static let maximum = Revision(rawValue: 1_000_000_000_000_000)

    /// The revision after this one. A counter at its end stays there.
    public var next: Revision {
        self < Self.maximum ? Revision(rawValue: rawValue + 1) : Self.maximum
    }

    public static func < (a: Revision, b: Revision) -> Bool { a.rawValue < b.rawValue }
    public var description: String { String(rawValue) }
}

enum Identifier {
    static func allowed(maximumLength: Int) -> String {
        "1 to \(maximumLength) characters of A-Z a-z 0-9 . _ @ : + = - (but not . or .. alone)"
    }

    /// The set leaves out `/`, white space and everything outside ASCII, so that an identifier can
    /// stand in a path, a header and a log line as it is.
    static func isValid(_ text: String, maximumLength: Int) -> Bool {
        let bytes = text.utf8
        guard !bytes.isEmpty, bytes.count <= maximumLength, text != ".", text != ".." else {
            return false
        }
        return bytes.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: "._@:+=-".utf8.contains(byte)
            }
        }
    }
}
