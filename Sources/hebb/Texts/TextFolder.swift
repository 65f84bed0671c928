import Foundation

/// The files under a folder that a command may read.
struct TextFolder {
    /// Patterns as a shell has them, of names or, with a slash, of paths in the folder; none: all.
    let patterns: [String]

    /// Paths of all that is wanted, in the order of their paths in the folder.
    ///
    /// Links are followed, and no folder is gone into twice, so that a loop of links ends. What is
    /// hidden (`.git`) is left out, and so are backups (`notes.md~`) and what is no file.
    /// - Throws: `ClientError` when a folder cannot be read.
    func paths(in folder: String) throws -> [String] {
        var visited: Set<FileIdentity> = []
        var found: [String] = []
        try walk(folder, "", &visited, &found)
        return found.sorted().map { folder + (folder.hasSuffix("/") ? "" : "/") + $0 }
    }

    private func walk(
        _ folder: String, _ prefix: String, _ visited: inout Set<FileIdentity>,
        _ found: inout [String]
    ) throws {
        let place = prefix.isEmpty ? folder : folder + "/" + prefix
        guard let identity = FileIdentity(of: place), visited.insert(identity).inserted else {
            return
        }
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: place)
        } catch {
            throw ClientError.unreadableFile(path: place, reason: InputFile.reason(of: error))
        }
        // In order, so that of two names of one folder it is always the same that counts.
        for name in names.sorted() where !name.hasPrefix(".") && !name.hasSuffix("~") {
            let path = prefix + name
            // A link to nothing is nothing.
            guard let identity = FileIdentity(of: folder + "/" + path) else { continue }
            switch identity.kind {
            case .folder: try walk(folder, path + "/", &visited, &found)
            case .file where isWanted(path, name) && visited.insert(identity).inserted:
                found.append(path)
            case .file, .other: continue
            }
        }
    }

    private func isWanted(_ path: String, _ name: String) -> Bool {
        patterns.isEmpty
            || patterns.contains { fnmatch($0, $0.contains("/") ? path : name, 0) == 0 }
    }
}

/// Which file or folder a path leads to, whatever links it passes.
struct FileIdentity: Hashable {
    enum Kind { case file, folder, other }

    let device: UInt64
    let number: UInt64
    let kind: Kind

    /// Nil when there is nothing.
    init?(of path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        device = UInt64(status.st_dev)
        number = UInt64(status.st_ino)
        kind =
            switch status.st_mode & S_IFMT {
            case S_IFREG: .file
            case S_IFDIR: .folder
            default: .other
            }
    }
}
