import Engrams
import Foundation
import ModelFormats
public import OuterCortex

/// Measures what learning a user's text is worth: streams the first part of a text into a fresh
/// engram as a client would, in pieces, then scores the held-back end without learning, and other
/// text with the engram loaded.
public struct PersonalizationEvaluation: Sendable {
    /// One user's figures, bits per byte and percent of the frozen core's bits.
    public struct Row: Sendable, Codable {
        public var user: String
        public var bytes: Int
        /// Frozen bits per byte of the stream and of the held-back end.
        public var frozenStream: Double
        public var frozenNext: Double
        /// Gain while streaming (prequential) and in the next session without learning, percent.
        public var streamGain: Double
        public var nextGain: Double
        /// Rise on the other users' held-back ends and on generic text with the engram loaded,
        /// percent; below 0 is a gain.
        public var othersRise: Double
        public var genericRise: Double
        /// Size of the consolidated engram's file.
        public var engramBytes: Int
    }

    /// Mean over users of each percentage, weighted equally.
    public struct Mean: Sendable, Codable {
        public var streamGain: Double
        public var nextGain: Double
        public var othersRise: Double
        public var genericRise: Double
    }

    public let cortex: Cortex
    /// Bytes of a streamed piece; pieces end at line breaks where there are any.
    public var pieceBytes = 2048
    /// Share of a text that is streamed.
    public var streamedShare = 0.8

    public init(cortex: Cortex) { self.cortex = cortex }

    /// Evaluates each user on their own.
    /// - Parameters:
    ///   - users: name and text of each.
    ///   - generic: text of no user.
    ///   - progress: called after each user.
    public func run(
        users: [(name: String, text: String)], generic: String, progress: (Row) -> Void
    ) throws -> [Row] {
        let parts = users.map { TextPieces.part($0.text, share: streamedShare) }
        return try users.indices.map { index in
            let others = parts.indices.filter { $0 != index }.map { parts[$0].second }
            let row = try evaluate(
                name: users[index].name, stream: parts[index].first, next: parts[index].second,
                others: others, generic: generic)
            progress(row)
            return row
        }
    }

    public static func mean(of rows: [Row]) -> Mean {
        func mean(_ value: (Row) -> Double) -> Double {
            rows.isEmpty ? 0 : rows.reduce(0) { $0 + value($1) } / Double(rows.count)
        }
        return Mean(
            streamGain: mean(\.streamGain), nextGain: mean(\.nextGain),
            othersRise: mean(\.othersRise), genericRise: mean(\.genericRise))
    }

    private func evaluate(
        name: String, stream: String, next: String, others: [String], generic: String
    ) throws -> Row {
        var engram = cortex.emptyEngram()
        var (frozen, adapted, bytes) = (0.0, 0.0, 0)
        for piece in TextPieces.split(stream, bytes: pieceBytes) {
            let task = cortex.startObserving(tokens(piece), from: engram)
            while !task.advance() {}
            try engram.commit(task.result.proposal, within: cortex.zone)
            frozen += task.result.bits.frozen
            adapted += task.result.bits.adapted
            bytes += task.result.bytes
        }
        let saved = engram.consolidated(within: cortex.zone)
        let held = score([next], with: saved)
        let foreign = score(others, with: saved)
        let common = score([generic], with: saved)
        return Row(
            user: name, bytes: stream.utf8.count + next.utf8.count,
            frozenStream: frozen / Double(max(1, bytes)), frozenNext: held.frozenPerByte,
            streamGain: 100 * (1 - adapted / max(frozen, 1e-9)), nextGain: -held.risePercent,
            othersRise: foreign.risePercent, genericRise: common.risePercent,
            engramBytes: try saved.serialized(as: .checkpoint).count)
    }

    private struct Total {
        var (frozen, adapted, bytes) = (0.0, 0.0, 0)
        var frozenPerByte: Double { frozen / Double(max(1, bytes)) }
        var risePercent: Double { frozen > 0 ? 100 * (adapted / frozen - 1) : 0 }
    }

    private func score(_ texts: [String], with engram: Engram) -> Total {
        texts.reduce(into: Total()) { total, text in
            let task = cortex.startScoring(tokens(text), with: engram)
            while !task.advance() {}
            total.frozen += task.result.bits.frozen
            total.adapted += task.result.bits.adapted
            total.bytes += task.result.bytes
        }
    }

    private func tokens(_ text: String) -> [TokenID] {
        cortex.tokenizer.encode(text, parsingSpecialTokens: false)
    }
}

/// Cuts a text into pieces for streaming.
public enum TextPieces {
    /// - Returns: Consecutive pieces of at most `bytes` bytes that end at line breaks; a longer
    ///   line is a piece of its own. Joined they are the text.
    public static func split(_ text: String, bytes: Int) -> [String] {
        var pieces: [String] = []
        var current = ""
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            let next = line + "\n"
            if !current.isEmpty, current.utf8.count + next.utf8.count > bytes {
                pieces.append(current)
                current = ""
            }
            current += next
        }
        // The last line had no line break after it.
        if current.last == "\n" { current.removeLast() }
        if !current.isEmpty { pieces.append(current) }
        return pieces
    }

    /// A text's beginning and end, cut at the last line break before `share` of its bytes.
    public static func part(_ text: String, share: Double) -> (first: String, second: String) {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let target = Int(Double(text.utf8.count) * share)
        var (count, length) = (0, 0)
        while count < lines.count, length + lines[count].utf8.count + 1 <= target {
            length += lines[count].utf8.count + 1
            count += 1
        }
        return (
            lines[..<count].joined(separator: "\n") + "\n", lines[count...].joined(separator: "\n")
        )
    }
}
