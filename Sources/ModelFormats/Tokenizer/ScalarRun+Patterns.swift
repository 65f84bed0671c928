/// The patterns of `SplitPattern`. Each function tries the alternatives in the regex's order.
extension ScalarRun {
    func gpt2End(_ start: Int, _ end: Int) -> Int {
        if let stop = contractionEnd(start, end, ignoringCase: false) { return stop }
        let body = has(.blank, at: start, before: end) ? start + 1 : start
        if has(.letter, at: body, before: end) {
            return endOfRun(.letter, from: body, before: end)
        }
        if has(.number, at: body, before: end) {
            return endOfRun(.number, from: body, before: end)
        }
        if isOther(at: body, before: end) { return othersEnd(body, end) }
        return spacesEnd(start, end)
    }

    func llama3End(_ start: Int, _ end: Int, digitsAPiece: Int, letters: ScalarClass) -> Int {
        if let stop = contractionEnd(start, end, ignoringCase: true) { return stop }
        let mayLead = !has([.newline, .letter, .number], at: start, before: end)
        let word = mayLead ? start + 1 : start
        for body in [word, start] where has(letters, at: body, before: end) {
            return endOfRun(letters, from: body, before: end)
        }
        if has(.number, at: start, before: end) {
            return endOfRun(.number, from: start, before: min(end, start + digitsAPiece))
        }
        let body = has(.blank, at: start, before: end) ? start + 1 : start
        let others = letters.union([.number, .space])
        if body < end, classes[body].isDisjoint(with: others) {
            return endOfRun(.newline, from: endOfRunWithout(others, body, end), before: end)
        }
        return linesEnd(start, end)
    }

    func casedEnd(_ start: Int, _ end: Int, digitsAPiece: Int, keepsContractions: Bool) -> Int {
        let mayLead = !has([.newline, .letter, .number], at: start, before: end)
        let bodies = mayLead ? [start + 1, start] : [start]
        for find in [lowerWordEnd, upperWordEnd] {
            for body in bodies {
                guard let stop = find(body, end) else { continue }
                guard keepsContractions else { return stop }
                return contractionEnd(stop, end, ignoringCase: true) ?? stop
            }
        }
        if has(.number, at: start, before: end) {
            return endOfRun(.number, from: start, before: min(end, start + digitsAPiece))
        }
        let body = has(.blank, at: start, before: end) ? start + 1 : start
        if isOther(at: body, before: end) {
            return endOfRun([.newline, .slash], from: othersEnd(body, end), before: end)
        }
        return linesEnd(start, end)
    }

    /// nil where only the pieces of earlier stages are: numbers, control characters.
    func deepSeek3End(_ start: Int, _ end: Int) -> Int? {
        let marked: ScalarClass = [.punctuation, .symbol]
        func isASCIILetter(_ index: Int) -> Bool {
            index < end && classes[index].isSuperset(of: [.letter, .visibleASCII])
        }
        if has(.visibleASCII, at: start, before: end), has(marked, at: start, before: end),
            isASCIILetter(start + 1)
        {
            var stop = start + 1
            while isASCIILetter(stop) { stop += 1 }
            return stop
        }
        let word: ScalarClass = [.letter, .mark]
        let mayLead = !has(marked.union([.newline, .letter]), at: start, before: end)
        for body in mayLead ? [start + 1, start] : [start]
        where has(word, at: body, before: end) {
            return endOfRun(word, from: body, before: end)
        }
        let body = has(.blank, at: start, before: end) ? start + 1 : start
        if has(marked, at: body, before: end) {
            return endOfRun(.newline, from: endOfRun(marked, from: body, before: end), before: end)
        }
        return has(.space, at: start, before: end) ? linesEnd(start, end) : nil
    }

    /// "▁": U+2581.
    func isMark(at index: Int) -> Bool {
        bytes[starts[index]..<starts[index + 1]].elementsEqual(SpellingStyle.space)
    }

    /// U*L+: capitals, then small letters; letters without case and marks are both.
    private func lowerWordEnd(_ start: Int, _ end: Int) -> Int? {
        let upperEnd = endOfRunWithout(.lower, start, end, among: [.letter, .mark])
        if has(.lower, at: upperEnd, before: end) {
            return endOfRunWithout(.upper, upperEnd, end, among: [.letter, .mark])
        }
        // U* gives back what L+ needs: from the last one that is no capital on.
        return (start..<upperEnd).last { classes[$0].isDisjoint(with: .upper) }.map { $0 + 1 }
    }

    /// U+L*, of which L* is empty wherever U*L+ has not matched.
    private func upperWordEnd(_ start: Int, _ end: Int) -> Int? {
        let stop = endOfRunWithout(.lower, start, end, among: [.letter, .mark])
        return stop > start ? stop : nil
    }

    private func othersEnd(_ start: Int, _ end: Int) -> Int {
        endOfRunWithout([.letter, .number, .space], start, end)
    }

    /// Behind the longest run from `start` on of what has nothing of `unwanted`.
    private func endOfRunWithout(_ unwanted: ScalarClass, _ start: Int, _ end: Int) -> Int {
        var stop = start
        while stop < end, classes[stop].isDisjoint(with: unwanted) { stop += 1 }
        return stop
    }

    private func endOfRunWithout(
        _ unwanted: ScalarClass, _ start: Int, _ end: Int, among wanted: ScalarClass
    ) -> Int {
        var stop = start
        while has(wanted, at: stop, before: end), classes[stop].isDisjoint(with: unwanted) {
            stop += 1
        }
        return stop
    }

    /// `\s*[\r\n]+|\s+(?!\S)|\s+`: the first ends behind the last line break of the white space.
    private func linesEnd(_ start: Int, _ end: Int) -> Int {
        let stop = endOfRun(.space, from: start, before: end)
        if let last = (start..<stop).last(where: { has(.newline, at: $0, before: stop) }) {
            return last + 1
        }
        return spacesEnd(start, end)
    }

    /// `\s+(?!\S)|\s+`: the whole run at the end of the text; elsewhere all but its last scalar,
    /// unless that is the only one.
    private func spacesEnd(_ start: Int, _ end: Int) -> Int {
        let stop = endOfRun(.space, from: start, before: end)
        return stop == end || stop == start + 1 ? stop : stop - 1
    }

    /// Behind `'s`, `'t`, `'m`, `'d`, `'re`, `'ve` or `'ll`; nil when none of them is here.
    ///
    /// Under Unicode's simple case folding only "s" has a partner outside of ASCII: "ſ", U+017F.
    private func contractionEnd(_ start: Int, _ end: Int, ignoringCase: Bool) -> Int? {
        guard has(.apostrophe, at: start, before: end) else { return nil }
        func letter(_ index: Int) -> UInt8? {
            guard index < end else { return nil }
            let offset = starts[index]
            let byte = bytes[offset]
            guard ignoringCase else { return byte }
            if byte == 0xc5 { return bytes[offset + 1] == 0xbf ? UInt8(ascii: "s") : nil }
            return byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte
        }
        switch (letter(start + 1), letter(start + 2)) {
        case (UInt8(ascii: "s"), _), (UInt8(ascii: "t"), _), (UInt8(ascii: "m"), _),
            (UInt8(ascii: "d"), _):
            return start + 2
        case (UInt8(ascii: "r"), UInt8(ascii: "e")), (UInt8(ascii: "v"), UInt8(ascii: "e")),
            (UInt8(ascii: "l"), UInt8(ascii: "l")):
            return start + 3
        default:
            return nil
        }
    }
}
