import ArgumentParser
import Foundation
import Testing

@testable import hebb

/// A folder that goes away with its owner.
private final class Folder {
    let path = FileManager.default.temporaryDirectory
        .appendingPathComponent("hebb-texts-\(UUID().uuidString)").path

    init() throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    @discardableResult
    func write(_ name: String, _ bytes: some Sequence<UInt8>) throws -> String {
        let file = URL(fileURLWithPath: path).appendingPathComponent(name)
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(bytes).write(to: file)
        return file.path
    }

    func link(_ name: String, to target: String) throws {
        try FileManager.default.createSymbolicLink(
            atPath: path + "/" + name, withDestinationPath: target)
    }
}

struct TextEncodingTests {
    private static let sentence = "Grüße, 漢字 🙂\n"

    private static func utf16(_ text: String, isBigEndian: Bool) -> [UInt8] {
        text.utf16.flatMap { unit in
            let bytes = [UInt8(unit >> 8), UInt8(unit & 0xFF)]
            return isBigEndian ? bytes : bytes.reversed()
        }
    }

    private static func utf32(_ text: String, isBigEndian: Bool) -> [UInt8] {
        text.unicodeScalars.flatMap { scalar in
            let bytes = [24, 16, 8, 0].map { UInt8(scalar.value >> $0 & 0xFF) }
            return isBigEndian ? bytes : bytes.reversed()
        }
    }

    @Test("A byte order mark says how a text is encoded, and is no part of it")
    func marks() throws {
        let text = Self.sentence
        let forms: [[UInt8]] = [
            Array(text.utf8), [0xEF, 0xBB, 0xBF] + text.utf8,
            [0xFF, 0xFE] + Self.utf16(text, isBigEndian: false),
            [0xFE, 0xFF] + Self.utf16(text, isBigEndian: true),
            [0xFF, 0xFE, 0, 0] + Self.utf32(text, isBigEndian: false),
            [0, 0, 0xFE, 0xFF] + Self.utf32(text, isBigEndian: true),
        ]
        for bytes in forms {
            #expect(try TextEncoding.utf8.utf8(bytes) == Array(text.utf8), "\(bytes.prefix(4))")
        }
    }

    @Test("Other encodings are read where they are named, by any of their names")
    func named() throws {
        let latin: [UInt8] = [0x47, 0xFC, 0x80]
        #expect(try TextEncoding.latin1.utf8(latin) == Array("Gü\u{80}".utf8))
        #expect(try TextEncoding.windows1252.utf8(latin) == Array("Gü€".utf8))
        for isBigEndian in [false, true] {
            let encoding: TextEncoding = isBigEndian ? .utf16BigEndian : .utf16LittleEndian
            let bytes = Self.utf16("\u{FEFF}a漢🙂", isBigEndian: isBigEndian)
            #expect(try encoding.utf8(bytes) == Array("a漢🙂".utf8))
        }
        for name in ["UTF-8", "utf8", "Latin-1", "ISO-8859-1", "cp1252", "UTF16LE"] {
            #expect(TextEncoding(argument: name) != nil, "\(name)")
        }
        #expect(TextEncoding(argument: "ebcdic") == nil)
    }

    @Test("What is malformed is named by its place, wherever it stands", arguments: 0..<5)
    func malformed(start: Int) {
        let before = Array(String(repeating: "é\n", count: start).utf8)
        #expect(throws: TextEncoding.Fault.malformed(encoding: "UTF-8", offset: before.count)) {
            try TextEncoding.utf8.utf8(before + [0xE9, 0x20, 0x41])
        }
        // Cut off in the middle of a character.
        #expect(throws: TextEncoding.Fault.malformed(encoding: "UTF-8", offset: before.count)) {
            try TextEncoding.utf8.utf8(before + [0xF0, 0x9F])
        }
        let units = Self.utf16(String(repeating: "🙂", count: start), isBigEndian: false)
        for rest: [UInt8] in [[0x00, 0xD8, 0x41, 0], [0x00, 0xDC], [0x41]] {
            let fault = TextEncoding.Fault.malformed(encoding: "UTF-16", offset: 2 + units.count)
            #expect(throws: fault) { try TextEncoding.utf8.utf8([0xFF, 0xFE] + units + rest) }
        }
    }

    @Test("Zeros are no text, and tell UTF-16 without its mark")
    func zeros() {
        #expect(throws: TextEncoding.Fault.zero(offset: 2, guess: nil)) {
            try TextEncoding.utf8.utf8([0x61, 0x62, 0, 0x63])
        }
        let text = "plain words"
        #expect(throws: TextEncoding.Fault.zero(offset: 1, guess: .utf16LittleEndian)) {
            try TextEncoding.utf8.utf8(Self.utf16(text, isBigEndian: false))
        }
        #expect(throws: TextEncoding.Fault.zero(offset: 0, guess: .utf16BigEndian)) {
            try TextEncoding.utf8.utf8(Self.utf16(text, isBigEndian: true))
        }
    }
}

