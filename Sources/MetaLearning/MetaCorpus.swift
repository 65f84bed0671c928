import Foundation
import InnerCortex
import Kernels
import ModelFormats
public import OuterCortex
import Synchronization

/// The texts that a rule is meta-learned on, as the frozen core read them: read once, then
/// observed and scored under many rules.
public struct MetaCorpus: Sendable {
    /// One user: what they stream, and what comes after it.
    struct User: Sendable {
        var name: String
        /// In pieces as a client would send them, each a context of its own.
        var stream: [RecordedText]
        /// The held-back end: in short and in long contexts, and in pieces.
        var shortNext: [RecordedText]
        var longNext: [RecordedText]
        var nextPieces: [RecordedText]
    }

    let users: [User]
    /// Contexts of text that is no user's, short and long.
    let genericShort: [RecordedText]
    let genericLong: [RecordedText]

    /// How texts are cut.
    public struct Options: Sendable, Codable, Equatable {
        public var pieceBytes = 2048
        public var streamedShare = 0.8
        /// Tokens of a short and of a long context of text that is not learned.
        public var shortContext = 255
        public var longContext = 1023
        /// Generic contexts of either length, taken evenly over the text.
        public var genericContexts = 48
        public var threads = 2
        public init() {}
    }

    /// Reads every text once.
    /// - Parameters:
    ///   - users: name and text of each.
    ///   - generic: text of no user.
    ///   - progress: called after each user, from any thread, with the number done.
    /// - Complexity: One forward pass of all texts, three of the held-back ends.
    public init(
        cortex: Cortex, users: [(name: String, text: String)], generic: String, options: Options,
        progress: @escaping @Sendable (Int) -> Void
    ) throws {
        let longContext = min(options.longContext, cortex.inner.config.contextLength - 1)
        let done = Counter()
        let names = users.map(\.name)
        let texts = users.map(\.text)
        self.users = try parallelMap(users.count, threads: options.threads) { index in
            let parts = TextPieces.part(texts[index], share: options.streamedShare)
            let user = User(
                name: names[index],
                stream: Self.pieces(parts.first, cortex, options.pieceBytes),
                shortNext: Self.contexts(parts.second, cortex, options.shortContext),
                longNext: Self.contexts(parts.second, cortex, longContext),
                nextPieces: Self.pieces(parts.second, cortex, options.pieceBytes))
            progress(done.increment())
            return user
        }
        genericShort = Self.evenly(
            Self.tokenContexts(generic, cortex, options.shortContext), options.genericContexts
        ).map { cortex.record($0) }
        genericLong = Self.evenly(
            Self.tokenContexts(generic, cortex, longContext), options.genericContexts / 4
        ).map { cortex.record($0) }
    }

    private static func pieces(_ text: String, _ cortex: Cortex, _ bytes: Int) -> [RecordedText] {
        TextPieces.split(text, bytes: bytes).map {
            cortex.record(cortex.tokenizer.encode($0))
        }
    }

    private static func contexts(
        _ text: String, _ cortex: Cortex, _ length: Int
    ) -> [RecordedText] {
        tokenContexts(text, cortex, length).map { cortex.record($0) }
    }

    private static func tokenContexts(
        _ text: String, _ cortex: Cortex, _ length: Int
    ) -> [[TokenID]] {
        let tokens = cortex.tokenizer.encode(text)
        return stride(from: 0, to: tokens.count, by: length).map {
            Array(tokens[$0..<min(tokens.count, $0 + length)])
        }
    }

    private static func evenly<Item>(_ items: [Item], _ count: Int) -> [Item] {
        guard items.count > count, count > 0 else { return items }
        return (0..<count).map { items[$0 * items.count / count] }
    }
}

/// A count that several threads share.
final class Counter: Sendable {
    private let value = Mutex(0)

    /// - Returns: The count with this one in it.
    func increment() -> Int {
        value.withLock { value in
            value += 1
            return value
        }
    }
}
