/// Uncompressed tar archives (POSIX ustar): how a folder of a few files travels as one body.
///
/// Reads what `tar cf`, GNU's or BSD's, and Python's `tarfile` write of plain files; names and
/// contents only. Everything else that a tar can hold (links, devices, sparse files, names longer
/// than 255 bytes) is refused, for nothing here is ever unpacked onto a disk by name.
public enum TapeArchive {
    public struct File: Sendable, Equatable {
        /// A relative path without `..`.
        public let path: String
        public let bytes: [UInt8]

        public init(path: String, bytes: [UInt8]) {
            self.path = path
            self.bytes = bytes
        }

        /// The path's last part.
        public var baseName: String { path.split(separator: "/").last.map(String.init) ?? "" }
    }

    private static let block = 512
    private static let fileLimit = 64
    /// Of a PAX record, which says who owned a file and when.
    private static let attributeBytesMaximum = 64 << 10
    /// The largest number that a size field of 11 octal digits holds.
    private static let sizeLimit = 0o77_777_777_777

    /// Whether the bytes begin as a tar does.
    public static func isArchive(_ bytes: [UInt8]) -> Bool {
        bytes.count >= block && bytes[257..<262].elementsEqual("ustar".utf8)
    }

    /// The plain files of an archive, in its order; folders are left out.
    ///
    /// - Parameter name: what errors call the archive.
    /// - Throws: `ModelFormatError` for anything but plain files and folders, a path that leaves
    ///   the folder, a path that is there twice, a wrong checksum, more than 64 entries, or a file
    ///   that is cut off.
    /// - Complexity: O(bytes).
    public static func files(in bytes: [UInt8], name: String) throws(ModelFormatError) -> [File] {
        var files: [File] = []
        var at = 0
        var entries = 0
        while at + block <= bytes.count {
            let header = bytes[at..<at + block]
            guard header.contains(where: { $0 != 0 }) else {
                guard !bytes[at...].contains(where: { $0 != 0 }) else {
                    throw broken(name, at, "there are bytes after the archive's end")
                }
                return files
            }
            entries += 1
            guard entries <= fileLimit else {
                throw .outOfBounds(
                    file: name, location: "the number of entries", found: "more",
                    allowed: "at most \(fileLimit)", remedy: "Archive the adapter's folder alone.")
            }
            let entry = try Entry(header, at: at, archive: name)
            let start = at + block
            guard entry.size <= bytes.count - start else {
                throw broken(name, at, "the file \(quoted(entry.path)) is cut off")
            }
            let content = bytes[start..<start + entry.size]
            at = start + (entry.size + block - 1) / block * block
            switch entry.kind {
            case .file:
                guard !files.contains(where: { ExactString($0.path) == ExactString(entry.path) })
                else { throw broken(name, start, "\(quoted(entry.path)) is there twice") }
                files.append(File(path: entry.path, bytes: Array(content)))
            case .folder: break
            case .attributes:
                guard content.count <= attributeBytesMaximum else {
                    throw broken(
                        name, start,
                        "attributes of \(content.count) bytes, over "
                            + "\(attributeBytesMaximum)")
                }
                // Times and the like are of no interest; another name or size would be.
                let telling = ["path=", "size=", "linkpath=", "GNU.sparse"]
                guard !telling.contains(where: { content.contains($0.utf8) }) else {
                    throw broken(name, start, "extended names and sizes are not read")
                }
            }
        }
        throw broken(name, bytes.count, "the archive has no end")
    }

    /// An archive of files, the same for the same files: no times, no owners.
    /// - Precondition: Relative paths of 1 to 99 ASCII bytes.
    public static func archive(_ files: [File]) -> [UInt8] {
        var bytes: [UInt8] = []
        for file in files {
            precondition(
                (1...99).contains(file.path.utf8.count) && file.bytes.count <= sizeLimit,
                "a short relative path")
            var header = [UInt8](repeating: 0, count: block)
            func put(_ text: String, at offset: Int) {
                header.replaceSubrange(offset..<offset + text.utf8.count, with: text.utf8)
            }
            put(file.path, at: 0)
            put("0000644\0", at: 100)
            put("0000000\0", at: 108)
            put("0000000\0", at: 116)
            put(octal(file.bytes.count, digits: 11) + "\0", at: 124)
            put("00000000000\0", at: 136)
            put("0", at: 156)
            put("ustar\u{0}00", at: 257)
            put(octal(checksum(header[...]), digits: 6) + "\0 ", at: 148)
            bytes += header + file.bytes
            bytes += [UInt8](repeating: 0, count: (block - file.bytes.count % block) % block)
        }
        return bytes + [UInt8](repeating: 0, count: 2 * block)
    }

