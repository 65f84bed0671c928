import EngramStorage
import Engrams
import Foundation
import OuterCortex

/// One change of a session, before it is written.
struct SessionChange: Sendable {
    let event = EventID(rawValue: "evt-" + randomName())
    var content: EventContent
    var engram: Engram
    /// What the session's delta stands on afterwards.
    var base: CheckpointID?
    /// Of the content's tokens, those that the learning gate let through.
    var learnedTokens = 0
    /// What the change added to the session's ledger; nil: nothing.
    var ledger: SafetyLedger?
    /// What an audit of `engram` found; nil where there was none.
    var audit: ProbeAudit?
    /// Of a request that may come again.
    var request: RequestMark?
    /// For a repeated request, and for whoever looks at the journal.
    var answer: [UInt8]?
    /// The checkpoint that the event makes.
    var checkpoint: JournalEntry.NewCheckpoint?
    var head: JournalEntry.HeadMove?
    /// What a changed past makes of the session, where it does not follow from the content.
    var rebuilt: RebuiltFigures?

    struct RebuiltFigures: Sendable {
        /// Whether its engram is another one than before.
        var isChanged: Bool
        /// The head that the session's next checkpoint is to replace.
        var superseded: CheckpointID?
        var feedbackStreak: Int
        var tokensSinceCheckpoint: Int
    }

    init(_ content: EventContent, engram: Engram, base: CheckpointID?) {
        self.content = content
        self.engram = engram
        self.base = base
    }

    /// Whether the event is kept with its outcome: a checkpoint that it names may be deleted later,
    /// or its content is not kept, and then the journal alone could not do it again.
    func needsSnapshot(in journal: JournalKind) -> Bool {
        content.startsDelta || [.merge, .forget].contains(content.kind) || journal == .deltas
    }

    /// Whether another engram takes the session's place, so that what is known of it starts over.
    var startsLedger: Bool { content.replacesEngram || rebuilt?.isChanged == true }

    /// A session's record after it, but for what is measured of the engram.
    /// - Parameter time: of the event.
    func record(after before: SessionRecord, at time: Double) -> SessionRecord {
        var record = before
        record.sequence += 1
        if content.startsDelta || content.kind == .forget {
            if case .reset(_, let superseded) = content {
                record.superseded = superseded
            } else {
                record.superseded = rebuilt?.superseded
            }
        } else if content.replacesTotal {
            record.superseded = before.common
        }
        record.base = base
        record.tokensLearned = engram.tokensLearned
        record.tokensSinceCheckpoint =
            content.startsDelta ? 0 : before.tokensSinceCheckpoint + learnedTokens
        record.updated = time
        if case .feedback(let verdicts) = content {
            record.feedbackStreak = verdicts.record.streak
        } else if content.replacesEngram {
            record.feedbackStreak = 0
        }
        if let rebuilt {
            record.feedbackStreak = rebuilt.feedbackStreak
            record.tokensSinceCheckpoint = rebuilt.tokensSinceCheckpoint
        }
        return record
    }

    /// The event as the journal keeps it.
    /// - Parameter record: the session's after it.
    func eventRecord(leavingBehind record: SessionRecord, in journal: JournalKind) throws
        -> EventRecord
    {
        let keepsContent = journal == .text || !content.kind.bringsContent
        var written = EventRecord(
            id: event, session: record.id, sequence: record.sequence, kind: content.kind,
            tokens: keepsContent ? content.tokens : [], tokenCount: learnedTokens,
            target: content.target, idempotencyKey: request?.key, requestHash: request?.hash,
            answer: answer, keepsContent: keepsContent, created: record.updated)
        switch content {
        case .text(let text):
            written.reward = text.reward
            if keepsContent { written.payload = try content.payload() }
        case .import(let file): if keepsContent { written.engram = file }
        case .reset(_, let superseded): written.superseded = superseded
        case .feedback, .merge: written.payload = try content.payload()
        case .restore, .checkpoint, .forget: break
        }
        return written
    }
}

extension SessionRecord {
    /// The head from which its next checkpoint counts what was learned and dropped.
    var common: CheckpointID? { superseded ?? base }
}

/// 96 random bits, hexadecimal.
func randomName() -> String {
    (0..<3).map { _ in
        let word = String(UInt32.random(in: 0...(.max)), radix: 16)
        return String(repeating: "0", count: 8 - word.count) + word
    }.joined()
}
