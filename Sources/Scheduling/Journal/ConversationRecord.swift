import EngramStorage
import Engrams
import ModelFormats

/// What an event that learned from a conversation keeps beside its tokens: who said which of them,
/// and what was learned.
struct ConversationRecord: Sendable, Equatable, Codable {
    /// A stretch of the tokens, all of one message's content.
    struct Part: Sendable, Equatable, Codable {
        var message: Int
        var role: String
        var start: Int
        var end: Int
        var isLearned: Bool

        var range: Range<Int> { start..<end }
    }

    /// Ascending and disjoint.
    var parts: [Part]

    static let assistant = "assistant"
    static let user = "user"

    /// - Parameters:
    ///   - mode: whose messages are learned.
    ///   - onlyNew: of these, only what came after the model's last message. Clients send the whole
    ///     conversation each time: what was said before was learned then.
    init(_ chat: EncodedChat, learning mode: LearnMode, onlyNew: Bool) {
        parts = chat.spans.compactMap { span in
            guard case .content(let message, let role) = span.source else { return nil }
            return Part(
                message: message, role: role, start: span.range.lowerBound,
                end: span.range.upperBound, isLearned: false)
        }
        let lastOwn = parts.last { $0.role == Self.assistant }?.message
        for index in parts.indices {
            let part = parts[index]
            let isNew = !onlyNew || part.role != Self.assistant && part.message > lastOwn ?? -1
            parts[index].isLearned = isNew && mode.takes(role: part.role)
        }
    }

    /// Adds the model's answer, which goes on behind all else.
    mutating func addAnswer(_ count: Int, behind prompt: Int, isLearned: Bool) {
        let message = (parts.last?.message ?? -1) + 1
        parts.append(
            Part(
                message: message, role: Self.assistant, start: prompt, end: prompt + count,
                isLearned: isLearned))
    }

    /// What is learned, as ranges of the tokens.
    var learned: [Range<Int>] { parts.filter(\.isLearned).map(\.range).filter { !$0.isEmpty } }

    /// What of it the user said and is learned, which alone is remembered as sayings: as ranges of
    /// the tokens.
    var said: [Range<Int>] {
        parts.filter { $0.isLearned && $0.role == Self.user }.map(\.range).filter { !$0.isEmpty }
    }

    /// Each of the user's messages, as a range of the tokens.
    var asked: [Range<Int>] {
        var ranges: [Range<Int>] = []
        var newest: Int?
        for part in parts where part.role == Self.user && !part.range.isEmpty {
            if part.message == newest, let first = ranges.popLast() {
                ranges.append(first.lowerBound..<part.end)
            } else {
                ranges.append(part.range)
            }
            newest = part.message
        }
        return ranges
    }

    /// Whether it speaks of so many tokens at most, and in order: a journal is read from a disk.
    func fits(_ count: Int) -> Bool {
        var end = 0
        for part in parts {
            guard part.start >= end, part.end >= part.start, part.end <= count else { return false }
            end = part.end
        }
        return true
    }
}

extension LearnMode {
    /// Whether a message of that role is learned.
    fileprivate func takes(role: String) -> Bool {
        switch self {
        case .user: role == ConversationRecord.user
        case .prompt: role != ConversationRecord.assistant
        case .completion: role == ConversationRecord.assistant
        case .both: true
        case .none: false
        }
    }

    /// Whether the model's own answer is learned.
    var takesAnswer: Bool { self == .completion || self == .both }

    /// Whether what was asked is learned.
    var takesPrompt: Bool { self == .user || self == .prompt || self == .both }
}
