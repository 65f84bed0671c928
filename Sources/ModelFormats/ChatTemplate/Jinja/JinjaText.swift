/// A string as a template sees it: code points, and which of them came out of the conversation.
///
/// Python's strings are code points, so lengths, slices and comparisons are too. Every operation
/// carries the spans along, so that after any detour through slices, filters and macros it is
/// known of each character of the output whether the template wrote it. Nothing in the text itself
/// says so: what a user writes cannot forge it.
struct JinjaText: Sendable {
    /// Characters that came out of one string of the conversation.
    struct Span: Sendable, Equatable {
        var range: Range<Int>
        /// Index of the string's source, as whoever made the text counts them.
        var origin: Int
    }

    private(set) var scalars: [Unicode.Scalar]
    /// Ascending, disjoint, none empty; two that touch have different origins.
    private(set) var spans: [Span] = []
    /// Whether it counts as HTML that needs no escaping: what `safe` and `escape` give. What is
    /// added to such a text is escaped; transformers' environment escapes nothing else.
    var isMarkup = false

    init(_ text: String = "") {
        scalars = Array(text.unicodeScalars)
    }

    init(_ text: String, origin: Int) {
        self.init(text)
        mark(0..<scalars.count, origin)
    }

    /// Text of the template's own.
    init(scalars: [Unicode.Scalar]) {
        self.scalars = scalars
    }

    var count: Int { scalars.count }
    var isEmpty: Bool { scalars.isEmpty }

    var string: String {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars)
        return String(view)
    }

    private mutating func mark(_ range: Range<Int>, _ origin: Int) {
        guard !range.isEmpty else { return }
        if let last = spans.last, last.origin == origin, last.range.upperBound == range.lowerBound {
            spans[spans.count - 1].range = last.range.lowerBound..<range.upperBound
        } else {
            spans.append(Span(range: range, origin: origin))
        }
    }

    mutating func append(_ other: JinjaText) {
        let start = scalars.count
        scalars.append(contentsOf: other.scalars)
        for span in other.spans {
            mark(span.range.lowerBound + start..<span.range.upperBound + start, span.origin)
        }
    }

    mutating func append(_ text: String) {
        scalars.append(contentsOf: text.unicodeScalars)
    }

    mutating func append(_ scalar: Unicode.Scalar, origin: Int? = nil) {
        scalars.append(scalar)
        if let origin { mark(scalars.count - 1..<scalars.count, origin) }
    }

    static func + (left: JinjaText, right: JinjaText) -> JinjaText {
        var text = left
        text.append(right)
        return text
    }

    /// As markupsafe does it; up to five characters for one.
    var escaped: JinjaText {
        var text = mapped { index, out in
            switch scalars[index] {
            case "&": out += "&amp;".unicodeScalars
            case "<": out += "&lt;".unicodeScalars
            case ">": out += "&gt;".unicodeScalars
            case "'": out += "&#39;".unicodeScalars
            case "\"": out += "&#34;".unicodeScalars
            case let scalar: out.append(scalar)
            }
        }
        text.isMarkup = true
        return text
    }

    /// - Precondition: `range` is within `0..<count`.
    subscript(range: Range<Int>) -> JinjaText {
        if range == 0..<count { return self }
        var part = JinjaText(scalars: Array(scalars[range]))
        part.isMarkup = isMarkup
        var index = firstSpan(endingAfter: range.lowerBound)
        while index < spans.count, spans[index].range.lowerBound < range.upperBound {
            let span = spans[index].range.clamped(to: range)
            part.mark(
                span.lowerBound - range.lowerBound..<span.upperBound - range.lowerBound,
                spans[index].origin)
            index += 1
        }
        return part
    }

    /// The characters at `indices`, in that order.
    func picking(_ indices: some Sequence<Int>) -> JinjaText {
        var text = JinjaText()
        for index in indices { text.append(scalars[index], origin: origin(at: index)) }
        return text
    }

    /// Index of the first span that ends behind `position`; `spans.count` where none does.
    private func firstSpan(endingAfter position: Int) -> Int {
        var (low, high) = (0, spans.count)
        while low < high {
            let middle = (low + high) / 2
            if spans[middle].range.upperBound > position { high = middle } else { low = middle + 1 }
        }
        return low
    }

    /// Where the character at `index` came from; nil where the template wrote it.
    func origin(at index: Int) -> Int? {
        let span = firstSpan(endingAfter: index)
        guard span < spans.count, spans[span].range.contains(index) else { return nil }
        return spans[span].origin
    }

    /// What `transform` makes of each character, at the character's origin.
    ///
    /// - Parameter transform: gets the character's index, and appends to the scalars.
    func mapped(_ transform: (Int, inout [Unicode.Scalar]) -> Void) -> JinjaText {
        var result = JinjaText()
        result.isMarkup = isMarkup
        result.scalars.reserveCapacity(count)
        var span = 0
        for index in scalars.indices {
            let start = result.scalars.count
            transform(index, &result.scalars)
            while span < spans.count, spans[span].range.upperBound <= index { span += 1 }
            if span < spans.count, spans[span].range.contains(index) {
                result.mark(start..<result.scalars.count, spans[span].origin)
            }
        }
        return result
    }
}

