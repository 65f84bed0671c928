import Foundation

/// Finds the core that ships with the project.
enum ShippedCore {
    struct NotFound: Error, CustomStringConvertible {
        let program: String
        let places: [String]

        var description: String {
            "no core found. \(program) looked in:\n"
                + places.map { "  \($0)" }.joined(separator: "\n")
                + "\nName a core with --core or HEBB_CORE (a name, a GGUF file, or a folder with "
                + "config.json, model.safetensors and tokenizer.json; Hebb's own is "
                + "deploy/cores/folio-5m of its source), or run deploy/install there."
        }
    }

    /// The first folder with a `config.json`, in the order of names, in one of the places.
    /// - Throws: `NotFound`, which names the places.
    static func folder(
        executable: String = executablePath,
        environment: (String) -> String? = ServerOptions.environment
    ) throws -> String {
        let places = places(executable: executable, environment: environment)
        for place in places {
            let names = (try? FileManager.default.contentsOfDirectory(atPath: place)) ?? []
            for folder in names.sorted().map({ place + "/" + $0 })
            where FileManager.default.fileExists(atPath: folder + "/config.json") {
                return folder
            }
        }
        throw NotFound(program: executable, places: places)
    }

    /// `share/hebb/cores` beside this program's folder, where `deploy/install` puts cores;
    /// `deploy/cores` above it, in a checkout; then where a program that was copied away from
    /// either finds what was installed.
    static func places(
        executable: String = executablePath,
        environment: (String) -> String? = ServerOptions.environment
    ) -> [String] {
        var place = URL(fileURLWithPath: executable).resolvingSymlinksInPath()
            .deletingLastPathComponent()
        let installed = "share/hebb/cores"
        var places = [place.deletingLastPathComponent().appendingPathComponent(installed).path]
        while place.path != "/" {
            let cores = place.appendingPathComponent("deploy/cores").path
            if FileManager.default.fileExists(atPath: cores) { places.append(cores) }
            place.deleteLastPathComponent()
        }
        let home = FileManager.default.homeDirectoryForCurrentUser.path
        let shares =
            [environment("XDG_DATA_HOME") ?? home + "/.local/share"]
            + (environment("XDG_DATA_DIRS") ?? "/usr/local/share:/usr/share")
            .split(separator: ":").map(String.init)
        for share in shares where !places.contains(share + "/hebb/cores") {
            places.append(share + "/hebb/cores")
        }
        return places
    }

    /// Where this program is, whatever it was started as.
    static var executablePath: String {
        Bundle.main.executablePath ?? CommandLine.arguments[0]
    }
}
