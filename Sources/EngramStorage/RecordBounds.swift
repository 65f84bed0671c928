import Engrams

/// What a record's values may be. A store holds what it is given to the same bounds as what it
/// reads, so that it never takes today what it would call damage tomorrow.
public enum RecordBounds {
    /// The largest is 2⁵³. No engram counts as many tokens (their readers stop
    /// at 10¹⁵), and it is far enough from `Int.max` that nothing that is added to it overflows.
    static let numbers = 0...(1 << 53)
    static let streaks = -(1 << 53)...(1 << 53)
    /// From 1970 to the last second of the year 9999, the last one that RFC 3339 can write.
    public static let times = 0...253_402_300_799.0
}

extension JournalEntry {
    /// - Throws: `.unstorable` for a value that would not be given back as it is.
    func requireStorable() throws(StorageError) {
        try event.requireStorable()
        try session.requireStorable()
        try snapshot?.requireStorable()
        try checkpoint?.record.requireStorable()
        try Writing("users").text(head?.new?.rawValue, "head")
    }
}

extension HistoryRewrite {
    func requireStorable() throws(StorageError) {
        for entry in entries { try entry.requireStorable() }
        for checkpoint in checkpoints { try checkpoint.record.requireStorable() }
        for event in events { try Writing("events").number(event.tokenCount, "tokenCount") }
    }
}

extension SessionRecord {
    func requireStorable() throws(StorageError) {
        let writing = Writing("sessions")
        try writing.text(base?.rawValue, "base")
        try writing.text(origin?.rawValue, "origin")
        try writing.text(learn, "learn")
        try writing.number(sequence, "sequence")
        try writing.number(tokensLearned, "tokensLearned")
        try writing.number(tokensSinceCheckpoint, "tokensSinceCheckpoint")
        try writing.number(feedbackStreak, "feedbackStreak", in: RecordBounds.streaks)
        try writing.time(created, "created")
        try writing.time(updated, "updated")
    }
}

extension EventRecord {
    fileprivate func requireStorable() throws(StorageError) {
        let writing = Writing("events")
        try writing.text(id.rawValue, "id")
        try writing.number(sequence, "sequence")
        try writing.number(tokenCount, "tokenCount")
        guard reward?.isFinite ?? true else { throw writing.refusal("reward") }
        try writing.text(target?.rawValue, "target")
        try writing.text(idempotencyKey, "idempotencyKey")
        try writing.text(requestHash, "requestHash")
        try writing.text(forgottenBy?.rawValue, "forgottenBy")
        try writing.time(created, "created")
    }
}

extension SnapshotRecord {
    func requireStorable() throws(StorageError) {
        try Writing("snapshots").number(sequence, "sequence")
    }
}

extension CheckpointRecord {
    fileprivate func requireStorable() throws(StorageError) {
        let writing = Writing("checkpoints")
        try writing.text(id.rawValue, "id")
        try writing.number(sequence ?? 0, "sequence")
        try Self.requireStorable(name: name, note: note)
        try writing.text(parent?.rawValue, "parent")
        try writing.text(base?.rawValue, "base")
        try writing.number(tokensLearned, "tokensLearned")
        try writing.number(byteCount, "byteCount")
        try writing.text(hash, "hash")
        try writing.time(created, "created")
    }

    static func requireStorable(name: String?, note: String?) throws(StorageError) {
        try Writing("checkpoints").text(name, "name")
        try Writing("checkpoints").text(note, "note")
    }
}

/// Values on their way into a table.
struct Writing {
    let table: String

    init(_ table: String) { self.table = table }

    func number(
        _ number: Int, _ column: String, in range: ClosedRange<Int> = RecordBounds.numbers
    ) throws(StorageError) {
        guard range.contains(number) else { throw refusal(column) }
    }

    func time(_ seconds: Double, _ column: String) throws(StorageError) {
        guard RecordBounds.times.contains(seconds) else { throw refusal(column) }
    }

    /// SQLite's texts end at their first NUL.
    func text(_ text: String?, _ column: String) throws(StorageError) {
        guard text?.utf8.contains(0) != true else { throw refusal(column) }
    }

    func refusal(_ column: String) -> StorageError { .unstorable(place: "\(table).\(column)") }
}
