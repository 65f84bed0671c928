import ArgumentParser
import EngramStorage
import Foundation
import OuterCortex

/// Which core to use.
struct CoreOptions: ParsableArguments {
    @Option(
        help: """
            The core: a GGUF file, a model's folder, or the name of a core that `hebb pull` brought \
            or that ships with Hebb (default: $HEBB_CORE, else \
            smollm2-135m-instruct where it was pulled, else the core that ships).
            """, completion: .file())
    var core: String?

    /// The core that was named, or the default one.
    func location() throws -> CoreLocation {
        let named = core ?? ServerOptions.environment("HEBB_CORE")
        let lookup = CoreLookup()
        return try named.map { try lookup.location(of: $0) } ?? lookup.standard()
    }
}

/// How many threads compute.
struct ThreadOptions: ParsableArguments {
    @Option(
        help: """
            Threads that compute, 1 to 64 (default: as many as the machine has processors; one for \
            bench). What is computed has the same bytes on any number.
            """)
    var threads: Int?

    /// As many as were asked for, else one for each processor.
    var ofMachine: Int { threads ?? max(1, min(64, ProcessInfo.processInfo.activeProcessorCount)) }

    func validate() throws {
        guard (1...64).contains(threads ?? 1) else {
            throw ValidationError("--threads must be between 1 and 64")
        }
    }
}

/// Where users' engrams are kept.
struct DataOptions: ParsableArguments {
    @Option(
        help: """
            The data folder (default: $XDG_DATA_HOME/hebb, else ~/.local/share/hebb), or a \
            PostgreSQL database: postgres://user@host/database.
            """,
        completion: .directory)
    var data: String?

    @Option(
        help: "The file with the data's key: 32 bytes, or 64 hexadecimal digits.",
        completion: .file())
    var dataKey: String?

    /// The key in the named file; nil: none was named.
    func key() throws -> DataKey? { try dataKey.map { try DataKey(contentsOf: $0) } }

    func location() -> StoreLocation {
        if let data { return StoreLocation(data) }
        if let base = ServerOptions.environment("XDG_DATA_HOME") { return .folder(base + "/hebb") }
        let home = FileManager.default.homeDirectoryForCurrentUser.path
        return .folder(home + "/.local/share/hebb")
    }
}
