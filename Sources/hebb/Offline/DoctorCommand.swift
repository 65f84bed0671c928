import ArgumentParser
import Foundation

/// `hebb doctor`: whether this machine and this installation can serve.
struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Check the machine, the core, the data folder and the port.",
        discussion: """
            Example: hebb doctor
                     hebb doctor --core ~/models/my-core --data ~/engrams --json

            Each line is ok, warn or fail, with what to do. Nothing is changed. It leaves with 1 \
            when something failed.
            """)

    @OptionGroup var core: CoreOptions
    @OptionGroup var data: DataOptions

    @Option(help: "The port that the server would take; 0 does not check one.")
    var port = 8421

    @Flag(help: "Answer in JSON on stdout.")
    var json = false

    func validate() throws {
        guard (0...65_535).contains(port) else {
            throw ValidationError("--port must be from 0 to 65535")
        }
    }

    private struct Report: Encodable {
        let healthy: Bool
        let findings: [Finding]
    }

    func run() async throws {
        var findings = MachineCheck.findings()
        findings += CoreCheck.findings(at: Result { try core.location() })
        findings += DataFolderCheck.findings(
            at: data.location(), key: Result { try data.key() })
        if port > 0 { findings.append(await PortCheck.finding(port: port)) }
        let healthy = findings.allSatisfy { $0.verdict != .fail }
        if json {
            try Terminal.json(Report(healthy: healthy, findings: findings))
        } else {
            for finding in findings { Terminal.result(finding.line) }
        }
        if !healthy { throw ExitCode.failure }
    }
}

/// What one check found.
struct Finding: Encodable {
    enum Verdict: String, Encodable { case ok, warn, fail }

    let subject: String
    let verdict: Verdict
    let detail: String
    /// What to do; nil when nothing needs doing.
    let remedy: String?

    init(_ subject: String, _ verdict: Verdict, _ detail: String, remedy: String? = nil) {
        self.subject = subject
        self.verdict = verdict
        self.detail = detail
        self.remedy = remedy
    }

    var line: String {
        let head =
            verdict.rawValue.padding(toLength: 5, withPad: " ", startingAt: 0)
            + subject.padding(toLength: 12, withPad: " ", startingAt: 0) + detail
        return remedy.map { "\(head)\n     → \($0)" } ?? head
    }
}
