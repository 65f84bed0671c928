/// Methods of Python's `str` that keep to its definitions of white space, lines and letters' case.
extension JinjaText {
    /// `str.strip`, `lstrip` and `rstrip`.
    ///
    /// - Parameter characters: a set of characters; nil means white space.
    func stripped(_ characters: JinjaText?, left: Bool = true, right: Bool = true) -> JinjaText {
        let set = characters.map { Set($0.scalars) }
        func goes(_ scalar: Unicode.Scalar) -> Bool {
            set?.contains(scalar) ?? scalar.isPythonSpace
        }
        var (start, end) = (0, count)
        if left { while start < end, goes(scalars[start]) { start += 1 } }
        if right { while end > start, goes(scalars[end - 1]) { end -= 1 } }
        return self[start..<end]
    }

    /// `str.split` and `str.rsplit` at runs of white space.
    func fields(limit: Int?, fromRight: Bool = false) -> [JinjaText] {
        var ranges: [Range<Int>] = []
        let limit = limit ?? .max
        if fromRight {
            var end = count
            while true {
                while end > 0, scalars[end - 1].isPythonSpace { end -= 1 }
                guard end > 0 else { break }
                var start = ranges.count == limit ? 0 : end
                while start > 0, ranges.count < limit, !scalars[start - 1].isPythonSpace {
                    start -= 1
                }
                ranges.append(start..<end)
                end = start
            }
            return ranges.reversed().map { self[$0] }
        }
        var start = 0
        while true {
            while start < count, scalars[start].isPythonSpace { start += 1 }
            guard start < count else { break }
            var end = ranges.count == limit ? count : start
            while end < count, !scalars[end].isPythonSpace { end += 1 }
            ranges.append(start..<end)
            start = end
        }
        return ranges.map { self[$0] }
    }

    /// `str.split` and `str.rsplit` at `separator`, which is not empty.
    func split(at separator: JinjaText, limit: Int?, fromRight: Bool = false) -> [JinjaText] {
        let limit = limit ?? .max
        guard limit > 0 else { return [self] }
        if fromRight {
            return reversed.split(at: separator.reversed, limit: limit).reversed().map(\.reversed)
        }
        var parts: [JinjaText] = []
        var start = 0
        for place in occurrences(of: separator, limit: limit) {
            parts.append(self[start..<place])
            start = place + separator.count
        }
        return parts + [self[start..<count]]
    }

    /// `str.splitlines`.
    ///
    /// - Parameter limit: after so many lines, the rest is the last one.
    func lines(keepingEnds: Bool = false, limit: Int = .max) -> [JinjaText] {
        var lines: [JinjaText] = []
        var (start, index) = (0, 0)
        while index < count, lines.count < limit {
            guard scalars[index].isPythonLineEnd else {
                index += 1
                continue
            }
            var next = index + 1
            if scalars[index] == "\r", next < count, scalars[next] == "\n" { next += 1 }
            lines.append(self[start..<(keepingEnds ? next : index)])
            (start, index) = (next, next)
        }
        if start < count { lines.append(self[start..<count]) }
        return lines
    }

    var uppercased: JinjaText {
        mapped { $1.append(contentsOf: scalars[$0].properties.uppercaseMapping.unicodeScalars) }
    }

    var lowercased: JinjaText {
        mapped { $1.append(contentsOf: lowercase(at: $0)) }
    }

    /// `str.capitalize`.
    var capitalized: JinjaText {
        mapped { index, out in
            if index == 0 {
                out.append(contentsOf: scalars[0].properties.titlecaseMapping.unicodeScalars)
            } else {
                out.append(contentsOf: lowercase(at: index))
            }
        }
    }

    /// `str.title`: a letter behind something without case is a title's.
    var titlecased: JinjaText {
        mapped { index, out in
            let isInside = index > 0 && scalars[index - 1].properties.isCased
            if isInside {
                out.append(contentsOf: lowercase(at: index))
            } else {
                out.append(contentsOf: scalars[index].properties.titlecaseMapping.unicodeScalars)
            }
        }
    }

    /// Jinja's own `title` filter: the first character behind white space or an opening bracket.
    var titlecasedByJinja: JinjaText {
        func isBreak(_ scalar: Unicode.Scalar) -> Bool {
            scalar.isPythonSpace || "-({[<".unicodeScalars.contains(scalar)
        }
        return mapped { index, out in
            if index == 0 || isBreak(scalars[index - 1]) {
                out.append(contentsOf: scalars[index].properties.uppercaseMapping.unicodeScalars)
            } else {
                out.append(contentsOf: lowercase(at: index))
            }
        }
    }

    var withCaseSwapped: JinjaText {
        mapped { index, out in
            let scalar = scalars[index]
            if scalar.properties.isUppercase {
                out.append(contentsOf: lowercase(at: index))
            } else if scalar.properties.isLowercase {
                out.append(contentsOf: scalar.properties.uppercaseMapping.unicodeScalars)
            } else {
                out.append(scalar)
            }
        }
    }

    /// A sigma at a word's end has a form of its own (Unicode's SpecialCasing, Final_Sigma).
    private func lowercase(at index: Int) -> String.UnicodeScalarView {
        guard scalars[index] == "\u{3a3}" else {
            return scalars[index].properties.lowercaseMapping.unicodeScalars
        }
        let before = scalars[..<index].last { !$0.properties.isCaseIgnorable }
        let after = scalars[(index + 1)...].first { !$0.properties.isCaseIgnorable }
        let isFinal = before?.properties.isCased == true && after?.properties.isCased != true
        return (isFinal ? "\u{3c2}" : "\u{3c3}").unicodeScalars
    }

    /// `str.islower` and `str.isupper`: there are letters, and none is of the other case.
    func isAll(upper: Bool) -> Bool {
        let cased = scalars.filter(\.properties.isCased)
        return !cased.isEmpty
            && cased.allSatisfy { upper ? $0.properties.isUppercase : $0.properties.isLowercase }
    }

    func isAll(_ holds: (Unicode.Scalar) -> Bool) -> Bool {
        !isEmpty && scalars.allSatisfy(holds)
    }
}

extension Unicode.Scalar {
    /// `str.isspace` for one character.
    var isPythonSpace: Bool {
        switch value {
        case 0x09...0x0d, 0x1c...0x20, 0x85, 0xa0, 0x1680, 0x2000...0x200a, 0x2028, 0x2029, 0x202f,
            0x205f, 0x3000:
            true
        default: false
        }
    }

    /// What ends a line for `str.splitlines`.
    var isPythonLineEnd: Bool {
        switch value {
        case 0x0a...0x0d, 0x1c...0x1e, 0x85, 0x2028, 0x2029: true
        default: false
        }
    }

    var isASCIIDigit: Bool { value >= 0x30 && value <= 0x39 }

    /// A letter or a digit of any script, or an underscore: what a name in a template is made of.
    var isPythonWord: Bool {
        self == "_" || properties.isAlphabetic
            || [.decimalNumber, .letterNumber, .otherNumber].contains(properties.generalCategory)
    }
}
