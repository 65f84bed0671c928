/// One entry of `added_tokens`: a text that becomes a token wherever it stands.
struct AddedToken: Sendable, Equatable {
    let id: TokenID
    let content: String
    /// Left out of a decoded text, and only read from a text that may contain it.
    let isSpecial: Bool
    /// White space before it becomes part of it.
    let stripsLeft: Bool
    /// White space behind it becomes part of it.
    let stripsRight: Bool
    /// Only matched where no word character touches it.
    let isSingleWord: Bool
    /// Looked for in the normalised text instead of the text as written.
    let isNormalized: Bool
}

/// Finds added tokens in a text: leftmost first, the longest of those that begin there.
///
/// A trie over bytes. Complexity of a search: O(text · longest token) at worst, in practice one
/// table look-up a byte.
struct AddedTokenMatcher: Sendable {
    private struct Node: Sendable {
        var children: [UInt8: Int] = [:]
        /// The index in `tokens` of the token that ends here.
        var token: Int?
    }

    private let tokens: [AddedToken]
    private var nodes = [Node()]
    private var beginsToken = [Bool](repeating: false, count: 256)

    /// - Parameter spelling: how a token's content is looked for: as written, or normalised.
    init(_ tokens: [AddedToken], spelling: (String) -> [UInt8]) {
        self.tokens = tokens
        for (index, token) in tokens.enumerated() {
            let bytes = spelling(token.content)
            guard let first = bytes.first else { continue }
            beginsToken[Int(first)] = true
            var node = 0
            for byte in bytes {
                if let child = nodes[node].children[byte] {
                    node = child
                } else {
                    nodes.append(Node())
                    nodes[node].children[byte] = nodes.count - 1
                    node = nodes.count - 1
                }
            }
            nodes[node].token = nodes[node].token ?? index
        }
    }

    /// A stretch of a text: an added token, or text between added tokens.
    struct Segment: Equatable {
        let token: TokenID?
        let range: Range<Int>
    }

    /// Cuts valid UTF-8 at the added tokens.
    ///
    /// - Parameter skippingSpecial: special tokens stay text.
    func segments(of text: [UInt8], skippingSpecial: Bool) -> [Segment] {
        guard nodes.count > 1 else { return [Segment(token: nil, range: 0..<text.count)] }
        var segments: [Segment] = []
        var textStart = 0
        var position = 0
        while position < text.count {
            guard beginsToken[Int(text[position])], let match = longestMatch(in: text, at: position)
            else {
                position += 1
                continue
            }
            var range = position..<match.end
            position = match.end
            let token = tokens[match.token]
            if token.isSpecial && skippingSpecial { continue }
            if token.isSingleWord && Self.touchesWord(range, in: text) { continue }
            if token.stripsLeft {
                // The token before may have taken these spaces already.
                let start = max(textStart, Self.spaceStart(in: text, range.lowerBound))
                range = min(start, range.upperBound)..<range.upperBound
            }
            if token.stripsRight {
                range = range.lowerBound..<Self.spaceEnd(in: text, range.upperBound)
            }
            if textStart < range.lowerBound {
                segments.append(Segment(token: nil, range: textStart..<range.lowerBound))
            }
            segments.append(Segment(token: token.id, range: range))
            textStart = range.upperBound
        }
        if textStart < text.count {
            segments.append(Segment(token: nil, range: textStart..<text.count))
        }
        return segments
    }

    private func longestMatch(in text: [UInt8], at start: Int) -> (token: Int, end: Int)? {
        var node = 0
        var best: (token: Int, end: Int)?
        var position = start
        while position < text.count, let child = nodes[node].children[text[position]] {
            node = child
            position += 1
            if let token = nodes[node].token { best = (token, position) }
        }
        return best
    }

    private static func touchesWord(_ range: Range<Int>, in text: [UInt8]) -> Bool {
        if let (scalar, _) = ValidUTF8.scalar(in: text, before: range.lowerBound),
            scalar.isWordCharacter
        {
            return true
        }
        return range.upperBound < text.count
            && ValidUTF8.scalar(in: text, at: range.upperBound).scalar.isWordCharacter
    }

    private static func spaceStart(in text: [UInt8], _ end: Int) -> Int {
        var start = end
        while let (scalar, length) = ValidUTF8.scalar(in: text, before: start),
            scalar.knownProperties?.isWhitespace == true
        {
            start -= length
        }
        return start
    }

    private static func spaceEnd(in text: [UInt8], _ start: Int) -> Int {
        var end = start
        while end < text.count {
            let (scalar, length) = ValidUTF8.scalar(in: text, at: end)
            guard scalar.knownProperties?.isWhitespace == true else { break }
            end += length
        }
        return end
    }
}

extension Unicode.Scalar {
    /// `\w` of Rust's regex crate: Alphabetic, M, Nd, Pc, Join_Control.
    fileprivate var isWordCharacter: Bool {
        guard let properties = knownProperties else { return false }
        return switch properties.generalCategory {
        case .nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .connectorPunctuation:
            true
        default:
            properties.isAlphabetic || properties.isJoinControl
        }
    }
}
