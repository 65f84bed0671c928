import EngramStorage
import Engrams
import Foundation
import ModelFormats
import OuterCortex

/// Learns what somebody thinks of answers.
struct Judging {
    let engine: Engine
    let host: SessionHost
    let journal: Journal
    let checkpoints: Checkpointing
}

@SchedulerActor
extension Judging {
    /// Learns what somebody thinks of answers given before. The answer is given when the event is
    /// on disk; a request with the same idempotency key as an earlier one gets that one's answer,
    /// also when the completion has been forgotten since.
    ///
    /// Any answer that the session gave can be judged, the frozen core's too: a verdict says what
    /// is a good answer to a prompt, whoever wrote it, and what is learned depends on the tokens
    /// alone. So the two answers of mode `compare` can be judged against each other.
    func feedback(_ id: SessionID, _ request: FeedbackRequest) async throws -> FeedbackResult {
        try RequestContext.current.requireLearningQuota()
        try Self.check(request)
        let session = try await host.resident(id)
        let mark = RequestMark(request.idempotencyKey, hash: Self.hash(of: request))
        if let answer = try await journal.earlierAnswer(FeedbackResult.self, to: mark, of: id) {
            return answer
        }
        try session.requireMatch(request.ifMatch)
        let verdicts = try verdicts(of: request, in: session)
        let record = verdicts.record
        let (outcome, engram) = try await engine.learn(
            verdicts, on: session.engram, for: id, sparing: engine.configuration.journal.spared)
        var change = SessionChange(.feedback(verdicts), engram: engram, base: session.record.base)
        change.learnedTokens = outcome.learnedTokens
        var result = FeedbackResult(
            event: change.event, tokens: outcome.tokens, learnedTokens: outcome.learnedTokens,
            streak: record.streak, gain: record.gain, revision: session.revision.next,
            adaptation: outcome.adaptation, answers: [], replayed: false)
        for (index, verdict) in request.verdicts.enumerated() {
            result.answers.append(
                .init(
                    id: verdict.answer, reward: verdict.reward,
                    advantage: record.answers[index].advantage,
                    tokens: record.answers[index].answerTokens,
                    logprobBefore: outcome.likelihoods[index].before,
                    logprobAfter: outcome.likelihoods[index].after))
        }
        if let mark {
            change.request = mark
            change.answer = Array(try JSONEncoder().encode(result))
        }
        let written = try await journal.commit(change, to: session)
        engine.count {
            $0.observedTokens += outcome.learnedTokens
            $0.learningEvents += 1
            $0.feedbackEvents += 1
        }
        RequestContext.current.spend(tokens: outcome.learnedTokens, learned: outcome.learnedTokens)
        result.revision = await checkpoints.checkpointIfDue(written).revision
        return result
    }

    /// The answers that are judged, with what the verdicts on them come to in their order.
    private func verdicts(
        of request: FeedbackRequest, in session: ResidentSession
    ) throws -> TaughtVerdicts {
        let answers = try request.verdicts.map { verdict in
            guard let answer = host.answers.use(verdict.answer, of: session.id) else {
                throw ServiceError.completionNotFound(
                    verdict.answer,
                    remembered: engine.configuration.completionsRememberedMaximum)
            }
            return answer
        }
        let rewards = request.verdicts.map(\.reward)
        let streak = FeedbackRule.streak(after: session.record.feedbackStreak, rewards: rewards)
        let record = FeedbackRecord(
            answers: zip(answers, zip(rewards, FeedbackRule.advantages(of: rewards))).map {
                .init(
                    promptTokens: $0.prompt.count, answerTokens: $0.answer.count, reward: $1.0,
                    advantage: $1.1)
            }, streak: streak, gain: FeedbackRule.gain(streak: streak))
        return TaughtVerdicts(
            record: record, tokens: answers.flatMap { $0.prompt + $0.answer }.map(\.rawValue))
    }

    private static func check(_ request: FeedbackRequest) throws(ServiceError) {
        func require(_ holds: Bool, _ name: String, _ reason: String) throws(ServiceError) {
            if !holds { throw .invalidParameter(name: name, reason: reason) }
        }
        let verdicts = request.verdicts
        let limit = FeedbackRequest.verdictsMaximum
        try require(
            (1...limit).contains(verdicts.count), "completions", "must be of 1 to \(limit)")
        for verdict in verdicts {
            try require((-1...1).contains(verdict.reward), "reward", "must be between -1 and 1")
        }
        try require(
            Set(verdicts.map(\.answer)).count == verdicts.count, "completions",
            "must name each answer once")
        try RequestMark.check(request.idempotencyKey)
    }

    private nonisolated static func hash(of request: FeedbackRequest) -> String {
        let verdicts = request.verdicts.map {
            let name = $0.answer.completion.rawValue
            return "\(name.utf8.count):\(name):\($0.answer.choice):\($0.reward.bitPattern)"
        }
        return ContentDigest.of(Array("feedback:\(verdicts.joined(separator: ","))".utf8))
    }
}
