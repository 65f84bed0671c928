import Engrams
import InnerCortex
import ModelFormats

/// Recall for one answer: takes the question's states as the prompt is read, finds what was said, and
/// reads it in a stream of its own.
struct AnswerRecall {
    private let cortex: Cortex
    private let weights: RecallWeights
    private let memory: SayingMemory
    /// The question's places in the prompt: what the user said last.
    private let asked: Range<Int>
    /// Where the sayings go.
    private let place: Int
    private let maxTokens: Int
    private var keys: MeaningKeys
    private var question = Question()
    private var stream: RecalledStream?
    private var isOver = false
    /// c, how surely anything that was said is asked for, in 0...1.
    private(set) var confidence: Float = 0
    private(set) var recollections: [Recollection] = []

    /// The longest question: its last tokens.
    private static let questionMaximum = 64
    /// Less than this is nothing: no second stream is read for it.
    private static let minimumConfidence: Float = 0.1

    /// Nil where there is nothing to recall.
    /// - Parameters:
    ///   - prompt: in its context, `prefix` tokens of which stand before what the request says.
    ///   - said: places in the request's prompt that are the user's words; empty: all of it.
    init?(
        cortex: Cortex, memory: SayingMemory, prompt: [TokenID], prefix: Int, said: [Range<Int>],
        maxTokens: Int
    ) {
        guard let weights = cortex.rule.tensors.recall, !memory.isEmpty,
            let last = said.isEmpty ? 0..<prompt.count - prefix : said.last, !last.isEmpty
        else { return nil }
        self.cortex = cortex
        self.weights = weights
        self.memory = memory
        self.maxTokens = maxTokens
        let end = min(prompt.count, last.upperBound + prefix)
        place = min(end, last.lowerBound + prefix)
        asked = max(place, end - Self.questionMaximum)..<end
        keys = MeaningKeys(weights)
    }

    /// Takes what a reading of the prompt brought.
    mutating func collect(_ slice: FrozenSlice, of prompt: [TokenID]) {
        for position in slice.positions where asked.contains(position) {
            let weight = keys.appendAsked(
                slice.streams(position - slice.positions.lowerBound),
                token: prompt[position].rawValue, to: &question.keys)
            question.weights.append(weight)
        }
    }

    /// Whether there is a step to do before the next token can be predicted.
    var isPending: Bool { !isOver && !(stream?.isReady ?? false) }

    /// Finds, or reads on; a step of bounded length.
    mutating func advance(prompt: [TokenID]) {
        if stream == nil { find(prompt) }
        stream?.advance()
    }

    private mutating func find(_ prompt: [TokenID]) {
        let (found, sureness) = SayingFinder(weights: weights).find(question, in: memory)
        confidence = sureness
        let separator = cortex.tokenizer.encode("\n")
        let sayings = found.flatMap { found in
            memory.sayings[found.place].tokens.map { TokenID(rawValue: $0) } + separator
        }
        guard confidence >= Self.minimumConfidence,
            prompt.count + sayings.count < cortex.inner.config.contextLength
        else {
            (confidence, isOver) = (0, true)
            return
        }
        recollections = found.map {
            let saying = memory.sayings[$0.place]
            return Recollection(
                tokens: saying.tokens.map { TokenID(rawValue: $0) }, weight: Double($0.share),
                moment: Int(saying.moment))
        }
        stream = RecalledStream(
            cortex: cortex, weights: weights, prompt: prompt, sayings: sayings, at: place,
            maxTokens: maxTokens)
    }

    /// What the stream says of the next token, and how much of the prediction is its; nil for
    /// nothing.
    var says: PersonalPredictor.Recalled? {
        guard !isOver, let stream, stream.isReady else { return nil }
        return PersonalPredictor.Recalled(distribution: stream.distribution, share: confidence)
    }

    /// Goes on with the token that came.
    mutating func append(_ token: TokenID) {
        guard stream != nil, stream?.append(token) == false else { return }
        isOver = true
    }
}
