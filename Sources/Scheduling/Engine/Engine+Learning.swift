import EngramStorage
import Engrams
import ModelFormats
import OuterCortex

/// What learning a text came to, before it is written.
struct LearnedText: Sendable {
    var tokens: Int
    var bytes: Int
    var bitsPerByte: BitsPerByte
    var adaptation: Adaptation
    /// One for each token that somebody else wrote: those that the model generated itself would
    /// certify what they cannot.
    var gains: [TokenGain]
    /// Tokens that the learning gate let through.
    var learnedTokens: Int
    /// The engram after it.
    var engram: Engram
}

extension Engine {
    /// Learns a text on a copy of an engram.
    /// - Parameters:
    ///   - id: on whose behalf.
    ///   - spared: sites that do not learn.
    func learn(
        _ text: TaughtText, on engram: Engram, for id: SessionID,
        sparing spared: Set<PlasticSite> = []
    ) async throws -> LearnedText {
        let tokens = text.tokens.map { TokenID(rawValue: $0) }
        let memory = cortex.contextBytes(tokens: tokens.count, with: engram)
        return try await countingRefusals {
            try await thread.run(for: id, memory: memory) { [cortex] in
                cortex.startObserving(
                    tokens, only: text.conversation?.learned, from: engram,
                    reward: text.reward ?? 1, said: text.said, sparing: spared)
            } output: { [cortex] task in
                let observation = task.result
                var learned = engram
                try learned.commit(observation.proposal, within: cortex.zone)
                return LearnedText(
                    tokens: observation.tokens, bytes: observation.bytes,
                    bitsPerByte: BitsPerByte(observation.bits, bytes: observation.bytes),
                    adaptation: observation.adaptation, gains: observation.gains,
                    learnedTokens: observation.learnedTokens, engram: learned)
            }
        }
    }

    /// Learns verdicts on a copy of an engram.
    func learn(
        _ verdicts: TaughtVerdicts, on engram: Engram, for id: SessionID,
        sparing spared: Set<PlasticSite> = []
    ) async throws -> (FeedbackOutcome, Engram) {
        guard let judged = verdicts.judged else { throw StorageError.corrupt(code: 0) }
        // Both answers of a pair may be open at once.
        let longest = judged.map { $0.prompt.count + $0.answer.count }.max() ?? 0
        let memory = 2 * cortex.contextBytes(tokens: longest, with: engram)
        return try await countingRefusals {
            try await thread.run(for: id, memory: memory) { [cortex] in
                cortex.startFeedback(judged, from: engram, sparing: spared)
            } output: { [cortex] task in
                let outcome = task.result
                var learned = engram
                try learned.commit(outcome.proposal, within: cortex.zone)
                return (outcome, learned)
            }
        }
    }

    private func countingRefusals<Output>(_ body: () async throws -> Output) async throws -> Output
    {
        do {
            return try await body()
        } catch let error as EngramError {
            count { $0.refusedCommits += 1 }
            throw error
        }
    }

    /// Measures a text; never learns.
    func score(_ text: [TokenID], with engram: Engram, for id: SessionID) async throws -> Scoring {
        let memory = cortex.contextBytes(tokens: text.count, with: engram)
        return try await thread.run(for: id, memory: memory) { [cortex] in
            cortex.startScoring(text, with: engram)
        } output: {
            $0.result
        }
    }

    /// Measures texts, each from a context of its own; never learns.
    /// - Returns: nil for no text.
    func measure(
        _ engram: Engram, on texts: [[TokenID]], for id: SessionID
    ) async throws -> TextMeasurement? {
        var (tokens, bytes) = (0, 0)
        var bits = TextBits(frozen: 0, adapted: 0)
        for text in texts {
            let scoring = try await score(text, with: engram, for: id)
            tokens += scoring.tokens
            bytes += scoring.bytes
            bits.frozen += scoring.bits.frozen
            bits.adapted += scoring.bits.adapted
        }
        guard tokens > 0 else { return nil }
        return TextMeasurement(
            tokens: tokens, bytes: bytes, bitsPerByte: BitsPerByte(bits, bytes: bytes))
    }
}

extension BitsPerByte {
    init(_ bits: TextBits, bytes: Int) {
        let bytes = Double(max(1, bytes))
        self.init(frozen: bits.frozen / bytes, adapted: bits.adapted / bytes)
    }
}
