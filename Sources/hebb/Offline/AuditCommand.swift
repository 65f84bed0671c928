import ArgumentParser
import Engrams
import Foundation
import ModelFormats
import OuterCortex

/// `hebb audit`: how far ordinary learning moves a core's probes.
struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "Measure how far users' learning moves the probes of a sealed core.",
        discussion: """
            Example: hebb audit --users ~/users --json > audit.json

            --users is a folder with one file for each user. The first --bytes of each are \
            learned by a user of its own, in pieces of 4 KB as `hebb observe` sends them, and \
            consolidated as a checkpoint does. Then the probes of the core's constitution are \
            asked: drift is how far one moved against its bound, nats; slack, what is left to the \
            bound. Where one fails, it says what a checkpoint would turn down so that all pass, \
            and what that costs on the rest of the text: gains are percent of the frozen core's \
            bits, before and after.

            deploy/cores/recipe/margins.py makes the margins of the shipped core's probes of it.
            """)

    @OptionGroup var core: CoreOptions

    @Option(help: "A folder with one .txt file for each user.", completion: .directory)
    var users: String

    @Option(help: "Bytes of each user's text to learn, at most.")
    var bytes = 34_000

    @OptionGroup var reading: TextOptions

    @Flag(help: "Answer in JSON on stdout.")
    var json = false

    func validate() throws {
        guard bytes >= 1_000 else { throw ValidationError("--bytes must be at least 1000") }
    }

    struct NoProbes: Error, CustomStringConvertible {
        let folder: String
        var description: String {
            "\(folder) has no constitution with probes: seal it with `hebb seal --probes` first"
        }
    }

    func run() async throws {
        let location = try core.location()
        let cortex = try Cortex(at: location)
        let auditor = ProbeAuditor(cortex: cortex)
        guard !auditor.isEmpty else { throw NoProbes(folder: location.folder) }
        let texts = try reading.users(in: users)
        var bar = ProgressBar(label: "auditing", total: texts.count)
        let frozen = Self.ask(auditor, cortex.emptyEngram())
        var report = AuditReport(probes: auditor.probes, frozen: frozen)
        for text in texts {
            let user = try audit(text.text, named: text.name, auditor, frozen)
            report.users.append(user)
            bar.show(done: report.users.count, note: text.name)
        }
        bar.finish()
        if json { return try Terminal.json(report) }
        Terminal.result(report.text)
    }

    private static func ask(_ auditor: ProbeAuditor, _ engram: Engram) -> [ProbeReading] {
        let task = auditor.startAudit(of: engram)
        task.runToEnd()
        return task.result
    }

    private func audit(
        _ text: String, named name: String, _ auditor: ProbeAuditor, _ frozen: [ProbeReading]
    ) throws -> AuditReport.User {
        let cortex = auditor.cortex
        let all = Array(text.utf8)
        let learned = Array(all.prefix(bytes))
        var engram = cortex.emptyEngram()
        for range in TextPieces().ranges(of: learned) {
            let piece = String(decoding: learned[range], as: UTF8.self)
            let task = cortex.startObserving(
                cortex.tokenizer.encode(piece, parsingSpecialTokens: false), from: engram)
            task.runToEnd()
            try engram.commit(task.result.proposal, within: cortex.zone)
        }
        engram = engram.consolidated(within: cortex.zone)
        let next = cortex.tokenizer.encode(
            String(decoding: all.dropFirst(bytes), as: UTF8.self), parsingSpecialTokens: false)
        func gain(_ engram: Engram) -> Double? {
            guard !next.isEmpty else { return nil }
            let task = cortex.startScoring(next, with: engram)
            task.runToEnd()
            return 100 * (1 - task.result.bits.adapted / task.result.bits.frozen)
        }
        let readings = Self.ask(auditor, engram)
        var user = AuditReport.User(
            name: name, tokens: engram.tokensLearned, readings: readings, frozen: frozen,
            gain: gain(engram))
        guard readings.contains(where: { !$0.passes }) else { return user }
        var fitting = ProbeFitting(readings)
        while let fit = fitting.next {
            fitting.take(Self.ask(auditor, auditor.applying(fit, to: engram)))
        }
        guard let found = fitting.found else { return user }
        let fitted = auditor.applying(found, to: engram)
        user.fitted = AuditReport.Fitted(
            found, readings: Self.ask(auditor, fitted), gain: gain(fitted))
        return user
    }
}
