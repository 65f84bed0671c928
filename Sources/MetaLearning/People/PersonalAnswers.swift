import Engrams
import Foundation
import InnerCortex
import Kernels
import ModelFormats
import OuterCortex

/// How surely an answer was given.
struct AnswerFigure: Sendable {
    /// P(answer | question, lead), the product over the answer's tokens.
    var probability = 0.0
    /// Whether its first token was the likeliest.
    var isFirst = false
}

/// A way to know what a person told: what a row of the table is about.
protocol PersonalAnswers {
    mutating func tell(_ say: String) throws
    /// - Returns: nil where the core's context has no room for what is to be read.
    func figure(_ ask: String, lead: String, answer: String) throws -> AnswerFigure?
    /// What is said, greedily, without a lead.
    func answer(_ ask: String, tokens: Int) throws -> String?
}

/// What an engram knows, told and asked as the server does it.
struct EngramAnswers: PersonalAnswers {
    let cortex: Cortex
    let chat: ChatReading
    private(set) var engram: Engram

    init(cortex: Cortex, chat: ChatReading) {
        self.cortex = cortex
        self.chat = chat
        engram = cortex.emptyEngram()
    }

    mutating func tell(_ say: String) throws {
        let lesson = try chat.lesson(say)
        let task = cortex.startObserving(
            lesson.tokens, only: lesson.said, from: engram, said: lesson.said)
        while !task.advance() {}
        try engram.commit(task.result.proposal, within: cortex.zone)
    }

    /// What a later session starts from.
    func saved() -> EngramAnswers {
        var copy = self
        copy.engram = engram.consolidated(within: cortex.zone)
        return copy
    }

    func figure(_ ask: String, lead: String, answer: String) throws -> AnswerFigure? {
        let tokens = chat.answer(answer)
        let question = try chat.question(ask, lead: lead)
        var request = GenerationRequest(
            prompt: question.tokens, said: question.said, maxTokens: tokens.count,
            sampling: SamplingOptions(temperature: 0), seed: 0, topLogprobs: 1)
        request.dictated = tokens
        let given = run(request).tokens
        guard given.count == tokens.count, let first = given.first else { return nil }
        return AnswerFigure(
            probability: exp(given.reduce(0) { $0 + $1.logprob }),
            isFirst: first.top.first?.token == tokens[0])
    }

    func answer(_ ask: String, tokens: Int) throws -> String? {
        let question = try chat.question(ask)
        return run(
            GenerationRequest(
                prompt: question.tokens, said: question.said, maxTokens: tokens,
                sampling: SamplingOptions(temperature: 0), seed: 0)
        ).text
    }

    private func run(_ request: GenerationRequest) -> (text: String, tokens: [GeneratedToken]) {
        let task = cortex.startGenerating(request, with: engram)
        while !task.advance() {}
        var tokens: [GeneratedToken] = []
        task.takeOutput { tokens += $0.tokens }
        return (task.result.text, tokens)
    }
}

/// The frozen core with what was said put before it, in the person's own message.
final class PastedAnswers: PersonalAnswers {
    /// Which of the sayings go before a question; nil: all.
    private let found: [String: [Int]]?
    private let inner: InnerCortex
    private let chat: ChatReading
    private let endOfText: Set<TokenID>
    private var sayings: [String] = []
    /// What is read already: questions that begin alike are read from where they differ.
    private let cache: KVCache
    private var read: [TokenID] = []

    init(cortex: Cortex, chat: ChatReading, found: [String: [Int]]? = nil) {
        self.found = found
        inner = cortex.inner
        self.chat = chat
        cache = inner.makeCache(capacity: min(inner.config.contextLength, 8_192))
        endOfText = Set(inner.config.endOfText)
    }

    func tell(_ say: String) { sayings.append(say) }

    private func message(_ ask: String) -> String {
        let before = found?[ask].map {
            $0.compactMap { sayings.indices.contains($0) ? sayings[$0] : nil }
        }
        let told = before ?? (found == nil ? sayings : [])
        return told.isEmpty ? ask : told.joined(separator: "\n") + "\n" + ask
    }

    /// Behind what the tokenizer puts before a text, as every prompt is read.
    private func prompt(_ ask: String, lead: String) throws -> [TokenID] {
        let tokens = try chat.question(message(ask), lead: lead).tokens
        let prefix = chat.tokenizer.sequencePrefix
        return tokens.starts(with: prefix) ? tokens : prefix + tokens
    }

    func figure(_ ask: String, lead: String, answer: String) throws -> AnswerFigure? {
        let tokens = chat.answer(answer)
        let prompt = try prompt(ask, lead: lead)
        let all = prompt + tokens.dropLast()
        guard let first = tokens.first, all.count < cache.capacity else { return nil }
        let rows = logits(of: all, last: tokens.count)
        var figure = AnswerFigure(probability: 1)
        var probabilities = [Float](repeating: 0, count: inner.config.vocabularySize)
        for (index, token) in tokens.enumerated() {
            let row = rows.span.extracting(
                index * probabilities.count..<(index + 1) * probabilities.count)
            var out = probabilities.mutableSpan
            _ = VectorKernels.softmax(row, into: &out)
            figure.probability *= Double(probabilities[token.index])
            if index == 0 {
                figure.isFirst = probabilities.allSatisfy { $0 <= probabilities[first.index] }
            }
        }
        return figure
    }

    func answer(_ ask: String, tokens count: Int) throws -> String? {
        var all = try prompt(ask, lead: "")
        let start = all.count
        guard all.count + count < cache.capacity else { return nil }
        for _ in 0..<count {
            let row = logits(of: all, last: 1)
            var best: [Int32] = []
            TopK.indices(of: row.span, count: 1, into: &best)
            guard let token = best.first.map(TokenID.init(rawValue:)), !endOfText.contains(token)
            else { break }
            all.append(token)
        }
        return chat.tokenizer.decode(Array(all[start...]))
    }

    /// z0 behind each of the last tokens, shape [last, vocabulary].
    private func logits(of tokens: [TokenID], last: Int) -> [Float] {
        let common = zip(read, tokens).prefix { $0 == $1 }.count
        let start = min(common, tokens.count - last)
        cache.truncate(to: start)
        var hidden: [Float] = []
        inner.forward(tokens[start...], cache: cache, hidden: &hidden)
        read = tokens
        var logits: [Float] = []
        inner.unembed(
            Array(hidden.suffix(last * inner.config.hiddenSize)), count: last, logits: &logits)
        return logits
    }
}
