/// Why a model's file was refused.
///
/// Every case names the file, what was found and where, and what to do about it. Text that comes
/// out of a file is quoted by `quoted(_:)`, so that a hostile name can neither flood a log nor
/// move a terminal's cursor.
public enum ModelFormatError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The operating system would not open, read or map the file.
    case unreadable(file: String, reason: String, remedy: String)
    /// The operating system would not write the file.
    case unwritable(file: String, reason: String, remedy: String)
    /// A file, a tensor or a key that must be there is not.
    case missing(file: String, item: String, remedy: String)
    /// The content breaks the format's rules. `location` is a byte offset, a key or a tensor.
    case malformed(file: String, location: String, problem: String, remedy: String)
    /// The content is legal, but it asks for something that this program does not do.
    case unsupported(file: String, found: String, supported: String, remedy: String)
    /// A number is outside of what is accepted.
    case outOfBounds(file: String, location: String, found: String, allowed: String, remedy: String)

    public var description: String {
        switch self {
        case .unreadable(let file, let reason, let remedy):
            "\(file): cannot be read: \(reason). \(remedy)"
        case .unwritable(let file, let reason, let remedy):
            "\(file): cannot be written: \(reason). \(remedy)"
        case .missing(let file, let item, let remedy):
            "\(file): \(item) is missing. \(remedy)"
        case .malformed(let file, let location, let problem, let remedy):
            "\(file): \(location): \(problem). \(remedy)"
        case .unsupported(let file, let found, let supported, let remedy):
            "\(file): \(found) is not supported; supported: \(supported). \(remedy)"
        case .outOfBounds(let file, let location, let found, let allowed, let remedy):
            "\(file): \(location) is \(found), allowed is \(allowed). \(remedy)"
        }
    }
}

/// Text from a file, fit for one line of an error: at most `limit` characters, ASCII only (others
/// as `\u{…}`), in double quotes.
func quoted(_ text: String, limit: Int = 80) -> String {
    var result = "\""
    for (index, scalar) in text.unicodeScalars.enumerated() {
        if index == limit {
            result += "…"
            break
        }
        result += scalar.escaped(asASCII: true)
    }
    return result + "\""
}
