import Foundation

/// A kind of file that is no text, told by its first bytes.
struct BinaryKind: Equatable {
    /// With its article: "a PDF document".
    let name: String
    /// A command that writes the file's text to stdout, `@` standing for the file; nil: it has
    /// none, or none that we know of.
    let converter: String?

    private init(_ name: String, _ converter: String? = nil) {
        self.name = name
        self.converter = converter
    }

    /// Some binary format, nobody knows which.
    static let unknown = BinaryKind("binary data")

    /// What begins with these bytes; nil: no binary format that is known here.
    /// - Parameter path: its ending tells the kinds apart that are all ZIP archives.
    init?(of bytes: [UInt8], path: String) {
        if bytes.starts(with: "PK\u{3}\u{4}".utf8) {
            self = Self.archive(path)
        } else if Self.isSafetensors(bytes) {
            self.init("an engram, or another file of tensors; `hebb import` takes engrams")
        } else if bytes.count > 262, bytes[257..<262].elementsEqual("ustar".utf8) {
            self.init("a tar archive", "tar xOf @")
        } else if let known = Self.known.first(where: { bytes.starts(with: $0.magic) }) {
            self = known.kind
        } else {
            return nil
        }
    }

    private static let known: [(magic: [UInt8], kind: BinaryKind)] = [
        (Array("%PDF-".utf8), BinaryKind("a PDF document", "pdftotext @ -")),
        (Array("%!PS".utf8), BinaryKind("a PostScript document", "ps2ascii @")),
        (Array("{\\rtf".utf8), BinaryKind("an RTF document", "pandoc -f rtf -t plain @")),
        ([0xD0, 0xCF, 0x11, 0xE0], BinaryKind("an old Office document", "catdoc @")),
        ([0x1F, 0x8B], BinaryKind("compressed (gzip)", "gunzip -c @")),
        (Array("BZh".utf8), BinaryKind("compressed (bzip2)", "bunzip2 -c @")),
        ([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0], BinaryKind("compressed (xz)", "xz -dc @")),
        ([0x28, 0xB5, 0x2F, 0xFD], BinaryKind("compressed (zstd)", "zstd -dc @")),
        ([0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C], BinaryKind("a 7z archive", "7z x -so @")),
        ([0x89, 0x50, 0x4E, 0x47], BinaryKind("a PNG image")),
        ([0xFF, 0xD8, 0xFF], BinaryKind("a JPEG image")),
        (Array("GIF8".utf8), BinaryKind("a GIF image")),
        (Array("RIFF".utf8), BinaryKind("an image, sound or film (RIFF)")),
        (Array("OggS".utf8), BinaryKind("sound or film (Ogg)")),
        (Array("ID3".utf8), BinaryKind("sound (MP3)")),
        ([0x7F, 0x45, 0x4C, 0x46], BinaryKind("a program (ELF)")),
        (Array("SQLite format 3".utf8), BinaryKind("an SQLite database")),
        (Array("GGUF".utf8), BinaryKind("a model (GGUF)")),
    ]

    private static func archive(_ path: String) -> BinaryKind {
        switch URL(fileURLWithPath: path).pathExtension.lowercased() {
        case "docx": BinaryKind("a Word document", "pandoc -f docx -t plain @")
        case "odt": BinaryKind("an OpenDocument text", "pandoc -f odt -t plain @")
        case "epub": BinaryKind("an EPUB book", "pandoc -f epub -t plain @")
        case "xlsx", "ods": BinaryKind("a spreadsheet")
        case "pptx", "odp": BinaryKind("a presentation")
        default: BinaryKind("a ZIP archive", "unzip -p @")
        }
    }

    /// The length of a header, 8 bytes, little end first; then the header, an object in JSON.
    private static func isSafetensors(_ bytes: [UInt8]) -> Bool {
        bytes.count > 9 && bytes[4..<8].allSatisfy { $0 == 0 }
            && bytes[8] == UInt8(ascii: "{") && bytes[9] == UInt8(ascii: "\"")
    }

    /// Whether bytes that are not UTF-8 look like no text in another encoding either: of random
    /// bytes a tenth are control characters, of a text hardly any.
    static func looksBinary(_ bytes: [UInt8]) -> Bool {
        let sample = bytes.prefix(1 << 16)
        let controls = sample.count { $0 < 0x20 && !(0x08...0x0D).contains($0) && $0 != 0x1B }
        return controls * 50 > sample.count
    }

    /// What to do to get at its text, in a sentence of its own; nil: nothing that is known.
    /// - Parameter pipe: the command that can read the text from stdin, as `hebb observe -`.
    func advice(path: String, pipe: String?) -> String? {
        guard let converter else { return nil }
        let file = path == "-" ? "FILE" : Self.quoted(path)
        let command = converter.replacingOccurrences(of: "@", with: file)
        return "to get at its text: \(command)" + (pipe.map { " | \($0)" } ?? "")
    }

    /// As one word of a shell.
    private static func quoted(_ path: String) -> String {
        let safe = path.utf8.allSatisfy {
            SessionAddress.isUnreserved($0) || $0 == UInt8(ascii: "/")
        }
        return safe && !path.hasPrefix("-")
            ? path : "'" + path.replacingOccurrences(of: "'", with: "'\\''") + "'"
    }
}
