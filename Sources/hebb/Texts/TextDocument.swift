/// A text that a command works on, whatever it was stored as.
struct TextDocument {
    /// The file's path, or `stdin`.
    let name: String
    /// Valid UTF-8 without a byte order mark, without zeros; lines end with a line feed alone.
    let bytes: [UInt8]

    var text: String { String(decoding: bytes, as: UTF8.self) }

    /// A range that does not cut a character in two.
    func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }

    /// How texts are read.
    struct Reading {
        var encoding = TextEncoding.utf8
        /// The command that takes the same text from stdin, for advice; nil: there is none.
        var pipe: String?
    }

    /// More than this is no text that somebody wrote, and weeks of learning.
    private static let largest = 1 << 30

    /// Reads a file, or stdin when the path is `-`.
    /// - Throws: `ClientError`: it cannot be read, is empty, or is no text in this encoding.
    init(path: String, as reading: Reading = Reading()) throws {
        let name = InputFile.name(of: path)
        let bytes = try InputFile.bytes(at: path, limit: Self.largest) { first in
            if let kind = BinaryKind(of: first, path: path) {
                throw ClientError.notText(
                    name: name, kind: kind.name,
                    advice: kind.advice(path: path, pipe: reading.pipe))
            }
        }
        self.name = name
        do {
            self.bytes = Self.withLineFeeds(try reading.encoding.utf8(bytes))
        } catch {
            throw Self.failure(error, name: name, bytes: bytes)
        }
        // A byte order mark alone.
        guard !self.bytes.isEmpty else { throw ClientError.emptyInput(name: name) }
    }

    private static func failure(
        _ fault: TextEncoding.Fault, name: String, bytes: [UInt8]
    ) -> ClientError {
        switch fault {
        case .zero(_, let guess?):
            return .undecodable(
                name: name, reason: "is no text as it is read: every second byte is zero",
                advice: "if it is UTF-16, give --encoding \(guess.rawValue)")
        case .zero(let offset, nil):
            return .notText(
                name: name, kind: "binary data (a zero at byte \(offset))", advice: nil)
        case .malformed(let encoding, let offset):
            if encoding == "UTF-8", BinaryKind.looksBinary(bytes) {
                return .notText(name: name, kind: BinaryKind.unknown.name, advice: nil)
            }
            let line = bytes[..<offset].count { $0 == UInt8(ascii: "\n") } + 1
            let value = String(bytes[offset], radix: 16, uppercase: true)
            return .undecodable(
                name: name,
                reason: "is not \(encoding): byte 0x\(value.count < 2 ? "0" : "")\(value) at "
                    + "byte \(offset), line \(line)",
                advice: encoding == "UTF-8"
                    ? "if it is Latin-1, give --encoding latin1; if it is of Windows, "
                        + "--encoding windows-1252"
                    : "name the right one with --encoding")
        }
    }

    /// Lines of other systems end with CR LF, or once with CR.
    static func withLineFeeds(_ text: [UInt8]) -> [UInt8] {
        let (carriageReturn, lineFeed) = (UInt8(ascii: "\r"), UInt8(ascii: "\n"))
        guard text.contains(carriageReturn) else { return text }
        var lines: [UInt8] = []
        lines.reserveCapacity(text.count)
        var afterReturn = false
        for byte in text {
            if byte == carriageReturn {
                lines.append(lineFeed)
            } else if byte != lineFeed || !afterReturn {
                lines.append(byte)
            }
            afterReturn = byte == carriageReturn
        }
        return lines
    }
}
