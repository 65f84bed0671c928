/// Cuts a template into tokens, with Jinja's control of white space as transformers sets it:
/// `trim_blocks` (a tag's line end goes), `lstrip_blocks` (a tag's indentation goes), and no line
/// end at the end of the template.
struct JinjaLexer {
    let source: [Unicode.Scalar]
    var position = 0
    private(set) var line = 1
    private var tokens: [JinjaToken] = []
    /// Whether the last tag took a line end with it, or nothing has come yet.
    private var isAtLineStart = true

    private init(_ source: [Unicode.Scalar]) {
        self.source = source
    }

    static func tokens(of template: String) throws(ChatTemplateError) -> [JinjaToken] {
        var source: [Unicode.Scalar] = []
        source.reserveCapacity(template.unicodeScalars.count)
        for scalar in template.unicodeScalars {
            // One line end whatever was written: "\r\n" has its "\r" taken out.
            if scalar == "\n", source.last == "\r" { source.removeLast() }
            if source.last == "\r" { source[source.count - 1] = "\n" }
            source.append(scalar)
        }
        if source.last == "\r" { source[source.count - 1] = "\n" }
        if source.last == "\n" { source.removeLast() }
        var lexer = JinjaLexer(source)
        try lexer.run()
        return lexer.tokens
    }

    // MARK: Text and tags

    private mutating func run() throws(ChatTemplateError) {
        while let open = nextOpening(from: position) {
            let mark = source[open + 1]
            let isRaw = mark == "%" ? rawBegin(at: open) : nil
            var inside = open + 2
            let sign = self.sign(at: inside)
            if sign != nil { inside += 1 }
            addText(upTo: open, sign: sign, isVariable: mark == "{")
            advance(to: isRaw ?? inside)
            if let isRaw {
                isAtLineStart = source[isRaw - 1] == "\n"
                try raw()
            } else if mark == "#" {
                try comment()
            } else {
                add(mark == "{" ? .variableBegin : .blockBegin)
                try tag(isVariable: mark == "{")
            }
        }
        if position < source.count { add(.data(JinjaText(scalars: Array(source[position...])))) }
        advance(to: source.count)
        add(.end)
    }

    mutating func add(_ kind: JinjaToken.Kind) {
        tokens.append(JinjaToken(kind: kind, line: line))
    }

    mutating func advance(to end: Int) {
        for index in position..<max(position, end) where source[index] == "\n" { line += 1 }
        position = end
    }

    func scalar(_ index: Int) -> Unicode.Scalar? {
        index < source.count ? source[index] : nil
    }

    func sign(at index: Int) -> Unicode.Scalar? {
        guard let sign = scalar(index), sign == "-" || sign == "+" else { return nil }
        return sign
    }

    private func spaceEnd(from start: Int) -> Int {
        var index = start
        while index < source.count, source[index].isPythonSpace { index += 1 }
        return index
    }

    private func follows(_ text: StaticString, at start: Int) -> Bool {
        guard start + text.utf8CodeUnitCount <= source.count else { return false }
        for offset in 0..<text.utf8CodeUnitCount
        where source[start + offset].value != UInt32(text.utf8Start[offset]) { return false }
        return true
    }

    private func nextOpening(from start: Int) -> Int? {
        var index = start
        while index + 1 < source.count {
            if source[index] == "{", ["%", "{", "#"].contains(source[index + 1]) { return index }
            index += 1
        }
        return nil
    }

    /// The text before a tag, less what the tag takes of it.
    private mutating func addText(upTo open: Int, sign: Unicode.Scalar?, isVariable: Bool) {
        var end = open
        if sign == "-" {
            while end > position, source[end - 1].isPythonSpace { end -= 1 }
        } else if sign != "+", !isVariable {
            var start = open
            while start > position, source[start - 1] != "\n" { start -= 1 }
            let isLineStart = start > position || isAtLineStart
            if isLineStart, source[start..<open].allSatisfy(\.isPythonSpace) { end = start }
        }
        if end > position { add(.data(JinjaText(scalars: Array(source[position..<end])))) }
        advance(to: open)
    }

    /// Behind the end of a block, comment or raw block at `end`: white space goes by the sign.
    private mutating func close(at end: Int, sign: Unicode.Scalar?, trims: Bool) {
        var next = end
        if sign == "-" {
            next = spaceEnd(from: end)
        } else if sign == nil, trims, scalar(end) == "\n" {
            next += 1
        }
        isAtLineStart = source[next - 1] == "\n"
        advance(to: next)
    }

