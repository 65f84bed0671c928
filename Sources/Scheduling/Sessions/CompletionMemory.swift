import Engrams
import ModelFormats

/// The answers that were given lately, so that a verdict can name one. In memory alone and bounded:
/// who asks for feedback on an answer that is gone is told so. What a verdict taught does not
/// depend on this memory: the journal has the tokens then.
struct CompletionMemory: Sendable {
    /// One answer as its reader saw it.
    struct Answer: Sendable, Equatable {
        var prompt: [TokenID]
        var answer: [TokenID]
    }

    private struct Completion: Sendable {
        var session: SessionID
        var answers: [Int: Answer] = [:]
        var tokens = 0
        var lastUse: UInt64 = 0
    }

    let completionLimit: Int
    let tokenLimit: Int
    private(set) var tokenCount = 0
    private var completions: [CompletionID: Completion] = [:]
    private var clock: UInt64 = 0

    /// - Parameters:
    ///   - completionLimit, tokenLimit: of the whole server. The completions that were longest not
    ///     used go first, one that is larger than the limit at once.
    init(completionLimit: Int, tokenLimit: Int) {
        self.completionLimit = completionLimit
        self.tokenLimit = tokenLimit
    }

    var count: Int { completions.count }

    /// Adds the answers to one prompt of a completion.
    /// - Parameter firstChoice: the index of the first of them among the completion's choices.
    /// - Complexity: O(n) for each completion that goes.
    mutating func remember(
        _ id: CompletionID, of session: SessionID, prompt: [TokenID], answers: [[TokenID]],
        firstChoice: Int
    ) {
        var completion = completions[id] ?? Completion(session: session)
        // Two sessions with one id: only a client that makes ids up can bring it about.
        guard completion.session == session else { return }
        for (index, answer) in answers.enumerated() {
            completion.answers[firstChoice + index] = Answer(prompt: prompt, answer: answer)
        }
        // The answers share their prompt's storage.
        let tokens = answers.reduce(prompt.count) { $0 + $1.count }
        completion.tokens += tokens
        tokenCount += tokens
        clock += 1
        completion.lastUse = clock
        completions[id] = completion
        while tokenCount > tokenLimit || completions.count > completionLimit,
            let oldest = completions.min(by: { $0.value.lastUse < $1.value.lastUse })
        {
            forget(oldest.key)
        }
    }

    /// An answer that was given in this session, marked as used now; nil when there is none, or it
    /// is another session's, or it has been dropped.
    mutating func use(_ id: AnswerID, of session: SessionID) -> Answer? {
        guard let completion = completions[id.completion], completion.session == session,
            let answer = completion.answers[id.choice]
        else { return nil }
        clock += 1
        completions[id.completion]?.lastUse = clock
        return answer
    }

    /// Drops all that was answered in a session.
    mutating func forget(_ session: SessionID) {
        for (id, completion) in completions where completion.session == session { forget(id) }
    }

    /// Drops all that was answered to a user.
    mutating func forget(_ user: UserID) {
        for (id, completion) in completions where completion.session.user == user { forget(id) }
    }

    /// Drops what was answered in a session where one of a completion's answers is such.
    mutating func forget(_ session: SessionID, where isSuch: (Answer) -> Bool) {
        for (id, completion) in completions
        where completion.session == session && completion.answers.values.contains(where: isSuch) {
            forget(id)
        }
    }

    private mutating func forget(_ id: CompletionID) {
        guard let completion = completions.removeValue(forKey: id) else { return }
        tokenCount -= completion.tokens
    }
}
