import Foundation

/// The two streams of a command: results on stdout, progress and remarks on stderr.
enum Terminal {
    static var showsProgress: Bool { isatty(FileHandle.standardError.fileDescriptor) == 1 }
    static var showsResults: Bool { isatty(FileHandle.standardOutput.fileDescriptor) == 1 }

    /// Whether somebody can be asked, and would see the question.
    static var canAsk: Bool {
        isatty(FileHandle.standardInput.fileDescriptor) == 1 && showsProgress
    }

    /// What is typed after a question; nil at the end of input.
    static func answer(to question: String) -> String? {
        remark(question, terminator: "")
        return readLine()
    }

    /// How many characters fit on a line of the terminal that shows progress.
    static var columns: Int {
        var size = winsize()
        let found = ioctl(FileHandle.standardError.fileDescriptor, UInt(TIOCGWINSZ), &size)
        return found == 0 && size.ws_col > 0 ? Int(size.ws_col) : 80
    }

    static func result(_ text: String, terminator: String = "\n") {
        write(text + terminator, to: .standardOutput)
    }

    static func remark(_ text: String, terminator: String = "\n") {
        write(text + terminator, to: .standardError)
    }

    /// Prints a value as one JSON document, keys in snake_case and in alphabetical order.
    static func json(_ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        result(String(decoding: try encoder.encode(value), as: UTF8.self))
    }

    /// A reader that went away is not worth an error: the output had nowhere to go.
    private static func write(_ text: String, to stream: FileHandle) {
        try? stream.write(contentsOf: Data(text.utf8))
    }
}

/// Numbers as people read them.
enum Figure {
    static func bytes(_ count: Int) -> String {
        let units = ["B", "KB", "MB", "GB", "TB"]
        var value = Double(count)
        var unit = 0
        while value >= 1_000, unit < units.count - 1 {
            value /= 1_000
            unit += 1
        }
        return unit == 0 ? "\(count) B" : fixed(value, 1) + " " + units[unit]
    }

    /// With a fixed number of decimals, independent of the locale.
    static func fixed(_ value: Double, _ decimals: Int) -> String {
        String(format: "%.\(decimals)f", value)
    }

    /// How long something takes, as closely as one wants to know it: "40 s", "12 min",
    /// "1 h 12 min", "2 d 3 h".
    static func duration(_ seconds: Double) -> String {
        let seconds = Int(min(max(seconds, 0), 1e12).rounded())
        guard seconds >= 60 else { return "\(seconds) s" }
        let minutes = Int((Double(seconds) / 60).rounded())
        guard minutes >= 60 else { return "\(minutes) min" }
        guard minutes >= 48 * 60 else { return "\(minutes / 60) h \(minutes % 60) min" }
        let hours = Int((Double(minutes) / 60).rounded())
        return "\(hours / 24) d \(hours % 24) h"
    }

    /// 12034 → "12,034".
    static func grouped(_ count: Int) -> String {
        var digits = String(count.magnitude)
        var groups: [String] = []
        while digits.count > 3 {
            groups.insert(String(digits.suffix(3)), at: 0)
            digits.removeLast(3)
        }
        groups.insert(digits, at: 0)
        return (count < 0 ? "-" : "") + groups.joined(separator: ",")
    }

    /// "2.312 → 1.874 bits/byte (-18.9 %)".
    static func bits(_ bits: WireBits) -> String {
        let sign = bits.changePercent > 0 ? "+" : ""
        return "\(fixed(bits.frozen, 3)) → \(fixed(bits.adapted, 3)) bits/byte "
            + "(\(sign)\(fixed(bits.changePercent, 1)) %)"
    }
}
