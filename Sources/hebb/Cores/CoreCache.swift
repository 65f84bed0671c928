import Foundation
import ModelFormats
import OuterCortex

/// The folder of the cores that `hebb pull` brought: one a core, by its name.
struct CoreCache {
    /// $XDG_CACHE_HOME/hebb/cores, else ~/.cache/hebb/cores.
    let folder: String

    init(environment: (String) -> String? = ServerOptions.environment) {
        let home = FileManager.default.homeDirectoryForCurrentUser.path
        folder = (environment("XDG_CACHE_HOME") ?? home + "/.cache") + "/hebb/cores"
    }

    func path(of name: String) -> String { "\(folder)/\(name)" }

    /// Whether a core of that name is there.
    func has(_ name: String) -> Bool { Self.hasModel(path(of: name)) }

    /// Names of the cores that are there, in alphabetical order.
    var names: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
            .filter { Self.isName($0) && has($0) }
    }

    /// Whether a folder has what `CoreLocation` looks for.
    static func hasModel(_ folder: String) -> Bool {
        guard let location = try? CoreLocation(folder) else { return false }
        return ModelSources.isGGUF(location.model)
            || FileManager.default.fileExists(atPath: location.model + "/config.json")
    }

    /// Whether a text can be a core's name, which is a folder's too.
    static func isName(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count) && text.first != "." && text.first != "-"
            && text.utf8.allSatisfy {
                ($0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x7a) || (0x30...0x39).contains($0)
                    || [0x2d, 0x2e, 0x5f].contains($0)
            }
    }
}
