import EngramStorage
import Engrams
import Foundation
import Kernels
import ModelFormats
import OuterCortex

@testable import Scheduling

/// Something that a user does, as a value: the same can be done to two servers.
enum Deed: Sendable {
    case observe(SessionID, text: String, reward: Float?)
    case completion(SessionID, text: String)
    case feedback(SessionID, id: String, prompt: String, answers: [String], rewards: [Double])
    case importFile(SessionID, [UInt8])
    case merge(SessionID, MergeRequest)
    case reset(SessionID, ResetTarget)
    case restore(SessionID, CheckpointID)
    case checkpoint(SessionID)
    case delete(CheckpointID)
    case discard(SessionID)
    /// A session that had been discarded is made anew.
    case create(SessionID)

    var isForgettable: Bool {
        switch self {
        case .observe, .completion, .feedback, .importFile, .merge, .reset: true
        case .restore, .checkpoint, .delete, .discard, .create: false
        }
    }

    /// What must not be found on the disk once it is forgotten.
    var texts: [String] {
        switch self {
        case .observe(_, let text, _), .completion(_, let text): [text]
        case .feedback(_, _, let prompt, let answers, _): [prompt] + answers
        case .importFile, .merge, .reset, .restore, .checkpoint, .delete, .discard, .create: []
        }
    }
}

extension Scheduler {
    @SchedulerActor
    private func remember(
        _ name: CompletionID, of id: SessionID, _ prompt: String, _ answers: [String]
    ) {
        let tokenizer = engine.cortex.tokenizer
        host.answers.remember(
            name, of: id, prompt: tokenizer.encode(prompt),
            answers: answers.map { tokenizer.encode($0) }, firstChoice: 0)
    }

    /// - Returns: The event that it became; nil for what is none.
    func perform(_ deed: Deed) async throws -> (SessionID, EventID)? {
        let id: SessionID
        switch deed {
        case .observe(let session, let text, let reward):
            id = session
            _ = try await observe(id, ObserveRequest(content: .text(text), reward: reward))
        case .completion(let session, let text):
            id = session
            let resident = try await resident(id)
            let tokens = engine.cortex.tokenizer.encode(text).map(\.rawValue)
            let taught = TaughtText(tokens: tokens, isCompletion: true)
            let learned = try await engine.learn(taught, on: resident.engram, for: id)
            var change = SessionChange(
                .text(taught), engram: learned.engram, base: resident.record.base)
            change.learnedTokens = learned.learnedTokens
            _ = try await journal.commit(change, to: resident)
        case .feedback(let session, let answer, let prompt, let answers, let rewards):
            id = session
            await remember(CompletionID(rawValue: answer), of: id, prompt, answers)
            try await feedback(id, answer, rewards)
        case .importFile(let session, let file):
            id = session
            _ = try await importDelta(id, file: file, ifMatch: nil)
        case .merge(let session, let request):
            id = session
            _ = try await merge(id, request)
        case .reset(let session, let target):
            id = session
            _ = try await reset(id, to: target, ifMatch: nil)
        case .restore(let session, let checkpoint):
            id = session
            _ = try await restore(id, checkpoint: checkpoint, ifMatch: nil)
        case .checkpoint(let session):
            id = session
            _ = try await checkpoint(id, name: nil, ifMatch: nil)
        case .delete(let checkpoint):
            try await deleteCheckpoint(session(of: alice.user), checkpoint: checkpoint)
            return nil
        case .discard(let session):
            try await discard(session, ifMatch: nil)
            return nil
        case .create(let session):
            _ = try await createSession(CreateSession(user: session.user, name: session.name))
            return nil
        }
        let sequence = try await resident(id).record.sequence
        let event = try await store.events(of: id, after: sequence - 1, limit: 1)[0]
        return (id, event.id)
    }

    /// Any of a user's sessions: `default` would be made where it has been discarded.
    private func session(of user: UserID) async throws -> SessionID {
        try await store.sessions(of: user, after: nil, limit: 1)[0].id
    }
}

