/// A conversation as text for a model, with what of it came out of the conversation.
///
/// Everything outside of the spans the template wrote itself, control tokens among it. What is
/// inside came from whoever sent the request, whatever it looks like: it must not be parsed for
/// control tokens, and it alone can be learned.
public struct RenderedChat: Sendable, Equatable {
    /// What a piece of the conversation is.
    public enum Source: Sendable, Hashable {
        /// Of a message's `content`, as one text or in parts.
        case content(message: Int, role: String)
        /// Of a message's `reasoning_content` (or `reasoning`, or `thinking`).
        case reasoning(message: Int, role: String)
        /// Of another member of a message: tool calls, names, identifiers.
        case field(message: Int, role: String)
        case tool
        case document
        case variable
    }

    public struct Span: Sendable, Equatable {
        /// UTF-8 bytes of the text, at characters' borders.
        public var range: Range<Int>
        public var source: Source
    }

    public var text: String
    /// Ascending, disjoint, none empty.
    public var spans: [Span]

    init(_ rendered: JinjaText, sources: [Source]) {
        text = rendered.string
        spans = []
        spans.reserveCapacity(rendered.spans.count)
        var (scalar, byte) = (0, 0)
        func byteOffset(of position: Int) -> Int {
            while scalar < position {
                byte += UTF8.width(rendered.scalars[scalar])
                scalar += 1
            }
            return byte
        }
        for span in rendered.spans {
            let start = byteOffset(of: span.range.lowerBound)
            let end = byteOffset(of: span.range.upperBound)
            spans.append(Span(range: start..<end, source: sources[span.origin]))
        }
    }

    /// The bytes of what `message` says in its content, piece by piece.
    public func content(ofMessage message: Int) -> [Range<Int>] {
        spans.compactMap { span in
            if case .content(message, _) = span.source { return span.range }
            return nil
        }
    }
}
