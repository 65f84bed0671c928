import Foundation

/// Where a store is: in a folder of this machine, or in a PostgreSQL database.
public enum StoreLocation: Sendable, Equatable, CustomStringConvertible {
    case folder(String)
    /// As libpq takes it: `postgres://…` or `postgresql://…`.
    case database(String)

    public init(_ text: String) {
        let isDatabase = ["postgres://", "postgresql://"].contains { text.hasPrefix($0) }
        self = isDatabase ? .database(text) : .folder(text)
    }

    /// Opens the store, makes it when it is missing, and brings an older one up to date.
    ///
    /// - Parameter key: what it is encrypted with; nil: it is not.
    /// - Throws: what `SQLiteStore.open` and `PostgreSQLStore.open` throw.
    public func open(key: DataKey?) async throws(StorageError) -> any EngramStore {
        switch self {
        case .folder(let path): try SQLiteStore.open(folder: path, key: key)
        case .database(let text): try await PostgreSQLStore.open(text, key: key)
        }
    }

    /// Whether the data need a key; false where nothing is stored. Changes nothing. Blocks.
    public func isEncrypted() throws(StorageError) -> Bool {
        switch self {
        case .folder(let path): try SQLiteStore.isEncrypted(folder: path)
        case .database(let text): try PostgreSQLStore.isEncrypted(text)
        }
    }

    /// Without a password.
    public var description: String {
        switch self {
        case .folder(let path): path
        case .database(let text): Self.withoutPassword(text)
        }
    }

    private static func withoutPassword(_ text: String) -> String {
        var parts = text.split(separator: "?", maxSplits: 1).map(String.init)
        guard let start = parts.first?.range(of: "://")?.upperBound else { return text }
        // A password may have an @ in it, a host not.
        if let end = parts[0].lastIndex(of: "@"),
            let colon = parts[0][start..<end].firstIndex(of: ":")
        {
            parts[0].replaceSubrange(colon..<end, with: "")
        }
        if parts.count == 2 {
            let settings = parts[1].split(separator: "&")
                .filter { !$0.lowercased().hasPrefix("password=") }
            parts[1] = settings.joined(separator: "&")
        }
        return parts.filter { !$0.isEmpty }.joined(separator: "?")
    }
}
