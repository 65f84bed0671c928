import Engrams
import Foundation
import InnerCortex
import Kernels
import ModelFormats

/// Generates one answer: a slice of the prompt or one of its positions, then one token, at each
/// `advance`.
public final class GenerationTask: CortexTask {
    private let cortex: Cortex
    private let request: GenerationRequest
    /// The engram's sites; empty ones in mode frozen.
    private let sites: PlasticSites
    private var predictor: PersonalPredictor
    private var sampler: Sampler
    private var sums = OutcomeSums()
    /// The prompt in its context, then the completion.
    private var tokens: [TokenID]
    private var history: [Int32]
    /// Tokens whose hidden states are in the cache.
    private var read = 0
    /// Of the prompt's positions that are read, those that the mixture has judged.
    private var judged = 0
    private var text: StopScanner
    private var decoder: StreamingDecoder
    private var waiting: [GeneratedToken] = []
    private var ready: [GeneratedPiece] = []
    private let reading: CoreReading
    private var layer: LayerSite
    private let tokensLearned: Int
    private var logProbabilities: [Float]
    private let promptLength: Int
    /// Nil for the frozen core, which no engram can make collapse.
    private var probe: VitalsProbe?
    private var end: GenerationEnd?

    init(cortex: Cortex, request: GenerationRequest, engram: Engram) {
        self.cortex = cortex
        self.request = request
        sites = request.mode == .frozen ? PlasticSites() : engram.sites
        tokens = cortex.context(of: request.prompt)
        history = tokens.map(\.rawValue)
        promptLength = tokens.count
        let context = cortex.inner.config.contextLength
        reading = CoreReading(
            cortex: cortex,
            cache: cortex.inner.makeCache(
                capacity: min(context, promptLength + max(0, request.maxTokens))))
        let vocabularySize = cortex.inner.config.vocabularySize
        predictor = PersonalPredictor(cortex: cortex)
        layer = LayerSite(cortex: cortex)
        tokensLearned = engram.tokensLearned
        sampler = Sampler(options: request.sampling, seed: request.seed)
        text = StopScanner(stop: request.stop)
        decoder = StreamingDecoder(cortex.tokenizer)
        probe = request.mode == .adapted ? VitalsProbe() : nil
        logProbabilities = [Float](repeating: 0, count: vocabularySize)
    }

    /// Whether the next step is one of the prompt's.
    public var isReadingPrompt: Bool { end == nil && judged < promptLength - 1 }

    private var slice: FrozenSlice { reading.slice }

    /// Where the context or the answer can grow no longer.
    private var isFull: Bool {
        request.maxTokens <= 0 || tokens.count >= cortex.inner.config.contextLength
    }

    public var asks: CoreReading? {
        guard end == nil, !isFull, !isReadingPrompt || judged == read else { return nil }
        if reading.isAsked { return reading }
        // A silent engram has nothing to be judged by.
        let wants: CoreReading.Wants =
            sites.isSilent ? (isReadingPrompt ? [] : .logits) : [.logits, .features]
        let end = isReadingPrompt ? promptLength - 1 : tokens.count
        reading.ask(for: read..<end, of: tokens, layer: sites.layer, wants)
        return reading
    }

    public func advance() -> Bool {
        if end != nil { return true }
        if isFull {
            finish(.length)
            return true
        }
        if isReadingPrompt {
            readPrompt()
            return false
        }
        generateToken()
        return end != nil
    }

    /// The pieces that came since the last call.
    public func takeOutput() -> [GeneratedPiece] {
        defer { ready.removeAll(keepingCapacity: true) }
        return ready
    }

    /// - Precondition: `advance` returned true.
    public var result: Generation {
        guard let end else { preconditionFailure("a generation has a result when it is finished") }
        return Generation(
            text: text.emitted, tokens: Array(tokens[promptLength...]),
            promptTokens: request.prompt.count, end: end, adaptation: sums.adaptation,
            vitals: probe?.vitals)
    }

