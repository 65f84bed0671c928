import Engrams
import InnerCortex
import Kernels
import ModelFormats

/// A second reading of one conversation, in which what was found stands before the question, in the
/// user's own message, and which reads under the reader's change of weights: what the core would
/// answer if it had just been told. Its distributions are mixed in; nothing of it is kept.
///
/// The frozen stream knows nothing of it: were the sayings in its context, forgetting one would
/// leave its trace in every state behind it.
struct RecalledStream {
    private let inner: InnerCortex
    private let change: PassChange
    private let cache: KVCache
    /// The prompt with the sayings in it, then the answer.
    private var tokens: [TokenID]
    private var read = 0
    private var hidden: [Float] = []
    private var logits: [Float] = []
    /// p_r behind the newest token, shape [vocabulary]; of use when `isReady`.
    private(set) var distribution: [Float]

    /// Most tokens of one step.
    private static let longestStep = 64

    /// - Parameters:
    ///   - prompt: in its context.
    ///   - place: in the prompt, where the sayings go.
    ///   - maxTokens: how long the answer may be.
    init(
        cortex: Cortex, weights: RecallWeights, prompt: [TokenID], sayings: [TokenID],
        at place: Int, maxTokens: Int
    ) {
        inner = cortex.inner
        change = weights.reader
        tokens = Array(prompt[..<place]) + sayings + prompt[place...]
        cache = inner.makeCache(
            capacity: min(inner.config.contextLength, tokens.count + max(1, maxTokens)))
        distribution = [Float](repeating: 0, count: inner.config.vocabularySize)
    }

    /// Whether all has been read and `distribution` is of what comes next.
    var isReady: Bool { read == tokens.count }

    /// Whether there is no room for another token.
    private var isFull: Bool { tokens.count >= cache.capacity }

    /// Reads on; a step of bounded length.
    mutating func advance() {
        guard !isReady else { return }
        let next = min(tokens.count, read + Self.longestStep)
        inner.forward(tokens[read..<next], cache: cache, change: change, hidden: &hidden)
        read = next
        guard isReady else { return }
        let width = inner.config.hiddenSize
        inner.unembed(Array(hidden.suffix(width)), count: 1, logits: &logits)
        let logits = logits
        var output = distribution.mutableSpan
        _ = VectorKernels.softmax(logits.span, into: &output)
    }

    /// Goes on with the token that came.
    /// - Returns: False where the context is full: it says nothing more.
    mutating func append(_ token: TokenID) -> Bool {
        guard !isFull else { return false }
        tokens.append(token)
        return true
    }
}
