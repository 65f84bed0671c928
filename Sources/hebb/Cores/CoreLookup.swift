import Foundation
import OuterCortex

/// Finds a core by what somebody calls it: a path, or a name.
struct CoreLookup {
    let cache: CoreCache
    /// Folders of the cores that ship.
    let shipped: [String]
    private let environment: (String) -> String?
    private let executable: String

    struct NotFound: Error, CustomStringConvertible {
        let word: String
        let known: [String]

        var description: String {
            "no core '\(word)': it is no path, and no core of that name is here"
                + (known.isEmpty ? "" : " (there is \(known.joined(separator: ", ")))")
                + ". `hebb pull --list` says what can be fetched."
        }
    }

    init(
        executable: String = ShippedCore.executablePath,
        environment: @escaping (String) -> String? = ServerOptions.environment
    ) {
        self.environment = environment
        self.executable = executable
        cache = CoreCache(environment: environment)
        shipped = ShippedCore.places(executable: executable, environment: environment)
    }

    /// - Throws: `NotFound`, or `CoreLocation`'s.
    func location(of word: String) throws -> CoreLocation {
        if CoreCache.isName(word) {
            // A name before a path: what lies in the present folder by chance is no core of that name.
            if cache.has(word) { return try fetched(word) }
            if let folder = shippedFolder(of: word), CoreCache.hasModel(folder) {
                return try CoreLocation(folder)
            }
        }
        guard FileManager.default.fileExists(atPath: word) else {
            let names = shipped.flatMap {
                ((try? FileManager.default.contentsOfDirectory(atPath: $0)) ?? [])
                    .filter { name in shippedFolder(of: name).map(CoreCache.hasModel) == true }
            }
            throw NotFound(word: word, known: Array(Set(cache.names + names)).sorted())
        }
        return try CoreLocation(word)
    }

    /// The core that is used where none is named: the one that talks, where it has been fetched.
    func standard() throws -> CoreLocation {
        let name = PublishedCore.standard.name
        if cache.has(name) { return try fetched(name) }
        return try CoreLocation(
            ShippedCore.folder(executable: executable, environment: environment))
    }

    /// A fetched model, with what ships for it where something does.
    private func fetched(_ name: String) throws -> CoreLocation {
        let location = try CoreLocation(cache.path(of: name))
        guard let folder = shippedFolder(of: name),
            !FileManager.default.fileExists(atPath: location.folder + "/rule.json")
        else { return location }
        return CoreLocation(model: location.model, folder: folder, name: name)
    }

    private func shippedFolder(of name: String) -> String? {
        shipped.map { "\($0)/\(name)" }.first {
            var isFolder: ObjCBool = false
            return FileManager.default.fileExists(atPath: $0, isDirectory: &isFolder)
                && isFolder.boolValue
        }
    }
}
