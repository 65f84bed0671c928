import Foundation

/// A random secret of the account that runs the command line, made when it is first needed.
enum AccountSecret {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private static let length = 64

    /// 64 hexadecimal digits: those in `observe.secret` in the account's state folder
    /// ($XDG_STATE_HOME/hebb, else ~/.local/state/hebb).
    /// - Throws: when there are none and none can be kept.
    static func load() throws -> String {
        let home = FileManager.default.homeDirectoryForCurrentUser.path
        let state = ServerOptions.environment("XDG_STATE_HOME") ?? home + "/.local/state"
        let path = state + "/hebb/observe.secret"
        if let secret = contents(path) { return secret }
        do {
            try FileManager.default.createDirectory(
                atPath: state + "/hebb", withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700])
            let whole = path + ".\(getpid())"
            defer { unlink(whole) }
            try KeyFile.create(
                whole, (0..<4).map { _ in PieceNaming.freshID() }.joined(), mode: 0o600)
            // Whole or not at all, and of two processes that do this at once the first one's.
            if link(whole, path) != 0, contents(path) == nil { _ = rename(whole, path) }
        } catch {
            throw Failure(description: "cannot keep a secret in \(path) (\(error))")
        }
        guard let secret = contents(path) else {
            throw Failure(description: "cannot keep a secret in \(path)")
        }
        return secret
    }

    private static func contents(_ path: String) -> String? {
        guard let data = FileManager.default.contents(atPath: path), data.count == length else {
            return nil
        }
        return String(decoding: data, as: UTF8.self)
    }
}
