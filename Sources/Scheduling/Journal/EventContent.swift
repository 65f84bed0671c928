import EngramStorage
import Engrams
import Foundation
import ModelFormats
import OuterCortex

/// What an event does to its session, with all that doing it again takes.
enum EventContent: Sendable, Equatable {
    case text(TaughtText)
    case feedback(TaughtVerdicts)
    /// Another engram takes the total's place; the file is nil where it was not kept.
    case `import`(file: [UInt8]?)
    case merge(MergeRecord)
    /// - Parameters:
    ///   - to: what the session's delta stands on afterwards; nil: the frozen core.
    ///   - superseded: the head that the session's next checkpoint is to replace.
    case reset(to: CheckpointID?, superseded: CheckpointID?)
    case restore(to: CheckpointID?)
    case checkpoint(to: CheckpointID?)
    /// Nothing: the history that it left behind has been without the forgotten event since.
    case forget

    var kind: EventKind {
        switch self {
        case .text(let text): text.isCompletion ? .completion : .observe
        case .feedback: .feedback
        case .import: .import
        case .merge: .merge
        case .reset: .reset
        case .restore: .restore
        case .checkpoint: .checkpoint
        case .forget: .forget
        }
    }

    /// What was learned, as tokens; empty for what learns no text.
    var tokens: [Int32] {
        switch self {
        case .text(let text): text.tokens
        case .feedback(let verdicts): verdicts.tokens
        case .import, .merge, .reset, .restore, .checkpoint, .forget: []
        }
    }

    /// The checkpoint that the session went to.
    var target: CheckpointID? {
        switch self {
        case .reset(let target, _), .restore(let target), .checkpoint(let target): target
        case .text, .feedback, .import, .merge, .forget: nil
        }
    }

    /// Whether the session's delta is empty afterwards.
    var startsDelta: Bool {
        switch self {
        case .reset, .restore, .checkpoint: true
        case .text, .feedback, .import, .merge, .forget: false
        }
    }

    /// Whether the session's total comes from nothing that it had.
    var replacesTotal: Bool {
        switch self {
        case .import: true
        case .merge(let record): record.mode == .replace
        case .text, .feedback, .reset, .restore, .checkpoint, .forget: false
        }
    }

    /// Whether another engram takes the session's place than the one that verdicts were about and
    /// measurements were made of.
    var replacesEngram: Bool {
        switch self {
        case .import, .merge, .reset, .restore: true
        case .text, .feedback, .checkpoint, .forget: false
        }
    }
}

/// A text, or a conversation, that is learned.
struct TaughtText: Sendable, Equatable {
    var tokens: [Int32]
    /// Whether the model was to answer it; else it was shown.
    var isCompletion = false
    /// The third factor, in -1...1; nil: plain learning.
    var reward: Float?
    /// Whose the tokens are, and which of them are learned; nil: a text, of which all are.
    var conversation: ConversationRecord?

    /// What of it the user said, which alone is remembered as sayings; nil: all. A text that was
    /// completed is no telling, and its end may be the model's own.
    var said: [Range<Int>]? { conversation?.said ?? (isCompletion ? [] : nil) }
}

/// Verdicts on answers that are learned.
struct TaughtVerdicts: Sendable, Equatable {
    var record: FeedbackRecord
    /// Those of each answer's prompt, then the answer's, one answer after the other.
    var tokens: [Int32]

    /// Nil when the tokens are not those that the record speaks of.
    var judged: [JudgedAnswer]? { record.judged(tokens) }
}

// MARK: - As the journal keeps it

extension EventContent {
    /// - Throws: `.corrupt` for a record that speaks of something else than it has.
    init(_ event: EventRecord) throws(StorageError) {
        switch event.kind {
        case .observe, .completion:
            var text = TaughtText(
                tokens: event.tokens, isCompletion: event.kind == .completion,
                reward: event.reward)
            if event.payload != nil {
                let conversation = try ConversationRecord(payload: event.payload)
                guard conversation.fits(event.tokens.count) else { throw .corrupt(code: 0) }
                text.conversation = conversation
            }
            self = .text(text)
        case .feedback:
            self = .feedback(
                TaughtVerdicts(
                    record: try FeedbackRecord(payload: event.payload), tokens: event.tokens))
        case .import: self = .import(file: event.engram)
        case .merge: self = .merge(try MergeRecord(payload: event.payload))
        case .reset: self = .reset(to: event.target, superseded: event.superseded)
        case .restore: self = .restore(to: event.target)
        case .checkpoint: self = .checkpoint(to: event.target)
        case .forget: self = .forget
        }
    }

    /// What is kept beside tokens and engrams.
    func payload() throws -> [UInt8]? {
        switch self {
        case .text(let text): try text.conversation?.payload()
        case .feedback(let verdicts): try verdicts.record.payload()
        case .merge(let record): try record.payload()
        case .import, .reset, .restore, .checkpoint, .forget: nil
        }
    }
}

/// What the journal keeps of an event of some kinds, as JSON.
protocol JournalPayload: Codable {}

extension FeedbackRecord: JournalPayload {}
extension MergeRecord: JournalPayload {}
extension ConversationRecord: JournalPayload {}

extension JournalPayload {
    init(payload: [UInt8]?) throws(StorageError) {
        guard let payload, let record = try? JSONDecoder().decode(Self.self, from: Data(payload))
        else { throw .corrupt(code: 0) }
        self = record
    }

    func payload() throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        return Array(try encoder.encode(self))
    }
}
