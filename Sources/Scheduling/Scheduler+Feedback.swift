import EngramStorage
public import Engrams
import Foundation
import ModelFormats
import OuterCortex

/// What a feedback event needs to be done again, beside its tokens: those of each answer's prompt,
/// then the answer's, one answer after the other.
struct FeedbackRecord: Sendable, Equatable, Codable {
    struct Answer: Sendable, Equatable, Codable {
        var promptTokens: Int
        var answerTokens: Int
        var reward: Double
        var advantage: Double
    }

    /// In the order they were learned.
    var answers: [Answer]
    /// The session's streak with this event, and the gain it gave.
    var streak: Int
    var gain: Double

    /// Takes the event's tokens apart; nil when they are not those that the record speaks of.
    func judged(_ tokens: [Int32]) -> [JudgedAnswer]? {
        var judged: [JudgedAnswer] = []
        var rest = tokens[...]
        for answer in answers {
            guard answer.promptTokens >= 0, answer.answerTokens >= 0,
                answer.promptTokens <= rest.count,
                answer.answerTokens <= rest.count - answer.promptTokens
            else { return nil }
            func take(_ count: Int) -> [TokenID] {
                defer { rest = rest.dropFirst(count) }
                return rest.prefix(count).map { TokenID(rawValue: $0) }
            }
            judged.append(
                JudgedAnswer(
                    prompt: take(answer.promptTokens), answer: take(answer.answerTokens),
                    drive: gain * answer.advantage))
        }
        return rest.isEmpty ? judged : nil
    }
}

extension Scheduler {
    /// Learns what somebody thinks of answers given before. The answer is given when the event is
    /// on disk; a request with the same idempotency key as an earlier one gets that one's answer,
    /// also when the completion has been forgotten since.
    ///
    /// Any answer that the session gave can be judged, the frozen core's too: a verdict says what
    /// is a good answer to a prompt, whoever wrote it, and what is learned depends on the tokens
    /// alone. So the two answers of mode `compare` can be judged against each other.
    public func feedback(_ id: SessionID, _ request: FeedbackRequest) async throws
        -> FeedbackResult
    {
        try await serveWriter(of: id) {
            try RequestContext.current.requireLearningQuota()
            try Self.check(request)
            let session = try await resident(id)
            let hash = Self.hash(of: request)
            if let answer = try await earlierAnswer(
                FeedbackResult.self, of: id, key: request.idempotencyKey, hash: hash)
            {
                return answer
            }
            try requireMatch(request.ifMatch, session.revision)
            let answers = try request.verdicts.map { verdict in
                guard let answer = memory.use(verdict.answer, of: id) else {
                    throw ServiceError.completionNotFound(
                        verdict.answer, remembered: configuration.completionsRememberedMaximum)
                }
                return answer
            }
            let rewards = request.verdicts.map(\.reward)
            let streak = FeedbackRule.streak(
                after: session.record.feedbackStreak, rewards: rewards)
            let record = FeedbackRecord(
                answers: zip(answers, zip(rewards, FeedbackRule.advantages(of: rewards))).map {
                    .init(
                        promptTokens: $0.prompt.count, answerTokens: $0.answer.count,
                        reward: $1.0, advantage: $1.1)
                }, streak: streak, gain: FeedbackRule.gain(streak: streak))
            let tokens = answers.flatMap { $0.prompt + $0.answer }.map(\.rawValue)
            let (outcome, engram) = try await learn(
                record, tokens, on: session.engram, for: id, sparing: configuration.journal.spared)

            var change = SessionChange(.feedback, engram: engram, base: session.record.base)
            change.tokens = tokens
            change.learnedTokens = outcome.learnedTokens
            change.feedback = record
            var result = FeedbackResult(
                event: change.event, tokens: outcome.tokens, learnedTokens: outcome.learnedTokens,
                streak: streak, gain: record.gain, revision: session.revision.next,
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
            if request.idempotencyKey != nil {
                change.idempotencyKey = request.idempotencyKey
                change.requestHash = hash
                change.answer = Array(try JSONEncoder().encode(result))
            }
            let learned = try await commit(change, to: session)
            counts.observedTokens += outcome.learnedTokens
            counts.learningEvents += 1
            counts.feedbackEvents += 1
            RequestContext.current.spend(
                tokens: outcome.learnedTokens, learned: outcome.learnedTokens)
            result.revision = await checkpointIfDue(learned).revision
            return result
        }
    }

    /// Learns a feedback event on a copy of an engram. Live learning and recovery both come here.
    /// - Parameter spared: sites that do not learn.
    func learn(
        _ record: FeedbackRecord, _ tokens: [Int32], on engram: Engram, for id: SessionID,
        sparing spared: Set<PlasticSite> = []
    ) async throws -> (FeedbackOutcome, Engram) {
        guard let judged = record.judged(tokens) else { throw StorageError.corrupt(code: 0) }
        // Both answers of a pair may be open at once.
        let longest = judged.map { $0.prompt.count + $0.answer.count }.max() ?? 0
        let memory = 2 * cortex.contextBytes(tokens: longest, with: engram)
        do {
            return try await thread.run(for: id, memory: memory) { [cortex] in
                cortex.startFeedback(judged, from: engram, sparing: spared)
            } output: { [cortex] task in
                let outcome = task.result
                var learned = engram
                try learned.commit(outcome.proposal, within: cortex.zone)
                return (outcome, learned)
            }
        } catch let error as EngramError {
            counts.refusedCommits += 1
            throw error
        }
    }

    /// Keeps the answers of a completion that was asked for by an id.
    func remember(_ completion: Completion, _ answers: [Generation]) async throws {
        guard let name = completion.request.completion else { return }
        var shown: [[TokenID]] = []
        let user = completion.session.id.user
        for answer in answers { shown.append(try await shownTokens(of: answer, for: user)) }
        guard !hasLeft(user) else { return }
        memory.remember(
            name.completion, of: completion.session.id, prompt: completion.prompt, answers: shown,
            firstChoice: name.choice)
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
        try checkIdempotencyKey(request.idempotencyKey)
    }

    private static func hash(of request: FeedbackRequest) -> String {
        let verdicts = request.verdicts.map {
            let name = $0.answer.completion.rawValue
            return "\(name.utf8.count):\(name):\($0.answer.choice):\($0.reward.bitPattern)"
        }
        return ContentDigest.of(Array("feedback:\(verdicts.joined(separator: ","))".utf8))
    }
}
