import Foundation

/// An answer of the server's: its JSON, with names for what matters.
public protocol Answer: Sendable {
    var json: JSON { get }
    init(json: JSON)
}

public struct BitsPerByte: Answer {
    public let json: JSON
    public init(json: JSON) { self.json = json }
    public var frozen: Double { json.frozen.double ?? .nan }
    public var adapted: Double { json.adapted.double ?? .nan }
}

/// What learning a text came to; each token was predicted before it was learned.
public struct Observation: Answer {
    public let json: JSON
    public init(json: JSON) { self.json = json }
    public var event: String { json.event.string ?? "" }
    public var tokens: Int { json.tokens.int ?? 0 }
    public var bitsPerByte: BitsPerByte { BitsPerByte(json: json.bits_per_byte) }
    public var revision: Int { json.revision.int ?? 0 }
    /// Whether it is the stored answer of an earlier request with the same key.
    public var replayed: Bool { json.replayed.bool ?? false }
}

public struct Score: Answer {
    public let json: JSON
    public init(json: JSON) { self.json = json }
    public var tokens: Int { json.tokens.int ?? 0 }
    public var bytes: Int { json.bytes.int ?? 0 }
    public var bitsPerByte: BitsPerByte { BitsPerByte(json: json.bits_per_byte) }
}

/// Of text or of chat, whole or a chunk of a stream, whose last one has `plasticity`.
public struct Completion: Answer {
    public struct Choice: Answer {
        public let json: JSON
        public init(json: JSON) { self.json = json }
        public var index: Int { json.index.int ?? 0 }
        public var text: String {
            json.text.string ?? json.message.content.string ?? json.delta.content.string ?? ""
        }
        public var finishReason: String? { json.finish_reason.string }
        /// `adapted` or `frozen`, where both were asked.
        public var mode: String? { json.plasticity_mode.string }
    }

    public let json: JSON
    public init(json: JSON) { self.json = json }
    public var id: String { json.id.string ?? "" }
    public var choices: [Choice] { json.choices.array.map(Choice.init) }
    public var plasticity: JSON { json.plasticity }
}

public struct SessionState: Answer {
    public let json: JSON
    public init(json: JSON) { self.json = json }
    public var id: String { json.id.string ?? "" }
    public var revision: Int { json.revision.int ?? 0 }
    /// The checkpoint that it stands on; nil: the frozen core.
    public var base: String? { json.base.string }
    public var tokensLearned: Int { json.tokens_learned.int ?? 0 }
}

public struct Checkpoint: Answer {
    public let json: JSON
    public init(json: JSON) { self.json = json }
    public var id: String { json.id.string ?? "" }
    public var name: String? { json.name.string }
    public var isHead: Bool { json.is_head.bool ?? false }
    public var tokensLearned: Int { json.tokens_learned.int ?? 0 }
}

/// Something that a session learned from, or that was done with it.
public struct Event: Answer {
    public let json: JSON
    public init(json: JSON) { self.json = json }
    public var id: String { json.id.string ?? "" }
    public var kind: String { json.kind.string ?? "" }
    public var created: String { json.created.string ?? "" }
    /// Whole where it was asked for, else its beginning.
    public var text: String? { json.text.string ?? json.preview.string }
    public var isForgotten: Bool { json.forgotten.bool ?? false }
}

/// Anything else.
public struct Report: Answer {
    public let json: JSON
    public init(json: JSON) { self.json = json }
}

/// A file with what was learned, and what the server says of it.
public struct Export: Sendable {
    public var data: Data
    public var name: String
    public var sha256: String
    public var revision: Int
    public var fidelity: String
    public var ownersWords: String
}
