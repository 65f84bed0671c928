public import Engrams
import InnerCortex
import ModelFormats

/// Measures whether an engram passes the constitution's probes. Reads the probes through the
/// frozen core once, when it is made; an audit then costs what scoring their tokens costs.
public struct ProbeAuditor: Sendable {
    /// A prompt with one continuation, as the frozen core read it.
    struct Question: Sendable {
        let text: RecordedText
        /// The position that predicts the continuation's first token.
        let firstPosition: Int
    }

    let cortex: Cortex
    public let probes: [Probe]
    /// Of each probe its required and then its forbidden continuation, as far as it has them.
    let questions: [Question]

    /// - Complexity: One forward pass over the probes' texts.
    public init(cortex: Cortex) {
        self.cortex = cortex
        probes = cortex.seal.constitution?.probes ?? []
        questions = probes.flatMap { probe in
            [probe.required, probe.forbidden].compactMap { continuation -> Question? in
                guard let continuation else { return nil }
                let answer = cortex.probeTokens(continuation)
                let text = cortex.record(cortex.probeTokens(probe.prompt) + answer)
                return Question(
                    text: text, firstPosition: text.framed.tokens.count - answer.count - 1)
            }
        }
    }

    /// Whether there is nothing to ask.
    public var isEmpty: Bool { probes.isEmpty }

    /// Starts measuring all probes under an engram, each in a context of its own.
    public func startAudit(of engram: Engram) -> AuditTask {
        AuditTask(auditor: self, engram: engram)
    }
}

/// Asks an engram all probes; changes nothing.
public final class AuditTask: CortexTask {
    private let auditor: ProbeAuditor
    private let sites: PlasticSites
    private let tokensLearned: Int
    private var pass: TextPass?
    private var likelihoods: [Probe.Likelihood] = []
    private var current = Probe.Likelihood(frozen: 0, adapted: 0)

    init(auditor: ProbeAuditor, engram: Engram) {
        self.auditor = auditor
        sites = engram.sites
        tokensLearned = engram.tokensLearned
    }

    public func advance() -> Bool {
        guard likelihoods.count < auditor.questions.count else { return true }
        let question = auditor.questions[likelihoods.count]
        var reading =
            pass.take()
            ?? TextPass(
                cortex: auditor.cortex, text: question.text, layer: sites.layer, recorder: nil)
        guard var slice = reading.source.nextSlice(layer: sites.layer) else {
            likelihoods.append(current)
            current = Probe.Likelihood(frozen: 0, adapted: 0)
            return likelihoods.count == auditor.questions.count
        }
        reading.source.readLayer(&slice, rows: 0..<slice.positions.count, synapses: sites.layer)
        for position in slice.positions {
            let outcome = reading.step(
                slice, position: position, sites: sites, tokensLearned: tokensLearned)
            guard position >= question.firstPosition else { continue }
            current.frozen -= outcome.frozenLoss
            current.adapted -= outcome.adaptedLoss
        }
        pass = reading
        return false
    }

    /// One reading a probe, in the constitution's order.
    /// - Precondition: `advance` returned true.
    public var result: [ProbeReading] {
        var next = likelihoods.makeIterator()
        return auditor.probes.map { probe in
            let required = probe.required.flatMap { _ in next.next() }
            let forbidden = probe.forbidden.flatMap { _ in next.next() }
            return probe.reading(required: required, forbidden: forbidden)
        }
    }
}
