import ArgumentParser
import Engrams

/// Names a session as people type it: `alice/work`, or `alice` for `alice/default`.
struct SessionAddress: Equatable, CustomStringConvertible {
    let user: UserID
    let name: SessionName

    /// - Throws: `ValidationError`, which says what may be in a name.
    init(_ text: String) throws {
        try self.init(session: text, user: nil)
    }

    /// What `--session` and `--user` say together.
    ///
    /// - Parameters:
    ///   - session: `user/name`; with `user` a name is enough, without it a user is.
    ///   - user: nil: `session` names it.
    /// - Throws: `ValidationError` when they contradict each other, or no name can be such.
    init(session: String?, user: String?) throws {
        if let user, user.contains("/") {
            throw ValidationError(
                "--user takes a user's name; '\(Self.shown(user))' goes to --session")
        }
        let parts = (session ?? "default").split(
            separator: "/", maxSplits: 1, omittingEmptySubsequences: false
        ).map(String.init)
        switch (parts.count, user) {
        case (1, let user?):
            self.user = try Self.checked(user)
            name = try Self.checkedName(parts[0])
        case (1, nil):
            self.user = try Self.checked(parts[0])
            name = .default
        case (_, let user):
            guard user == nil || user == parts[0] else {
                throw ValidationError(
                    "--user \(Self.shown(user ?? "")) and --session \(Self.shown(session ?? "")) "
                        + "name different users; give one of them, or the same in both")
            }
            self.user = try Self.checked(parts[0])
            name = try Self.checkedName(parts[1])
        }
    }

    private static func checked(_ user: String) throws -> UserID {
        guard let id = UserID(rawValue: user) else {
            throw ValidationError("\(shown(user, "a user's name")); it is \(UserID.allowed)")
        }
        return id
    }

    private static func checkedName(_ name: String) throws -> SessionName {
        guard let id = SessionName(rawValue: name) else {
            throw ValidationError(
                "\(shown(name, "a session's name")); it is \(SessionName.allowed)")
        }
        return id
    }

    private static func shown(_ name: String) -> String { FeatureText.printable(name) }

    /// `'al ice' cannot be a user's name`, or the same of an empty one.
    private static func shown(_ name: String, _ what: String) -> String {
        name.isEmpty ? "\(what) cannot be empty" : "'\(shown(name))' cannot be \(what)"
    }

    var description: String { "\(user)/\(name)" }

    /// The path of the session, or of what lies under it.
    func path(_ under: String = "") -> String {
        let path = "/v1/sessions/\(Self.escaped(user.rawValue))/\(Self.escaped(name.rawValue))"
        return under.isEmpty ? path : path + "/" + under
    }

    /// One path segment: all but RFC 3986's unreserved characters is percent-encoded.
    static func escaped(_ segment: String) -> String {
        segment.utf8.reduce(into: "") { text, byte in
            if isUnreserved(byte) {
                text.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                let digits = String(byte, radix: 16, uppercase: true)
                text += digits.count == 1 ? "%0\(digits)" : "%\(digits)"
            }
        }
    }

    static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
            UInt8(ascii: "_"), UInt8(ascii: "~"):
            true
        default: false
        }
    }
}