/// A seeded history of one to three sessions of a user.
struct RandomHistory {
    private var generator: SeededGenerator
    /// Whether sessions are discarded and made anew now and then.
    private let isDiscarding: Bool
    private let all: [SessionID]
    /// Those that are there now.
    private(set) var sessions: [SessionID]
    let length: Int
    private(set) var made: [CheckpointID] = []
    private var textCount = 0

    init(seed: UInt64, isDiscarding: Bool) {
        self.isDiscarding = isDiscarding
        generator = SeededGenerator(seed: seed)
        let names = ["default", "work", "play"]
        let count = Int.random(in: 1...3, using: &generator)
        all = names[..<count].map { SessionID("alice/\($0)")! }
        sessions = all
        length = Int.random(in: 5...40, using: &generator)
    }

    mutating func pick(below limit: Int) -> Int { Int.random(in: 0..<limit, using: &generator) }

    /// A text of words that no other text has.
    private mutating func text() -> String {
        textCount += 1
        let letters = (0..<12).map { _ in
            "abcdefghijklmnopqrstuvwxyz".randomElement(using: &generator)!
        }
        return "\(String(letters[..<6])) \(String(letters[6...]))\(textCount)"
    }

    mutating func next(file: (inout SeededGenerator) -> [UInt8]) -> Deed {
        if isDiscarding, pick(below: 8) == 0, let deed = discardOrCreate() { return deed }
        let id = sessions.randomElement(using: &generator)!
        let checkpoint = made.randomElement(using: &generator)
        switch pick(below: 20) {
        case 0..<7:
            let reward = [nil, nil, -0.5, 0.25].randomElement(using: &generator)!
            return .observe(id, text: text(), reward: reward.map { Float($0) })
        case 7: return .completion(id, text: text())
        case 8..<11:
            let count = [1, 1, 1, 2].randomElement(using: &generator)!
            return .feedback(
                id, id: "cmpl-\(textCount)", prompt: text(),
                answers: (0..<count).map { _ in text() },
                rewards: (0..<count).map { _ in Double.random(in: -1...1, using: &generator) })
        case 11: return .importFile(id, file(&generator))
        case 12:
            var terms: [MergeRequest.Term] = []
            for _ in 0..<(1 + pick(below: 2)) {
                let other = sessions.randomElement(using: &generator)!.name
                let source: MergeRequest.Term.Source =
                    checkpoint.map { pick(below: 2) == 0 ? .checkpoint($0) : .session(other) }
                    ?? .session(other)
                terms.append(
                    .init(
                        source, scale: Float.random(in: 0.25...1, using: &generator),
                        scope: pick(below: 2) == 0 ? .total : .delta))
            }
            return .merge(
                id, MergeRequest(terms: terms, mode: pick(below: 2) == 0 ? .replace : .add))
        case 13:
            let target = checkpoint.map { ResetTarget.checkpoint($0) } ?? .head
            return .reset(id, [.head, .frozen, target].randomElement(using: &generator)!)
        case 14: return checkpoint.map { .restore(id, $0) } ?? .checkpoint(id)
        case 15: return checkpoint.map { .delete($0) } ?? .checkpoint(id)
        default: return .checkpoint(id)
        }
    }

    /// Nil for who has but one session.
    private mutating func discardOrCreate() -> Deed? {
        let gone = all.filter { !sessions.contains($0) }
        if let id = gone.randomElement(using: &generator), pick(below: 2) == 0 {
            sessions = all.filter { $0 == id || sessions.contains($0) }
            return .create(id)
        }
        guard sessions.count > 1, let id = sessions.randomElement(using: &generator) else {
            return nil
        }
        sessions.removeAll { $0 == id }
        return .discard(id)
    }

    mutating func note(_ checkpoint: CheckpointID) { made.append(checkpoint) }
}
