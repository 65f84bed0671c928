import ArgumentParser
import Engrams
import Foundation
import OuterCortex

/// `hebb seal`: writes the constitution of a core.
struct SealCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "seal",
        abstract: "Seal a core: write its constitution, and sign it.",
        discussion: """
            Example: hebb seal --core ~/models/my-core --probes probes.yaml --sign owner.key
                     hebb seal --new-key owner.key

            Writes constitution.yaml into the core's folder: the hash of every file that is \
            served, the safe zone's numbers, protected tokens and latents, and the probes. A \
            server refuses the core when a file differs, and an engram that fails a probe. \
            The core must pass its own probes. With --sign it writes constitution.sig as well; \
            `hebb serve --trust owner.key.pub` serves nothing else.

            A file of probes (margins are nats of the whole continuation):

              format: hebb.constitution
              format_version: 1
              probes:
                - name: "greets"
                  prompt: "Dear Sir or"
                  required: " Madam"
                  margin: 2

            It may state `protected` and numbers of the `safe_zone` too, as a constitution does; \
            an earlier constitution.yaml is such a file.
            """)

    @Option(help: "The core: a model's folder, or a GGUF file (default: $HEBB_CORE).")
    var core: String?

    @Option(help: "A YAML file with probes.")
    var probes: String?

    @Option(help: "A token that plasticity may not push, as text; several times.")
    var protectToken: [String] = []

    @Option(help: "A latent of the SAE that plasticity may not push; several times.")
    var protectLatent: [Int32] = []

    @Option(help: "Sign with this Ed25519 key (PEM).")
    var sign: String?

    @Option(help: "Make a key: FILE, for its owner alone, and FILE.pub; seals nothing.")
    var newKey: String?

    @Flag(help: "Answer in JSON on stdout.")
    var json = false

    func validate() throws {
        let isSealing =
            core != nil || probes != nil || sign != nil || !protectToken.isEmpty
            || !protectLatent.isEmpty
        guard newKey == nil || !isSealing else {
            throw ValidationError("--new-key makes a key and takes no other option")
        }
        guard newKey != nil || core != nil || ServerOptions.environment("HEBB_CORE") != nil else {
            throw ValidationError("--core is missing: the core to seal")
        }
        guard protectLatent.allSatisfy({ $0 >= 0 }) else {
            throw ValidationError("--protect-latent must not be negative")
        }
    }

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private struct KeyReport: Encodable {
        let key: String
        let publicKeyFile: String
        let publicKey: String
    }

    private struct Report: Encodable {
        struct Probe: Encodable {
            let name: String
            let measured: Double
            let required: Double
            let slack: Double
        }

        let constitution: String
        let sha256: String
        let files: Int
        let protectedTokens: Int
        let protectedLatents: Int
        let signedBy: String?
        let probes: [Probe]
    }

    func run() async throws {
        if let newKey {
            let key = try KeyFile.make(newKey)
            let report = KeyReport(
                key: newKey, publicKeyFile: newKey + ".pub", publicKey: key.description)
            if json { return try Terminal.json(report) }
            return Terminal.result(
                "\(report.key): keep it secret\n\(report.publicKeyFile): \(report.publicKey)")
        }
        // `validate` has seen to it that one of them is there.
        guard let path = core ?? ServerOptions.environment("HEBB_CORE") else { return }
        let report = try seal(CoreLocation(path))
        if json { return try Terminal.json(report) }
        Terminal.result(Self.summary(report))
    }

    private func seal(_ location: CoreLocation) throws -> Report {
        let folder = location.folder
        let path = folder + "/" + Constitution.fileName
        let key = try sign.map(KeyFile.signing)
        guard probes != nil || !FileManager.default.fileExists(atPath: path) else {
            throw Failure(
                description: "\(path) is there already. Take its probes, protections and numbers "
                    + "over with --probes \(path), or remove it first.")
        }
        let cortex = try Cortex(at: location, policy: .ignore)
        let (constitution, readings) = try cortex.constitution(
            from: try draft(), protectingTokens: protectToken, latents: protectLatent)
        let bytes = Array(constitution.yaml().utf8)
        // What was written must read back as what was meant.
        guard try Constitution(yaml: bytes, name: path) == constitution else {
            throw Failure(description: "\(path) would not read back as what was sealed")
        }
        let signature = try key?.sign(bytes)
        let signaturePath = folder + "/" + ConstitutionSignature.fileName
        // A signature of other bytes would make the folder unusable: it goes first.
        if FileManager.default.fileExists(atPath: signaturePath) {
            try FileManager.default.removeItem(atPath: signaturePath)
        }
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
        try Data(bytes).write(to: URL(fileURLWithPath: path), options: .atomic)
        if let signature {
            try Data(signature.text.utf8).write(
                to: URL(fileURLWithPath: signaturePath), options: .atomic)
        }
        return Report(
            constitution: path, sha256: ContentDigest.of(bytes), files: constitution.files.count,
            protectedTokens: constitution.protectedTokens.count,
            protectedLatents: constitution.protectedLatents.count,
            signedBy: signature?.key.description,
            probes: readings.map {
                .init(
                    name: $0.probe, measured: $0.measured, required: $0.bound.value,
                    slack: $0.slack)
            })
    }

    private func draft() throws -> ConstitutionDraft {
        guard let probes else { return ConstitutionDraft() }
        guard let data = FileManager.default.contents(atPath: probes) else {
            throw Failure(description: "\(probes) cannot be read: is it there?")
        }
        return try ConstitutionDraft(yaml: Array(data), name: probes)
    }

    private static func summary(_ report: Report) -> String {
        var lines = [
            "\(report.constitution): \(report.files) files, \(report.probes.count) probes, "
                + "\(report.protectedTokens) protected tokens, \(report.protectedLatents) latents",
            "sha256 \(report.sha256)",
            report.signedBy.map { "signed by \($0)" } ?? "not signed",
        ]
        for probe in report.probes {
            lines.append(
                "probe '\(probe.name)': the core has \(Figure.fixed(probe.measured, 2)) nats, "
                    + "slack \(Figure.fixed(probe.slack, 2))")
        }
        return lines.joined(separator: "\n")
    }
}