    private struct Entry {
        enum Kind { case file, folder, attributes }
        var path: String
        var size: Int
        var kind: Kind

        /// - Parameter header: one block, its indices those of the archive.
        init(_ header: ArraySlice<UInt8>, at offset: Int, archive: String) throws(ModelFormatError)
        {
            func field(_ start: Int, _ count: Int) -> ArraySlice<UInt8> {
                header[offset + start..<offset + start + count]
            }
            func text(_ start: Int, _ count: Int) -> String {
                String(decoding: field(start, count).prefix { $0 != 0 }, as: UTF8.self)
            }
            func fail(_ problem: String) -> ModelFormatError { broken(archive, offset, problem) }
            guard field(257, 5).elementsEqual("ustar".utf8) else {
                throw fail("this is no tar header")
            }
            guard let sum = number(field(148, 8)), sum == checksum(header) else {
                throw fail("the header's checksum is wrong")
            }
            guard let size = number(field(124, 12)) else { throw fail("the size is no number") }
            self.size = size
            // GNU's own format has other things where POSIX has the path's beginning.
            let isPOSIX = field(262, 1).elementsEqual([0])
            let prefix = isPOSIX ? text(345, 155) : ""
            var path = prefix.isEmpty ? text(0, 100) : prefix + "/" + text(0, 100)
            // By bytes, as a file system reads it: a combining mark makes "/" another character.
            while path.utf8.starts(with: "./".utf8) {
                path = String(Substring(path.utf8.dropFirst(2)))
            }
            let type = field(156, 1).first ?? 0
            switch type {
            case 0, UInt8(ascii: "0"): kind = .file
            case UInt8(ascii: "5"): kind = .folder
            case UInt8(ascii: "x"), UInt8(ascii: "g"): kind = .attributes
            case UInt8(ascii: "1"), UInt8(ascii: "2"):
                throw fail("\(quoted(path)) is a link, which is not followed")
            default:
                throw fail("\(quoted(path)) is of type \(type), neither a file nor a folder")
            }
            let slash = UInt8(ascii: "/")
            let parts = path.utf8.split(separator: slash, omittingEmptySubsequences: false)
            let isInside =
                path.utf8.first != slash && !path.utf8.contains { $0 < 0x20 }
                && !parts.contains { $0.elementsEqual("..".utf8) }
            guard isInside, kind != .file || (!path.isEmpty && path.utf8.last != slash) else {
                throw fail("the path \(quoted(path)) leaves the folder or names no file")
            }
            self.path = path
        }
    }

    /// An octal number in a field, ended by blanks or zero bytes; nil for anything else.
    private static func number(_ field: ArraySlice<UInt8>) -> Int? {
        let digits = field.drop { $0 == 0x20 }.prefix { $0 != 0 && $0 != 0x20 }
        guard !digits.isEmpty, digits.count <= 11 else { return nil }
        var value = 0
        for digit in digits {
            guard (0x30...0x37).contains(digit) else { return nil }
            value = value * 8 + Int(digit - 0x30)
        }
        return value
    }

    /// The sum of a header's bytes, with blanks in place of the checksum itself.
    private static func checksum(_ header: ArraySlice<UInt8>) -> Int {
        let start = header.startIndex
        return header.enumerated().reduce(0) { sum, byte in
            sum + ((148..<156).contains(byte.offset) ? 0x20 : Int(header[start + byte.offset]))
        }
    }

    private static func octal(_ value: Int, digits: Int) -> String {
        let text = String(value, radix: 8)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }

    private static func broken(
        _ archive: String, _ offset: Int, _ problem: String
    ) -> ModelFormatError {
        .malformed(
            file: archive, location: "byte \(offset)", problem: problem,
            remedy: "Make it with `tar cf adapter.tar -C FOLDER adapter_config.json "
                + "adapter_model.safetensors`.")
    }
}
