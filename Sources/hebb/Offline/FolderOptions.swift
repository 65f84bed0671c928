import ArgumentParser
import EngramStorage
import Foundation

/// Which core to use.
struct CoreOptions: ParsableArguments {
    @Option(help: "The core's folder (default: $HEBB_CORE, else the core that ships with Hebb).")
    var core: String?

    /// The folder that was named, or the shipped core's.
    func folder() throws -> String {
        if let named = core ?? ServerOptions.environment("HEBB_CORE") { return named }
        guard let shipped = ShippedCore.folder() else { throw ShippedCore.NotFound() }
        return shipped
    }
}

/// Where users' engrams are kept.
struct DataOptions: ParsableArguments {
    @Option(help: "The data folder (default: $XDG_DATA_HOME/hebb, else ~/.local/share/hebb).")
    var data: String?

    @Option(
        help: "The file with the data folder's key: 32 bytes, or 64 hexadecimal digits.")
    var dataKey: String?

    /// The key in the named file; nil: none was named.
    func key() throws -> DataKey? { try dataKey.map { try DataKey(contentsOf: $0) } }

    func folder() -> String {
        if let data { return data }
        if let base = ServerOptions.environment("XDG_DATA_HOME") { return base + "/hebb" }
        return FileManager.default.homeDirectoryForCurrentUser.path + "/.local/share/hebb"
    }
}

/// Finds the core that ships with the project.
enum ShippedCore {
    struct NotFound: Error, CustomStringConvertible {
        var description: String {
            "no core found: name its folder with --core or HEBB_CORE (one with config.json, "
                + "model.safetensors and tokenizer.json)"
        }
    }

    /// The first folder with a `config.json` under `deploy/cores`, in the order of names, where
    /// `deploy` lies beside or above this program.
    static func folder(executable: String = executablePath) -> String? {
        var place = URL(fileURLWithPath: executable).resolvingSymlinksInPath()
        while place.path != "/" {
            place.deleteLastPathComponent()
            let cores = place.appendingPathComponent("deploy/cores").path
            let names = (try? FileManager.default.contentsOfDirectory(atPath: cores)) ?? []
            for name in names.sorted() {
                let folder = cores + "/" + name
                if FileManager.default.fileExists(atPath: folder + "/config.json") {
                    return folder
                }
            }
        }
        return nil
    }

    /// Where this program is, whatever it was started as.
    static var executablePath: String {
        Bundle.main.executablePath ?? CommandLine.arguments[0]
    }
}
