import Engrams
import Foundation
import InnerCortex
import Kernels
import ModelFormats

/// Generates one answer: a slice of the prompt or one of its positions, then one token, at each
/// `advance`. A token that was read along as a guess, and came, needs no pass of its own.
public final class GenerationTask: CortexTask {
    private let cortex: Cortex
    private let request: GenerationRequest
    /// The engram's sites; empty ones in mode frozen.
    private let sites: PlasticSites
    /// Whether anything has a say beside the frozen core, and is judged by how well it predicts.
    private let judges: Bool
    private var predictor: PersonalPredictor
    private var sampler: Sampler
    /// Nil where the answer may be anything.
    private var constraint: AnswerConstraint?
    private var sums = OutcomeSums()
    /// The prompt in its context, then the completion.
    private var tokens: [TokenID]
    private var history: [Int32]
    /// Where the newest slice ends, guesses of the next tokens included: what is before it was read,
    /// or found.
    private var read = 0
    /// Where contexts wait for their next turn, and whose this one is.
    private let contexts: (store: ContextStore, owner: UserID)?
    /// What the core made of the tokens that are in the cache; nil where nobody asks.
    private var states: ContextStore.States?
    /// How many tokens were found, with their states where an engram is judged by them.
    private var found = 0
    private var drafter: Drafter
    /// Whether guesses are read along: a layer site would have to read them too.
    private let drafts: Bool
    private var draftedTokens = 0
    private var acceptedTokens = 0
    /// Of the prompt's positions that are read, those that the mixture has judged.
    private var judged = 0
    private var text: StopScanner
    private var decoder: StreamingDecoder
    private var waiting: [GeneratedToken] = []
    private var ready: [GeneratedPiece] = []
    private let reading: CoreReading
    private var layer: LayerSite
    private let tokensLearned: Int
    /// ln p of what leaves; not computed where nobody reads it.
    private var logProbabilities: [Float]
    private let needsLogProbabilities: Bool
    private let promptLength: Int
    private var recall: AnswerRecall?
    /// Nil for the frozen core, which no engram can make collapse.
    private var probe: VitalsProbe?
    private var end: GenerationEnd?

    init(
        cortex: Cortex, request: GenerationRequest, engram: Engram,
        in contexts: (store: ContextStore, owner: UserID)? = nil
    ) {
        self.cortex = cortex
        self.request = request
        sites = request.mode == .frozen ? PlasticSites() : engram.sites
        drafts = !sites.sequences.isEmpty && sites.layer.isEmpty && !cortex.rule.layer.isOn
        drafter = Drafter(policy: request.drafting)
        tokens = cortex.context(of: request.prompt)
        promptLength = tokens.count
        recall = AnswerRecall(
            cortex: cortex, memory: sites.sayings, prompt: tokens,
            prefix: tokens.count - request.prompt.count, said: request.said,
            maxTokens: request.maxTokens)
        let context = cortex.inner.config.contextLength
        let room = min(context, promptLength + min(context, max(0, request.maxTokens)))
        // What a usual answer takes, so that a token of it allocates nothing.
        let usual = min(4096, max(0, room - promptLength))
        history = []
        history.reserveCapacity(promptLength + usual)
        history += tokens.map(\.rawValue)
        // Where an engram changes blocks, a context needs more than what the frozen core leaves.
        let contexts = sites.layer.isEmpty && cortex.layerHook == nil ? contexts : nil
        self.contexts = contexts
        // Recall asks for the question's states, too.
        let judges = !sites.isSilent || recall != nil
        self.judges = judges
        if contexts != nil, judges { states = ContextStore.States() }
        let known = tokens.prefix(promptLength - 1)
        let beginning = contexts.flatMap { contexts in
            contexts.store.find(known, of: contexts.owner, withStates: judges, capacity: room)
        }
        if let beginning {
            found = beginning.cache.count
            if judges { states = beginning.states }
        }
        tokens.reserveCapacity(promptLength + usual)
        reading = CoreReading(
            cortex: cortex, cache: beginning?.cache ?? cortex.inner.makeCache(capacity: room))
        let vocabularySize = cortex.inner.config.vocabularySize
        predictor = PersonalPredictor(cortex: cortex, keepsOutput: judges)
        layer = LayerSite(cortex: cortex)
        tokensLearned = engram.tokensLearned
        sampler = Sampler(options: request.sampling, seed: request.seed)
        constraint = request.grammar.map {
            AnswerConstraint(
                $0, order: cortex.tokenOrder, tokenizer: cortex.tokenizer, ends: cortex.endOfText)
        }
        text = StopScanner(stop: request.stop, room: 8 * usual)
        decoder = StreamingDecoder(cortex.tokenizer)
        probe = request.mode == .adapted ? VitalsProbe() : nil
        needsLogProbabilities = probe != nil || request.topLogprobs != nil || judges
        logProbabilities =
            needsLogProbabilities ? [Float](repeating: 0, count: vocabularySize) : []
        if !judges { (read, judged) = (found, found) }
    }

