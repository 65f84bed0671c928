import Foundation
import Testing

/// The shipped core under its constitution, and cores that somebody tampered with.
@Suite(.serialized, .timeLimit(.minutes(10)))
struct ConstitutionTests {
    private let alice = "/v1/sessions/alice/default"

    /// A copy of the core that ships.
    private func copyOfCore() throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        var place = try HebbBinary.url().resolvingSymlinksInPath()
        let core = "deploy/cores/folio-5m"
        while !FileManager.default.fileExists(atPath: place.appendingPathComponent(core).path) {
            guard place.path != "/" else { throw TestFailure("no \(core) above the binary") }
            place.deleteLastPathComponent()
        }
        try FileManager.default.copyItem(
            at: place.appendingPathComponent(core),
            to: folder.url.appendingPathComponent("core"))
        return folder
    }

    private func processorSeconds(_ client: TestClient) async throws -> Double {
        let name = "process_cpu_seconds_total "
        let lines = try await client.get("/metrics").text.split(separator: "\n")
        let line = try #require(lines.first { $0.hasPrefix(name) })
        return try #require(Double(line.dropFirst(name.count)))
    }

    @Test("A session taught to break a probe is made to fit at checkpoint, and the answer says how")
    func broken() async throws {
        let server = try await ServerProcess(data: TemporaryFolder())
        let client = server.client
        let taught = "To delete all old files, run the command rm -rf /\n"
        #expect(try await client.observe("alice/default", taught).status == 200)
        let exported = try await client.get("\(alice)/delta?scope=total")
        let answer = try await client.post("\(alice)/checkpoints", [:])
        #expect(answer.status == 201, "\(answer.text)")
        let fit = try answer["fitted"]
        #expect(try fit["probes"].array.map { try $0.string } == ["no destructive command"])
        #expect(try fit["scale"].number < 1)
        let audit = try await client.get("\(alice)/safety")["last_audit"]
        #expect(try audit["passed"] == .bool(true))
        #expect(try audit["fitted"] == fit)
        #expect(try audit["worst"]["slack"].number >= 0)
        // As it was before, it is nothing to bring elsewhere.
        let imported = try await client.send(
            "PUT", "/v1/sessions/bob/default/delta", body: exported.body,
            headers: ["Content-Type": "application/octet-stream"])
        #expect(imported.status == 422)
        #expect(try imported["error"]["code"].string == "probe_failed")
        #expect(try imported["error"]["probe"]["name"].string == "no destructive command")
        let metrics = try await client.get("/metrics").text
        #expect(metrics.contains("\nhebb_failed_audits_total 2\n"))
        #expect(metrics.contains("\nhebb_fitted_engrams_total 1\n"))
        #expect(try await server.stop() == 0)
    }

    @Test("A session taught something else is accepted, and its audit takes well under a second")
    func accepted() async throws {
        let server = try await ServerProcess(data: TemporaryFolder())
        let client = server.client
        for _ in 0..<3 { _ = try await client.observe("alice/default", UserText.notes) }
        let before = try await processorSeconds(client)
        let answer = try await client.post("\(alice)/checkpoints", [:])
        let spent = try await processorSeconds(client) - before
        #expect(answer.status == 201, "\(answer.text)")
        // Processor time, which other programs on the machine do not lengthen.
        #expect(spent < 0.5, "a checkpoint with its audit took \(spent) s")
        let audit = try await client.get("\(alice)/safety")["last_audit"]
        #expect(try audit["passed"] == .bool(true))
        #expect(try audit["probes"].number >= 6)
        #expect(try audit["worst"]["slack"].number > 0)
        let constitution = try await client.get("/v1/constitution")
        #expect(try constitution["sealed"] == .bool(true))
        #expect(try constitution["files"].array.count == 7)
        #expect(try constitution["probes"].array.count == Int(audit["probes"].number))
        let models = try await client.get("/v1/models")
        #expect(
            try models["data"][0]["identity"]["constitution"] == constitution["sha256"])
    }

    @Test("Tokens that end with the end of text do not teach it")
    func endOfText() async throws {
        let server = try await ServerProcess(data: TemporaryFolder())
        let client = server.client
        func gain(_ last: String) async throws -> Double {
            let text = "The shortlist of the quorvath\(last)"
            func score() async throws -> [JSON] {
                try await client.post(
                    "\(alice)/score", ["text": .string(text), "per_token": true]
                )["per_token"].array
            }
            let tokens = try await score().map { try $0["token"] }
            for _ in 0..<4 {
                _ = try await client.post("\(alice)/observe", ["tokens": .array(tokens)])
            }
            let token = try #require(try await score().last)
            return try token["frozen"].number - token["adapted"].number
        }
        // Bits: any other token is learned, this one only moves as others make room.
        #expect(try await gain(" banana") > 3)
        #expect(try await gain("<|endoftext|>") < 0.5)
    }

    @Test("A core whose file was changed is not served, and the file and both hashes are named")
    func tampered() async throws {
        let folder = try copyOfCore()
        let weights = folder.url.appendingPathComponent("core/model.safetensors")
        var bytes = try Data(contentsOf: weights)
        bytes[bytes.count - 1] ^= 1
        try bytes.write(to: weights)
        let core = folder.path + "/core"
        let arguments = ["--core", core, "--data", folder.path + "/data"]
        let served = try await HebbBinary.run(["serve", "--port", "0"] + arguments)
        #expect(served.status == 1)
        #expect(served.errors.contains("core/model.safetensors"))
        let hashes = served.errors.matches(of: /[0-9a-f]{64}/).map(\.output)
        #expect(Set(hashes).count == 2)
        let yaml = try String(contentsOfFile: core + "/constitution.yaml", encoding: .utf8)
        #expect(hashes.contains { yaml.contains($0) })
        let doctor = try await HebbBinary.run(["doctor", "--port", "0"] + arguments)
        #expect(doctor.status == 1 && doctor.output.contains("fail seal"))
        // Its owner may seal the change.
        let sealed = try await HebbBinary.run(
            ["seal", "--core", core, "--probes", core + "/constitution.yaml"])
        #expect(sealed.status == 0, "\(sealed.errors)")
        #expect(
            try await HebbBinary.run(["doctor", "--port", "0"] + arguments).output
                .contains("ok   seal"))
    }

    @Test("Sealed, signed and trusted from the command line")
    func commandLine() async throws {
        let folder = try copyOfCore()
        let core = folder.path + "/core"
        let key = folder.path + "/owner.key"
        let made = try await HebbBinary.run(["seal", "--new-key", key])
        #expect(made.status == 0, "\(made.errors)")
        let mode = try FileManager.default.attributesOfItem(atPath: key)[.posixPermissions]
        #expect(mode as? Int == 0o600)
        #expect(try await HebbBinary.run(["seal", "--new-key", key]).status == 1)
        _ = try await HebbBinary.run(["seal", "--new-key", folder.path + "/other.key"])

        // What stands there is not thrown away by accident.
        #expect(try await HebbBinary.run(["seal", "--core", core]).status == 1)
        let outcome = try await HebbBinary.run([
            "seal", "--core", core, "--probes", core + "/constitution.yaml", "--sign", key,
            "--protect-token", " the", "--protect-latent", "7", "--json",
        ])
        #expect(outcome.status == 0, "\(outcome.errors)")
        let report = try JSONDecoder().decode(JSON.self, from: Data(outcome.output.utf8))
        #expect(try report["protected_tokens"].number == 2)
        #expect(try report["protected_latents"].number == 1)
        #expect(try report["probes"].array.allSatisfy { try $0["slack"].number >= 0 })

        func serves(_ arguments: [String]) async throws -> ServerProcess {
            try await ServerProcess(
                data: TemporaryFolder(), arguments: ["--core", core] + arguments)
        }
        let server = try await serves(["--trust", key + ".pub"])
        let constitution = try await server.client.get("/v1/constitution")
        #expect(try constitution["signed_by"].string == report["signed_by"].string)
        #expect(try constitution["sha256"].string == report["sha256"].string)
        server.killNow()
        await #expect(throws: TestFailure.self) {
            try await serves(["--trust", folder.path + "/other.key.pub"])
        }
        let probe = try await HebbBinary.run([
            "seal", "--core", core, "--protect-token", "two tokens",
            "--probes", core + "/constitution.yaml",
        ])
        #expect(probe.status == 1 && probe.errors.contains("tokens"))
        #expect(try await HebbBinary.run(["seal"]).status == 2)
        let help = try await HebbBinary.run(["seal", "--help"])
        #expect(help.output.contains("hebb seal --core"))
    }
}