struct TextDocumentTests {
    private func refusal(_ name: String, _ bytes: [UInt8]) throws -> String {
        let folder = try Folder()
        let path = try folder.write(name, bytes)
        let reading = TextDocument.Reading(pipe: "hebb observe -")
        let error = #expect(throws: ClientError.self) {
            try TextDocument(path: path, as: reading)
        }
        return error?.description ?? ""
    }

    @Test(
        "What is no text is refused by its kind, with a way to make text of it",
        arguments: [
            ("a b.pdf", "%PDF-1.7", "a PDF document", "pdftotext '", "' - | hebb observe -"),
            ("a.docx", "PK\u{3}\u{4}..", "a Word document", "pandoc -f docx", "| hebb observe -"),
            ("a.odt", "PK\u{3}\u{4}..", "an OpenDocument text", "pandoc -f odt", ""),
            ("a.zip", "PK\u{3}\u{4}..", "a ZIP archive", "unzip -p", ""),
            ("a.rtf", "{\\rtf1\\ansi", "an RTF document", "pandoc -f rtf", ""),
            ("a.bz2", "BZh91AY", "compressed (bzip2)", "bunzip2 -c", ""),
            ("a.gif", "GIF89a", "a GIF image", "", ""),
        ])
    func kinds(
        name: String, content: String, kind: String, tool: String, pipe: String
    ) throws {
        let message = try refusal(name, Array(content.utf8))
        for part in ["no text but \(kind)", tool, pipe] where !part.isEmpty {
            #expect(message.contains(part), "\(message)")
        }
        #expect(tool.isEmpty != message.contains("to get at its text"))
    }

    @Test("Formats are told by their first bytes, even those without a zero among them")
    func magic() throws {
        for (bytes, kind) in [
            ([0x1F, 0x8B, 8, 1, 2], "gzip"), ([0x7F, 0x45, 0x4C, 0x46, 2], "a program"),
            ([0x89, 0x50, 0x4E, 0x47, 13], "a PNG image"), ([0xFF, 0xD8, 0xFF, 0xE0], "a JPEG"),
            ([0x40, 1, 0, 0, 0, 0, 0, 0, 0x7B, 0x22, 0x61], "hebb import"),
        ] as [([UInt8], String)] {
            #expect(try refusal("x", bytes).contains(kind), "\(bytes)")
        }
        #expect(
            try refusal("x", [0x61, 0x62, 0, 0x63]).contains("binary data (a zero at byte 2)"))
        // Random bytes, none of them zero.
        var state: UInt32 = 1
        let noise = (0..<4_000).map { _ -> UInt8 in
            state = state &* 1_664_525 &+ 1_013_904_223
            return UInt8(max(1, state >> 24))
        }
        #expect(try refusal("x", noise).contains("no text but binary data"))
    }

    @Test("Text in another encoding says where, and which encoding to try")
    func otherEncoding() throws {
        let message = try refusal("x.txt", Array("one\ntwo caf".utf8) + [0xE9, 0x0A])
        #expect(message.contains("byte 0xE9 at byte 11, line 2"))
        #expect(message.contains("--encoding latin1"))
        let wide = try refusal("x.txt", Array("plain".utf8).flatMap { [$0, 0] })
        #expect(wide.contains("--encoding utf-16le"))
    }

    @Test("Line ends become line feeds, nothing else changes")
    func lineEnds() throws {
        let folder = try Folder()
        for (text, expected) in [
            ("a\r\nb\r\n", "a\nb\n"), ("a\rb", "a\nb"), ("a\n\r\nb", "a\n\nb"),
            ("\r\r\n", "\n\n"), ("a\nb\n", "a\nb\n"), ("a\r", "a\n"),
        ] {
            let document = try TextDocument(path: try folder.write("a", Array(text.utf8)))
            #expect(document.bytes == Array(expected.utf8))
        }
    }

    @Test("An empty text, a byte order mark alone and a folder are refused")
    func nothing() throws {
        #expect(try refusal("x", []).contains("is empty"))
        #expect(try refusal("x", [0xEF, 0xBB, 0xBF]).contains("is empty"))
        let folder = try Folder()
        #expect(throws: ClientError.self) { try TextDocument(path: folder.path) }
    }
}

