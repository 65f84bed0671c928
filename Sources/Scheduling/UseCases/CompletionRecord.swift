import EngramStorage
import Engrams
import Foundation
import InnerCortex
import ModelFormats
import Synchronization

/// What a completion that learned is given again from: its answers, as they were sent.
struct CompletionRecord: Sendable, Codable, RepeatableAnswer {
    struct Choice: Sendable, Codable {
        var number: Int
        var text = ""
        var logprobs: [AnswerToken] = []
        var reason = FinishReason.length
    }

    /// What its answers were called.
    var completion: AnswerID?
    var choices: [Choice]
    var summary: CompletionSummary
    var replayed = false

    var revision: Revision {
        get { summary.revisionAfter }
        set { summary.revisionAfter = newValue }
    }

    /// The events of the first time; each answer is one piece.
    var events: [CompletionEvent] {
        var summary = summary
        summary.replayed = replayed
        return [.repeated(completion?.completion)]
            + choices.flatMap { choice in
                [
                    .piece(
                        CompletionPiece(
                            choice: choice.number, text: choice.text,
                            logprobs: choice.logprobs)),
                    .choiceFinished(choice: choice.number, reason: choice.reason),
                ]
            } + [.finished(summary)]
    }

    var stream: AsyncThrowingStream<CompletionEvent, any Error> {
        AsyncThrowingStream { continuation in
            for event in events { continuation.yield(event) }
            continuation.finish()
        }
    }
}

/// Takes down what is sent of a completion, from whichever thread sends it.
final class CompletionTranscript: Sendable {
    private let choices = Mutex<[Int: CompletionRecord.Choice]>([:])

    func note(_ piece: CompletionPiece) {
        choices.withLock { all in
            var choice = all.removeValue(forKey: piece.choice) ?? .init(number: piece.choice)
            choice.text += piece.text
            choice.logprobs += piece.logprobs
            all[piece.choice] = choice
        }
    }

    func note(_ reason: FinishReason, of choice: Int) {
        choices.withLock { $0[choice, default: .init(number: choice)].reason = reason }
    }

    var whole: [CompletionRecord.Choice] {
        choices.withLock { $0.values.sorted { $0.number < $1.number } }
    }
}

extension CompletionRecord {
    /// Of all that makes another request of it.
    static func hash(of request: CompleteRequest) -> String {
        let sampling = request.sampling
        var parts = [
            "\(request.maxTokens)", "\(sampling.temperature.bitPattern)", "\(sampling.topK)",
            "\(sampling.topP.bitPattern)", "\(sampling.minP.bitPattern)",
            "\(sampling.repetitionPenalty.bitPattern)",
            request.seed.map { "\($0)" } ?? "",
            request.parsesSpecialTokens.map { "\($0)" } ?? "", request.mode.rawValue,
            request.learn?.rawValue ?? "",
            request.topLogprobs.map { "\($0)" } ?? "", "\(request.count)",
        ]
        switch request.prompt {
        case .text(let text): parts += ["text", text]
        case .tokens(let tokens): parts += ["tokens"] + tokens.map(\.description)
        case .conversation(let conversation): parts += ["conversation", conversation.key]
        }
        // Only where they say something: requests of before they were there keep their hashes.
        if sampling.frequencyPenalty != 0 || sampling.presencePenalty != 0
            || !sampling.logitBias.isEmpty
        {
            let biases = sampling.logitBias.sorted { $0.key.index < $1.key.index }
            parts += ["\(sampling.frequencyPenalty)", "\(sampling.presencePenalty)"]
            parts += ["biases"] + biases.map { "\($0.key.index) \($0.value)" }
        }
        if let format = request.format { parts += ["format", format.key] }
        parts += request.stop
        return ContentDigest.of(
            Array(parts.map { "\($0.utf8.count):\($0)" }.joined(separator: ",").utf8))
    }
}
