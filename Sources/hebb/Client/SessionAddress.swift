import ArgumentParser
import Foundation

/// Names a session as people type it: `alice/work`, or `alice` for `alice/default`.
struct SessionAddress: Equatable, CustomStringConvertible {
    let user: String
    let name: String

    /// Nil when there is not exactly a user and, after one slash, a name. What characters they
    /// may have is the server's rule.
    init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, parts.allSatisfy({ !$0.isEmpty }) else { return nil }
        user = String(parts[0])
        name = parts.count == 2 ? String(parts[1]) : "default"
    }

    var description: String { "\(user)/\(name)" }

    /// The path of the session, or of what lies under it.
    func path(_ under: String = "") -> String {
        let path = "/v1/sessions/\(Self.escaped(user))/\(Self.escaped(name))"
        return under.isEmpty ? path : path + "/" + under
    }

    /// One path segment: all but RFC 3986's unreserved characters is percent-encoded.
    static func escaped(_ segment: String) -> String {
        segment.utf8.reduce(into: "") { text, byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
                UInt8(ascii: "_"), UInt8(ascii: "~"):
                text.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                text += digits.count == 1 ? "%0\(digits)" : "%\(digits)"
            }
        }
    }
}
