import Foundation
import Testing

@testable import ModelFormats

@Suite("Tar archives") struct TapeArchiveTests {
    private let files = [
        TapeArchive.File(path: "a.txt", bytes: Array("hello".utf8)),
        TapeArchive.File(path: "folder/b", bytes: [UInt8](repeating: 7, count: 512)),
        TapeArchive.File(path: "empty", bytes: []),
    ]

    /// An archive with some bytes of its first header replaced, and the checksum made right.
    private func archive(_ changes: [(Int, [UInt8])], fixing: Bool = true) -> [UInt8] {
        var bytes = TapeArchive.archive(files)
        for (offset, values) in changes {
            bytes.replaceSubrange(offset..<offset + values.count, with: values)
        }
        guard fixing else { return bytes }
        for index in 148..<156 { bytes[index] = 0x20 }
        let sum = bytes[..<512].reduce(0) { $0 + Int($1) }
        let digits = String(sum, radix: 8)
        bytes.replaceSubrange(
            148..<156,
            with: Array((String(repeating: "0", count: 6 - digits.count) + digits).utf8) + [
                0, 0x20,
            ])
        return bytes
    }

    private func refusal(_ bytes: [UInt8]) -> String {
        do {
            _ = try TapeArchive.files(in: bytes, name: "it")
            return ""
        } catch { return error.description }
    }

    @Test("Files come back as they were, and the same files are the same bytes")
    func roundTrip() throws {
        let bytes = TapeArchive.archive(files)
        #expect(bytes.count % 512 == 0 && TapeArchive.isArchive(bytes))
        #expect(try TapeArchive.files(in: bytes, name: "it") == files)
        #expect(TapeArchive.archive(files) == bytes)
        #expect(try TapeArchive.files(in: archive([]), name: "it") == files)
    }

    @Test(
        "Paths that lead elsewhere are refused",
        arguments: [
            "/etc/x", "../x", "a/../../x", "a\nb", "/\u{301}x", "../\u{301}x", "a/../\u{301}x",
            "./\u{301}/../../x",
        ])
    func paths(path: String) {
        let name = Array(path.utf8) + [UInt8](repeating: 0, count: 100 - path.utf8.count)
        #expect(refusal(archive([(0, name)])).contains("leaves the folder"))
    }

    @Test("Attributes are read as far as a tar has any, and refused beyond that")
    func attributes() {
        func archive(_ count: Int) -> [UInt8] {
            var header = TapeArchive.archive([
                TapeArchive.File(path: "x", bytes: [UInt8](repeating: 0x20, count: count))
            ])
            header[156] = UInt8(ascii: "x")
            for index in 148..<156 { header[index] = 0x20 }
            let sum = String(header[..<512].reduce(0) { $0 + Int($1) }, radix: 8)
            let digits = String(repeating: "0", count: 6 - sum.count) + sum
            header.replaceSubrange(148..<156, with: Array(digits.utf8) + [0, 0x20])
            return header
        }
        #expect(refusal(archive(64 << 10)) == "")
        #expect(refusal(archive((64 << 10) + 1)).contains("attributes of 65537 bytes"))
    }

    @Test("Links, devices and sparse files are refused", arguments: ["1", "2", "3", "6", "S", "L"])
    func types(type: String) {
        let reason = refusal(archive([(156, Array(type.utf8))]))
        #expect(reason.contains(type <= "2" ? "link" : "of type"))
    }

    @Test("Damage is refused: sizes, checksums, cut ends, bytes after the end")
    func damage() {
        let whole = TapeArchive.archive(files)
        #expect(refusal(archive([(0, [0x62])], fixing: false)).contains("checksum"))
        #expect(refusal(archive([(124, Array("77777777777\0".utf8))])).contains("cut off"))
        #expect(refusal(archive([(124, Array("0000000008\0\0".utf8))])).contains("size"))
        #expect(
            refusal(archive([(124, [0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5])])).contains("size"))
        for count in stride(from: 512, to: whole.count - 1024, by: 256) {
            #expect(!refusal(Array(whole[..<count])).isEmpty)
        }
        #expect(refusal(whole + [1]).contains("after the archive's end"))
        #expect(refusal(whole + [UInt8](repeating: 1, count: 512)).contains("after"))
        #expect(refusal([]).contains("no end"))
    }

    @Test("A path that is there twice, and more entries than an adapter has, are refused")
    func many() {
        #expect(refusal(TapeArchive.archive([files[0], files[0]])).contains("twice"))
        let crowd = (0..<65).map { TapeArchive.File(path: "f\($0)", bytes: []) }
        #expect(refusal(TapeArchive.archive(crowd)).contains("entries"))
    }

    @Test("What GNU tar and Python's tarfile write is read", arguments: ["gnu", "pax"])
    func others(kind: String) throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        let bytes = Array(
            try Data(contentsOf: folder.appendingPathComponent("Fixtures/adapters/\(kind).tar")))
        let found = try TapeArchive.files(in: bytes, name: "it")
        #expect(found.map(\.path) == ["adapter/adapter_config.json", "adapter/notes.txt"])
        #expect(found.map { String(decoding: $0.bytes, as: UTF8.self) } == ["{}\n", "a note\n"])
    }
}