/// By code points; where they came from does not matter.
extension JinjaText: Hashable {
    static func == (left: JinjaText, right: JinjaText) -> Bool { left.scalars == right.scalars }

    static func == (left: JinjaText, right: String) -> Bool {
        left.scalars.elementsEqual(right.unicodeScalars)
    }

    /// Its bytes at once: a scalar at a time is ten times as slow.
    func hash(into hasher: inout Hasher) {
        scalars.withUnsafeBytes { hasher.combine(bytes: $0) }
        hasher.combine(scalars.count)
    }

    static func < (left: JinjaText, right: JinjaText) -> Bool {
        left.scalars.lexicographicallyPrecedes(right.scalars)
    }
}

extension JinjaText {
    /// Where `pattern` begins, from `start` on; without overlaps.
    ///
    /// - Complexity: O(count + pattern.count), whatever is in them (Knuth, Morris, Pratt): both
    ///   may be chosen to make a plain search take their product.
    func occurrences(of pattern: JinjaText, from start: Int = 0, limit: Int = .max) -> [Int] {
        let pattern = pattern.scalars
        guard !pattern.isEmpty, limit > 0, start + pattern.count <= count else { return [] }
        var border = [0]
        border.reserveCapacity(pattern.count)
        for index in pattern.indices.dropFirst() {
            var length = border[index - 1]
            while length > 0, pattern[index] != pattern[length] { length = border[length - 1] }
            border.append(pattern[index] == pattern[length] ? length + 1 : 0)
        }
        var found: [Int] = []
        var matched = 0
        for index in start..<count {
            while matched > 0, scalars[index] != pattern[matched] { matched = border[matched - 1] }
            if scalars[index] == pattern[matched] { matched += 1 }
            if matched == pattern.count {
                found.append(index + 1 - matched)
                if found.count == limit { break }
                matched = 0
            }
        }
        return found
    }

    func contains(_ pattern: JinjaText) -> Bool {
        pattern.isEmpty || !occurrences(of: pattern, limit: 1).isEmpty
    }

    func hasPrefix(_ prefix: JinjaText) -> Bool { scalars.starts(with: prefix.scalars) }

    func hasSuffix(_ suffix: JinjaText) -> Bool {
        suffix.count <= count && scalars[(count - suffix.count)...].elementsEqual(suffix.scalars)
    }

    /// The last place where `pattern` is, overlaps allowed; nil where there is none.
    func lastOccurrence(of pattern: JinjaText) -> Int? {
        let place = reversed.occurrences(of: pattern.reversed, limit: 1).first
        return place.map { count - $0 - pattern.count }
    }

    var reversed: JinjaText { picking(scalars.indices.reversed()) }
}
