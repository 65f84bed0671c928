import EngramStorage
import Engrams
import Foundation
import ModelFormats
import OuterCortex

/// How well some texts are predicted, of the frozen core and of an engram.
public struct TextMeasurement: Sendable, Equatable, Codable {
    public var tokens: Int
    /// UTF-8 bytes.
    public var bytes: Int
    public var bitsPerByte: BitsPerByte
    public init(tokens: Int, bytes: Int, bitsPerByte: BitsPerByte) {
        self.tokens = tokens
        self.bytes = bytes
        self.bitsPerByte = bitsPerByte
    }
}

extension Scheduler {
    /// How much of a session's newest text one of its engrams is measured on, tokens.
    static let measuredTokensMaximum = 4096

    /// The newest texts that a session learned from, oldest first; the first one is cut at its start
    /// to keep the bound. Empty where the journal keeps no text.
    ///
    /// - Parameter limit: how many tokens together.
    /// - Complexity: Reads the journal backwards, 64 events at a time.
    func ownTexts(of id: SessionID, limit: Int) async throws -> [[TokenID]] {
        guard let record = try await store.session(id) else { return [] }
        var newestFirst: [[TokenID]] = []
        var room = limit
        var end = record.sequence
        while end > 0, room > 0 {
            let start = max(0, end - 64)
            let events = try await store.events(of: id, after: start, limit: end - start)
            for event in events.reversed() where [.observe, .completion].contains(event.kind) {
                guard room > 0, !event.tokens.isEmpty,
                    // A core that was served before may have had more tokens.
                    event.tokens.allSatisfy({ 0..<Int32(model.vocabularySize) ~= $0 })
                else { continue }
                newestFirst.append(event.tokens.suffix(room).map { TokenID(rawValue: $0) })
                room -= min(room, event.tokens.count)
            }
            end = start
        }
        return newestFirst.reversed()
    }

    /// Measures texts, each from a context of its own; never learns.
    /// - Returns: nil for no text.
    func measure(
        _ engram: Engram, on texts: [[TokenID]], for id: SessionID
    ) async throws -> TextMeasurement? {
        var (tokens, bytes) = (0, 0)
        var bits = TextBits(frozen: 0, adapted: 0)
        for text in texts {
            let memory = cortex.contextBytes(tokens: text.count, with: engram)
            let scoring = try await thread.run(for: id, memory: memory) { [cortex] in
                cortex.startScoring(text, with: engram)
            } output: {
                $0.result
            }
            tokens += scoring.tokens
            bytes += scoring.bytes
            bits.frozen += scoring.bits.frozen
            bits.adapted += scoring.bits.adapted
        }
        guard tokens > 0 else { return nil }
        return TextMeasurement(
            tokens: tokens, bytes: bytes, bitsPerByte: BitsPerByte(bits, bytes: bytes))
    }
}