struct TextFolderTests {
    private func texts(_ folder: Folder, _ arguments: [String] = []) throws -> [String] {
        let options = try TextOptions.parse(arguments)
        return try options.texts(at: [folder.path]).map {
            String($0.name.dropFirst(folder.path.count + 1))
        }
    }

    private func filled() throws -> Folder {
        let folder = try Folder()
        for name in ["b.txt", "a.md", "sub/c.org", "sub/deep/d", "old.md~"] {
            try folder.write(name, name.utf8)
        }
        try folder.write(".git/config", "hidden".utf8)
        try folder.write("sub/.hidden", "hidden".utf8)
        try folder.write("picture.png", [0x89, 0x50, 0x4E, 0x47, 0, 1])
        try folder.write("empty.txt", [])
        return folder
    }

    @Test("A folder stands for the texts under it, in order, and nothing else in it")
    func folder() throws {
        #expect(try texts(filled()) == ["a.md", "b.txt", "sub/c.org", "sub/deep/d"])
    }

    @Test("--include takes what matches one of its patterns, by name or by path")
    func include() throws {
        let folder = try filled()
        #expect(try texts(folder, ["--include", "*.md"]) == ["a.md"])
        #expect(
            try texts(folder, ["--include", "*.md", "--include", "*.org"]) == ["a.md", "sub/c.org"])
        #expect(try texts(folder, ["--include", "sub/*"]) == ["sub/c.org", "sub/deep/d"])
        let error = #expect(throws: ClientError.self) {
            try texts(folder, ["--include", "*.tex"])
        }
        #expect(error == .noText(folder: folder.path, patterns: ["*.tex"]))
    }

    @Test("What was asked for and cannot be read is an error, all of them at once")
    func errors() throws {
        let folder = try filled()
        #expect(throws: ClientError.self) { try texts(folder, ["--include", "*.png"]) }
        // Perhaps a text that matters: not left out without a word.
        try folder.write("latin.txt", Array("caf".utf8) + [0xE9])
        try folder.write("latin2.txt", Array("th".utf8) + [0xE9])
        let error = #expect(throws: ClientError.self) { try texts(folder) }
        let message = error?.description ?? ""
        #expect(message.contains("2 of the files") && message.contains("nothing was done"))
        #expect(message.contains("latin.txt") && message.contains("latin2.txt"))
        #expect(try texts(folder, ["--encoding", "latin1"]).contains("latin.txt"))
    }

    @Test("Links are followed, each file is read once, and a loop of links ends")
    func links() throws {
        let folder = try Folder()
        let elsewhere = try Folder()
        try elsewhere.write("far.txt", "far".utf8)
        try folder.write("near.txt", "near".utf8)
        try folder.write("sub/x.txt", "x".utf8)
        try folder.link("elsewhere", to: elsewhere.path)
        try folder.link("sub/up", to: "..")
        try folder.link("twice.txt", to: "near.txt")
        try folder.link("nothing.txt", to: "not-there")
        #expect(try texts(folder) == ["elsewhere/far.txt", "near.txt", "sub/x.txt"])
    }

    @Test("A corpus takes .txt files alone, unless told otherwise")
    func corpus() throws {
        let folder = try filled()
        let options = try TextOptions.parse([])
        #expect(try options.users(in: folder.path).map(\.name) == ["b"])
        #expect(
            try TextOptions.parse(["--include", "*.md"]).users(in: folder.path).map(\.name)
                == ["a"])
    }
}