    /// Whether the next step is one of the prompt's.
    public var isReadingPrompt: Bool { end == nil && judged < promptLength - 1 }

    private var slice: FrozenSlice { reading.slice }

    /// Whether the recalled stream has to read before the next token is predicted.
    private var isRecalling: Bool { !isReadingPrompt && recall?.isPending == true }

    /// Where the context or the answer can grow no longer.
    private var isFull: Bool {
        request.maxTokens <= 0 || tokens.count >= cortex.inner.config.contextLength
    }

    public var asks: CoreReading? {
        guard end == nil, !isFull, !isRecalling, read >= found,
            isReadingPrompt ? judged == read : read < tokens.count
        else { return nil }
        if reading.isAsked { return reading }
        // A silent engram has nothing to be judged by.
        let wants: CoreReading.Wants =
            sites.isSilent ? (isReadingPrompt ? [] : .logits) : [.logits, .features]
        if isReadingPrompt {
            reading.ask(for: read..<promptLength - 1, of: tokens, layer: sites.layer, wants)
            return reading
        }
        if drafts {
            drafter.draft(
                after: history, atMost: max(0, reading.cache.capacity - 1 - tokens.count),
                from: sites.sequences, orders: cortex.rule.orderRates.count, cost: cortex.rowCost)
        }
        reading.ask(
            for: read..<tokens.count, of: tokens, drafts: drafter.tokens, layer: sites.layer, wants)
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
        if isRecalling {
            recall?.advance(prompt: tokens)
            return false
        }
        generateToken()
        return end != nil
    }

    /// How many tokens the answer has so far.
    public var tokenCount: Int { tokens.count - promptLength }

    /// Hands out the pieces that came since the last call.
    public func takeOutput(_ body: (GeneratedPiece) -> Void) {
        for index in ready.indices { body(ready[index]) }
        ready.removeAll(keepingCapacity: true)
    }

    /// - Precondition: `advance` returned true.
    public var result: Generation {
        guard let end else { preconditionFailure("a generation has a result when it is finished") }
        return Generation(
            text: text.emitted, tokens: Array(tokens[promptLength...]),
            promptTokens: request.prompt.count, end: end, adaptation: sums.adaptation,
            vitals: probe?.vitals, draftedTokens: draftedTokens, acceptedTokens: acceptedTokens,
            recalled: recall?.recollections ?? [])
    }

