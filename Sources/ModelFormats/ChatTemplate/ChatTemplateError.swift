/// Why a chat template could not be read, or a conversation not be rendered with it.
///
/// Reading fails as `ModelFormatError`, with the file; this is what a caller's messages can meet.
public struct ChatTemplateError: Error, Equatable, Sendable, CustomStringConvertible {
    public enum Kind: Sendable {
        /// The template breaks Jinja's grammar.
        case syntax
        /// The template asks for a statement, filter, test or function that is not there.
        case unsupported
        /// The template uses something that is undefined, a member that a message lacks, say.
        case undefined
        /// An operation does not fit the values that it got.
        case type
        /// The sandbox refuses it.
        case security
        /// The template's own `raise_exception`: these messages do not fit this model.
        case raised
        /// More work, text or depth than `ChatTemplateLimits` allows.
        case limit
    }

    public var kind: Kind
    /// Of the template, from 1; nil where no line is to blame.
    public var line: Int?
    /// One sentence. A raised one is the template's own text.
    public var message: String

    init(_ kind: Kind, _ message: String, line: Int? = nil) {
        self.kind = kind
        self.message = message
        self.line = line
    }

    public var description: String {
        line.map { "the chat template, line \($0): \(message)" } ?? "the chat template: \(message)"
    }

    /// The same, blamed on `line` unless it has one.
    func at(line: Int) -> Self {
        var error = self
        error.line = self.line ?? line
        return error
    }
}