    private mutating func comment() throws(ChatTemplateError) {
        var index = position
        while index < source.count, !follows("#}", at: index) { index += 1 }
        guard index < source.count else {
            throw ChatTemplateError(.syntax, "Missing end of comment tag", line: line)
        }
        let sign = index > position ? self.sign(at: index - 1) : nil
        close(at: index + 2, sign: sign, trims: true)
    }

    // MARK: Raw blocks

    /// Where the content of a raw block begins that is opened at `open`; nil if none is.
    private func rawBegin(at open: Int) -> Int? {
        guard let (end, sign) = keyword("raw", at: open) else { return nil }
        return sign == "-" ? spaceEnd(from: end) : sign == nil ? end : nil
    }

    /// Where the tag ends that has nothing but `word` in it, and the sign at its end.
    private func keyword(_ word: StaticString, at open: Int) -> (end: Int, Unicode.Scalar?)? {
        var index = open + 2
        if sign(at: index) != nil { index += 1 }
        index = spaceEnd(from: index)
        guard follows(word, at: index) else { return nil }
        index = spaceEnd(from: index + word.utf8CodeUnitCount)
        let sign = self.sign(at: index)
        if sign != nil { index += 1 }
        return follows("%}", at: index) ? (index + 2, sign) : nil
    }

    private mutating func raw() throws(ChatTemplateError) {
        var index = position
        while index < source.count {
            if follows("{%", at: index), let (end, endSign) = keyword("endraw", at: index) {
                addText(upTo: index, sign: sign(at: index + 2), isVariable: false)
                close(at: end, sign: endSign, trims: true)
                return
            }
            index += 1
        }
        throw ChatTemplateError(.syntax, "Missing end of raw directive", line: line)
    }

    // MARK: Inside tags

    private mutating func tag(isVariable: Bool) throws(ChatTemplateError) {
        var open: [Unicode.Scalar] = []
        while position < source.count {
            if open.isEmpty {
                var sign = sign(at: position)
                if isVariable, sign == "+" { sign = nil }
                let end = position + (sign == nil ? 0 : 1)
                if follows(isVariable ? "}}" : "%}", at: end) {
                    add(isVariable ? .variableEnd : .blockEnd)
                    close(at: end + 2, sign: sign, trims: !isVariable)
                    return
                }
            }
            let scalar = source[position]
            if scalar.isPythonSpace {
                advance(to: spaceEnd(from: position))
            } else if scalar.isASCIIDigit {
                try number()
            } else if scalar.isPythonWord {
                try name()
            } else if scalar == "'" || scalar == "\"" {
                try string(quote: scalar)
            } else {
                try symbol(&open)
            }
        }
    }

    private mutating func name() throws(ChatTemplateError) {
        let start = position
        while let scalar = scalar(position), scalar.isPythonWord { position += 1 }
        guard position - start <= 1_000 else {
            throw ChatTemplateError(.limit, "a name of \(position - start) characters", line: line)
        }
        add(.name(JinjaText(scalars: Array(source[start..<position])).string))
    }

    private mutating func symbol(_ open: inout [Unicode.Scalar]) throws(ChatTemplateError) {
        let long: [StaticString] = ["//", "**", "==", "!=", ">=", "<="]
        if let symbol = long.first(where: { follows($0, at: position) }) {
            add(.symbol(symbol.description))
            position += 2
            return
        }
        let scalar = source[position]
        switch scalar {
        case "(": open.append(")")
        case "[": open.append("]")
        case "{": open.append("}")
        case ")", "]", "}":
            guard let expected = open.popLast() else {
                throw ChatTemplateError(.syntax, "unexpected '\(scalar)'", line: line)
            }
            guard expected == scalar else {
                throw ChatTemplateError(
                    .syntax, "unexpected '\(scalar)', expected '\(expected)'", line: line)
            }
        case "+", "-", "/", "*", "%", "~", ">", "<", "=", ".", ":", "|", ",", ";": break
        default:
            throw ChatTemplateError(
                .syntax, "unexpected character \(ModelFormats.quoted(String(scalar)))", line: line)
        }
        add(.symbol(String(scalar)))
        position += 1
    }
}