    /// Reads a slice of the prompt, and lets the mixture judge the adapted model on it: an engram
    /// that does harm here has lost its say before the first answer token.
    private func readPrompt() {
        guard judged < read else {
            if read < found { takeFound() } else { takeReading() }
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
        let allowed = constraint?.allowed()
        // A vocabulary that lacks a byte cannot say everything.
        guard allowed?.isEmpty != true else { return finish(.length) }
        if position >= read {
            takeReading()
        } else if drafts {
            drafter.continueGuessing(
                after: history, from: sites.sequences, orders: cortex.rule.orderRates.count)
        }
        let row = position - slice.positions.lowerBound
        predict(position: position, row: row, recall: recall?.says)
        if needsLogProbabilities {
            VectorKernels.logarithm(of: predictor.output, into: &logProbabilities)
        }
        let token =
            tokenCount < request.dictated.count
            ? request.dictated[tokenCount] : sample(row: row, allowed)
        let outcome = settle(position: position, row: row, target: token.rawValue)
        if cortex.endOfText.contains(token) {
            finish(.stop)
            return
        }
        if drafts { judgeDraft(token) }
        tokens.append(token)
        history.append(token.rawValue)
        recall?.append(token)
        probe?.add(step(token, outcome, row: row))
        let part = decoder.append(token)
        if let count = request.topLogprobs { waiting.append(described(token, count)) }
        emit(text.append(part))
        constraint?.accept(token)
        if text.isStopped || constraint?.isComplete == true {
            finish(.stop)
        } else if tokenCount >= request.maxTokens {
            finish(.length)
        }
    }

    /// Draws from what leaves. ln p is as good as logits until a repetition penalty asks for their
    /// sign. Then they stand on the frozen core's scale, ln p + ln Σ exp z0: z0 itself where nothing
    /// was learned, so that a penalty does there what it does in any other server.
    private func sample(row: Int, _ allowed: TokenMask?) -> TokenID {
        guard predictor.isSilent else {
            let isPenalized = request.sampling.repetitionPenalty != 1
            let logits = logProbabilities
            return sampler.next(
                logits: logits.span,
                offset: isPenalized ? predictor.readout.frozenNormalizer : 0,
                history: tokens[...], answer: tokens[promptLength...], allowed: allowed)
        }
        let slice = slice
        return sampler.next(
            logits: slice.logits.span.extracting(slice.rowRange(row)), history: tokens[...],
            answer: tokens[promptLength...], allowed: allowed)
    }

    /// Of the guesses that were read along, the first must be the token that came; else all of them
    /// are given back.
    private func judgeDraft(_ token: TokenID) {
        drafter.judge(token)
        guard read > tokens.count else { return }
        if reading.token(at: tokens.count) == token {
            acceptedTokens += 1
        } else {
            cut(to: tokens.count)
            read = tokens.count
        }
    }

    private func takeReading() {
        guard let reading = asks else { preconditionFailure("nothing to read") }
        draftedTokens += reading.draftCount
        reading.take()
        if read < promptLength { recall?.collect(reading.slice, of: tokens) }
        read = reading.positions.upperBound
        states?.hidden += reading.slice.hidden
        states?.streams += reading.slice.streams
        layer.read(
            &reading.slice, rows: 0..<reading.count, synapses: sites.layer, frozen: reading.cache)
    }

    /// Forgets guesses that did not come.
    private func cut(to count: Int) {
        reading.cache.truncate(to: count)
        states?.cut(to: count, width: cortex.inner.config.hiddenSize)
    }

    /// Takes a slice of what was found in place of reading it.
    private func takeFound() {
        guard let states else { preconditionFailure("found without its states") }
        reading.recall(read..<found, states)
        recall?.collect(reading.slice, of: tokens)
        read = reading.slice.positions.upperBound
    }

    private func predict(
        position: Int, row: Int, recall: PersonalPredictor.Recalled? = nil
    ) {
        predictor.predict(
            slice, row: row, history: history[...position], sites: sites,
            tokensLearned: tokensLearned, recall: recall)
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
    private func step(
        _ token: TokenID, _ outcome: PersonalPredictor.Outcome, row: Int
    ) -> VitalsProbe.Step {
        let (frozen, slice) = (predictor.readout.frozen, slice)
        let meanLogit = VectorKernels.dot(
            frozen.span, slice.logits.span.extracting(slice.rowRange(row)))
        return VitalsProbe.Step(
            token: token.rawValue, hidden: slice.hidden,
            row: row * slice.hiddenSize..<(row + 1) * slice.hiddenSize, output: predictor.output,
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
        if let (store, owner) = contexts {
            cut(to: min(reading.cache.count, tokens.count))
            store.keep(reading.cache, tokens[..<reading.cache.count], of: owner, states)
        }
    }

    private func emit(_ piece: String) {
        guard !piece.isEmpty else { return }
        ready.append(GeneratedPiece(text: piece, tokens: waiting))
        waiting = []
    }
}