    /// Reads a slice of the prompt, and lets the mixture judge the adapted model on it: an engram
    /// that does harm here has lost its say before the first answer token.
    private func readPrompt() {
        guard judged < read else {
            takeReading()
            if sites.isSilent { judged = read }
            return
        }
        // What the tokenizer put before the prompt is no evidence.
        if judged + 1 >= cortex.tokenizer.sequencePrefix.count {
            let row = judged - slice.positions.lowerBound
            predict(position: judged, row: row)
            settle(position: judged, row: row, target: history[judged + 1])
        }
        judged += 1
    }

    private func generateToken() {
        let position = tokens.count - 1
        takeReading()
        predict(position: position, row: 0)
        VectorKernels.logarithm(of: predictor.output, into: &logProbabilities)
        let token = sampler.next(logits: penalizableLogits().span, history: tokens[...])
        let outcome = settle(position: position, row: 0, target: token.rawValue)
        if cortex.endOfText.contains(token) {
            finish(.stop)
            return
        }
        tokens.append(token)
        history.append(token.rawValue)
        probe?.add(step(token, outcome))
        let part = decoder.append(token)
        if let count = request.topLogprobs { waiting.append(described(token, count)) }
        emit(text.append(part))
        if text.isStopped {
            finish(.stop)
        } else if tokens.count - promptLength >= request.maxTokens {
            finish(.length)
        }
    }

    /// What the sampler draws from: ln p, which is as good as logits until a repetition penalty asks
    /// for their sign. Then they stand on the frozen core's scale, ln p + ln Σ exp z0: z0 itself
    /// where nothing was learned, so that a penalty does there what it does in any other server.
    private func penalizableLogits() -> [Float] {
        guard request.sampling.repetitionPenalty != 1 else { return logProbabilities }
        guard !predictor.readout.isSilent else { return slice.logits }
        let normalizer = predictor.readout.frozenNormalizer
        return logProbabilities.map { $0 + normalizer }
    }

    private func takeReading() {
        guard let reading = asks else { preconditionFailure("nothing to read") }
        reading.take()
        read = reading.positions.upperBound
        layer.read(
            &reading.slice, rows: 0..<reading.count, synapses: sites.layer, frozen: reading.cache)
    }

    private func predict(position: Int, row: Int) {
        predictor.predict(
            slice, row: row, history: history[...position], sites: sites,
            tokensLearned: tokensLearned)
    }

    @discardableResult
    private func settle(
        position: Int, row: Int, target: Int32
    ) -> PersonalPredictor.Outcome {
        let outcome = predictor.settle(target: Int(target), slice, row: row)
        sums.add(outcome)
        return outcome
    }

    /// What the newest token's step left behind, for the probe.
    private func step(_ token: TokenID, _ outcome: PersonalPredictor.Outcome) -> VitalsProbe.Step {
        let (frozen, logits) = (predictor.readout.frozen, slice.logits)
        let meanLogit = VectorKernels.dot(frozen.span, logits.span)
        return VitalsProbe.Step(
            token: token.rawValue, hidden: slice.hidden, output: predictor.output,
            logProbabilities: logProbabilities,
            // H(p0) = −Σ p0·(z0 − ln Σ exp z0).
            frozenEntropy: Double(predictor.readout.frozenNormalizer - meanLogit),
            drift: outcome.frozenLoss - outcome.adaptedLoss,
            divergence: Double(outcome.divergence))
    }

    private func described(_ token: TokenID, _ count: Int) -> GeneratedToken {
        var best: [Int32] = []
        let values = logProbabilities
        TopK.indices(of: values.span, count: min(count, values.count), into: &best)
        if !best.contains(token.rawValue) { best.append(token.rawValue) }
        return GeneratedToken(
            token: token, logprob: Double(logProbabilities[token.index]),
            top: best.map { (TokenID(rawValue: $0), Double(logProbabilities[Int($0)])) },
            start: decoder.tokenStart)
    }

    private func finish(_ reason: GenerationEnd) {
        if !text.isStopped { emit(text.append(decoder.finish())) }
        emit(text.finish())
        if !waiting.isEmpty { ready.append(GeneratedPiece(text: "", tokens: waiting)) }
        waiting = []
        end = reason
    }

    private func emit(_ piece: String) {
        guard !piece.isEmpty else { return }
        ready.append(GeneratedPiece(text: piece, tokens: waiting))
        waiting = []
    }
}
