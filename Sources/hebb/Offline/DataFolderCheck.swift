import EngramStorage
import Foundation

/// The data folder: that it can be written, that nobody else has it, and that what is stored is
/// whole; of a database, that it answers. Makes and changes nothing.
enum DataFolderCheck {
    /// - Parameter key: of the data; nil: none was named.
    static func findings(
        at location: StoreLocation, key: Result<DataKey?, any Error>
    ) -> [Finding] {
        switch location {
        case .folder(let folder): [access(folder, key), space(folder)]
        case .database: [answer(of: location, key)]
        }
    }

    private static func answer(
        of location: StoreLocation, _ key: Result<DataKey?, any Error>
    ) -> Finding {
        do {
            let (key, isEncrypted) = (try key.get(), try location.isEncrypted())
            if isEncrypted, key == nil {
                throw StorageError.keyMissing(path: location.description)
            }
            return Finding(
                "data", .ok,
                "\(location) answers, " + (isEncrypted ? "encrypted" : "not encrypted"))
        } catch {
            return Finding("data", .fail, "\(error)")
        }
    }

    private static func access(_ folder: String, _ key: Result<DataKey?, any Error>) -> Finding {
        let files = FileManager.default
        guard files.fileExists(atPath: folder) else {
            let parent = existingParent(of: folder)
            return files.isWritableFile(atPath: parent)
                ? Finding("data", .ok, "\(folder), will be made")
                : Finding(
                    "data", .fail, "\(folder) cannot be made: \(parent) is not writable",
                    remedy: "name another folder with --data")
        }
        guard files.isWritableFile(atPath: folder) else {
            return Finding(
                "data", .fail, "\(folder) is not writable",
                remedy: "give yourself access to it, or name another folder with --data")
        }
        let file = folder + "/hebb.sqlite"
        if files.fileExists(atPath: file), !files.isWritableFile(atPath: file) {
            return Finding(
                "data", .fail, "\(file) is not writable",
                remedy: "give yourself access to it, or name another folder with --data")
        }
        do {
            let key = try key.get()
            guard let found = try SQLiteStore.inspect(folder: folder, key: key) else {
                return Finding("data", .ok, "\(folder), nothing stored yet")
            }
            return finding(of: found, folder: folder, hasKey: key != nil)
        } catch StorageError.folderInUse(_, let process) {
            let holder = process.map { "process \($0)" } ?? "another process"
            return Finding(
                "data", .warn, "\(folder) is in use by \(holder)",
                remedy: "fine when that is your server; else stop it before you start one")
        } catch {
            return Finding("data", .fail, "\(error)")
        }
    }

    private static func finding(
        of found: FolderInspection, folder: String, hasKey: Bool
    ) -> Finding {
        let overview = found.overview
        let bare = overview.learningEvents - overview.eventsWithContent
        let detail =
            "\(folder), \(overview.sessions) sessions, "
            + "\(overview.learningEvents) learning events"
            + (bare > 0 ? " (\(bare) without their text)" : "")
            + (found.isEncrypted ? ", encrypted" : ", not encrypted")
            + (found.accessKeys > 0 ? ", \(found.accessKeys) API keys" : "")
            + (found.isOutdated ? ", of an earlier version" : "")
            + (found.owesErasure ? ", with copies of what is gone still to be erased" : "")
        if hasKey, !found.isEncrypted {
            return Finding(
                "data", .warn, detail,
                remedy: "hebb serve --data-key FILE encrypts it when it starts")
        }
        guard found.isOutdated || found.owesErasure else { return Finding("data", .ok, detail) }
        return Finding("data", .ok, detail, remedy: "nothing: hebb serve does it when it starts")
    }

    private static func space(_ folder: String) -> Finding {
        let place = existingParent(of: folder)
        let attributes = try? FileManager.default.attributesOfFileSystem(forPath: place)
        guard let free = (attributes?[.systemFreeSize] as? NSNumber)?.intValue else {
            return Finding("disk", .warn, "free space under \(place) is unknown")
        }
        let detail = "\(Figure.bytes(free)) free"
        return free >= 200_000_000
            ? Finding("disk", .ok, detail)
            : Finding("disk", .warn, detail, remedy: "a user takes about a megabyte; make room")
    }

    /// The folder itself, or the nearest one above it that is there.
    private static func existingParent(of folder: String) -> String {
        var place = URL(fileURLWithPath: folder).standardizedFileURL
        while place.path != "/", !FileManager.default.fileExists(atPath: place.path) {
            place.deleteLastPathComponent()
        }
        return place.path
    }
}
