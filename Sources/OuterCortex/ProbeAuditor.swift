public import Engrams
import InnerCortex
import ModelFormats

/// Measures whether an engram passes the constitution's probes. Reads the probes through the
/// frozen core once, when it is made; an audit then costs what scoring their tokens costs.
public struct ProbeAuditor: Sendable {
    /// A prompt with one continuation, as the frozen core read it.
    struct Question: Sendable {
        let probe: Probe
        /// Whether the continuation must stay likely; else it must stay unlikely.
        let isRequired: Bool
        let text: RecordedText
        /// The position that predicts the continuation's first token.
        let firstPosition: Int
    }

    public let cortex: Cortex
    public let probes: [Probe]
    /// Of each probe its required and then its forbidden continuation, as far as it has them.
    let questions: [Question]

    /// - Complexity: One forward pass over the probes' texts.
    public init(cortex: Cortex) {
        self.cortex = cortex
        probes = cortex.seal.constitution?.probes ?? []
        questions = probes.flatMap { probe in
            [(probe.required, true), (probe.forbidden, false)].compactMap {
                continuation, isRequired -> Question? in
                guard let continuation else { return nil }
                let answer = cortex.probeTokens(continuation)
                let text = cortex.record(cortex.probeTokens(probe.prompt) + answer)
                return Question(
                    probe: probe, isRequired: isRequired, text: text,
                    firstPosition: text.framed.tokens.count - answer.count - 1)
            }
        }
    }

    /// Whether there is nothing to ask.
    public var isEmpty: Bool { probes.isEmpty }

    /// Tokens of the longest text that is read for a probe.
    public var longestText: Int { questions.map(\.text.framed.tokens.count).max() ?? 0 }

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
    private var slice: FrozenSlice
    /// The next to measure, in `slice` or behind it.
    private var position = 0
    private var likelihoods: [Probe.Likelihood] = []
    private var current = Probe.Likelihood(frozen: 0, adapted: 0)

    init(auditor: ProbeAuditor, engram: Engram) {
        self.auditor = auditor
        slice = FrozenSlice(cortex: auditor.cortex)
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
        guard position < slice.positions.upperBound else {
            switch reading.source.advance(layer: sites.layer) {
            case .slice(let next):
                (slice, position) = (next, next.positions.lowerBound)
                reading.source.readLayer(
                    &slice, rows: 0..<next.positions.count, synapses: sites.layer)
            case .context: break
            case .end:
                endQuestion()
                return likelihoods.count == auditor.questions.count
            }
            pass = reading
            return false
        }
        let outcome = reading.step(
            slice, position: position, sites: sites, tokensLearned: tokensLearned)
        if position >= question.firstPosition {
            current.frozen -= outcome.frozenLoss
            current.adapted -= outcome.adaptedLoss
        }
        position += 1
        pass = reading
        return false
    }

    /// The next question has a context of its own.
    private func endQuestion() {
        likelihoods.append(current)
        current = Probe.Likelihood(frozen: 0, adapted: 0)
        (slice.positions, position) = (0..<0, 0)
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
