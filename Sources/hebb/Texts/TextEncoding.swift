import ArgumentParser
import Foundation

/// How the bytes of a text stand for characters.
enum TextEncoding: String, CaseIterable, ExpressibleByArgument {
    /// And whatever a byte order mark at the beginning says: UTF-8, UTF-16 or UTF-32.
    case utf8 = "utf-8"
    case utf16LittleEndian = "utf-16le"
    case utf16BigEndian = "utf-16be"
    case latin1
    case windows1252 = "windows-1252"

    /// Also by the other names that people know them by.
    init?(argument: String) {
        let name = argument.lowercased().filter { $0 != "-" && $0 != "_" }
        switch name {
        case "utf8": self = .utf8
        case "utf16le": self = .utf16LittleEndian
        case "utf16be": self = .utf16BigEndian
        case "latin1", "iso88591", "l1": self = .latin1
        case "windows1252", "cp1252": self = .windows1252
        default: return nil
        }
    }

    /// Why bytes are no text in the encoding that was tried.
    enum Fault: Error, Equatable {
        /// What is at `offset`, in bytes, does not begin or continue a character of `encoding`.
        case malformed(encoding: String, offset: Int)
        /// Text has no zeros. `guess` is an encoding that has them, where they lie as it has them.
        case zero(offset: Int, guess: TextEncoding?)
    }

    /// The text, without its byte order mark, as UTF-8.
    /// - Complexity: O(bytes).
    func utf8(_ bytes: [UInt8]) throws(Fault) -> [UInt8] {
        let text = try decoded(bytes[...])
        if let zero = text.firstIndex(of: 0) {
            throw .zero(offset: bytes.firstIndex(of: 0) ?? zero, guess: Self.guess(bytes))
        }
        return text
    }

    private func decoded(_ bytes: ArraySlice<UInt8>) throws(Fault) -> [UInt8] {
        switch self {
        case .utf8:
            if let (mark, form) = Self.markedForms.first(where: { bytes.starts(with: $0.mark) }) {
                return try form(bytes.dropFirst(mark.count))
            }
            return try Self.checkedUTF8(bytes)
        case .utf16LittleEndian: return try Self.utf16(bytes, isBigEndian: false)
        case .utf16BigEndian: return try Self.utf16(bytes, isBigEndian: true)
        case .latin1:
            return bytes.reduce(into: []) { $0 += Unicode.Scalar($1).utf8 }
        case .windows1252:
            guard let text = String(bytes: bytes, encoding: .windowsCP1252) else {
                let gaps: Set<UInt8> = [0x81, 0x8D, 0x8F, 0x90, 0x9D]
                throw .malformed(
                    encoding: "Windows-1252", offset: bytes.firstIndex(where: gaps.contains) ?? 0)
            }
            return Array(text.utf8)
        }
    }

    private typealias Form = @Sendable (ArraySlice<UInt8>) throws(Fault) -> [UInt8]

    /// Longer marks first: that of UTF-32 begins with that of UTF-16.
    private static let markedForms: [(mark: [UInt8], form: Form)] = [
        ([0xFF, 0xFE, 0, 0], { bytes throws(Fault) in try utf32(bytes, isBigEndian: false) }),
        ([0, 0, 0xFE, 0xFF], { bytes throws(Fault) in try utf32(bytes, isBigEndian: true) }),
        ([0xEF, 0xBB, 0xBF], checkedUTF8),
        ([0xFF, 0xFE], { bytes throws(Fault) in try utf16(bytes, isBigEndian: false) }),
        ([0xFE, 0xFF], { bytes throws(Fault) in try utf16(bytes, isBigEndian: true) }),
    ]

    private static func checkedUTF8(_ bytes: ArraySlice<UInt8>) throws(Fault) -> [UInt8] {
        do {
            _ = try UTF8Span(validating: bytes.span)
            return Array(bytes)
        } catch {
            throw .malformed(
                encoding: "UTF-8", offset: bytes.startIndex + error.byteOffsets.lowerBound)
        }
    }

    private static func utf16(
        _ bytes: ArraySlice<UInt8>, isBigEndian: Bool
    ) throws(Fault) -> [UInt8] {
        let units = numbers(in: bytes, size: 2, isBigEndian: isBigEndian).map(UInt16.init)
        guard let string = String(validating: units, as: UTF16.self) else {
            let lone = loneSurrogate(in: units) ?? 0
            throw .malformed(encoding: "UTF-16", offset: bytes.startIndex + 2 * lone)
        }
        guard bytes.count.isMultiple(of: 2) else {
            throw .malformed(encoding: "UTF-16", offset: bytes.endIndex - 1)
        }
        // A text may carry the mark even where its order was named.
        let text = Array(string.utf8)
        return text.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(text.dropFirst(3)) : text
    }

    private static func loneSurrogate(in units: [UInt16]) -> Int? {
        var at = 0
        while at < units.count {
            guard UTF16.isSurrogate(units[at]) else {
                at += 1
                continue
            }
            guard UTF16.isLeadSurrogate(units[at]), at + 1 < units.count,
                UTF16.isTrailSurrogate(units[at + 1])
            else { return at }
            at += 2
        }
        return nil
    }

    private static func utf32(
        _ bytes: ArraySlice<UInt8>, isBigEndian: Bool
    ) throws(Fault) -> [UInt8] {
        var text: [UInt8] = []
        for (index, number) in numbers(in: bytes, size: 4, isBigEndian: isBigEndian).enumerated() {
            guard let scalar = Unicode.Scalar(number) else {
                throw .malformed(encoding: "UTF-32", offset: bytes.startIndex + 4 * index)
            }
            text += scalar.utf8
        }
        guard bytes.count.isMultiple(of: 4) else {
            throw .malformed(encoding: "UTF-32", offset: bytes.endIndex - bytes.count % 4)
        }
        return text
    }

    /// What a rest of less than `size` bytes is, the caller says.
    private static func numbers(
        in bytes: ArraySlice<UInt8>, size: Int, isBigEndian: Bool
    ) -> [UInt32] {
        stride(from: bytes.startIndex, through: bytes.endIndex - size, by: size).map { start in
            let number = bytes[start..<start + size]
            return (isBigEndian ? Array(number) : number.reversed())
                .reduce(0) { $0 << 8 | UInt32($1) }
        }
    }

    /// UTF-16 of European text without its mark: every second byte is zero.
    private static func guess(_ bytes: [UInt8]) -> TextEncoding? {
        let pairs = min(bytes.count, 1 << 12) / 2
        guard pairs >= 2 else { return nil }
        func zeros(from first: Int) -> Int {
            (0..<pairs).count { bytes[2 * $0 + first] == 0 }
        }
        let (even, odd) = (zeros(from: 0), zeros(from: 1))
        if odd > pairs / 2, even == 0 { return .utf16LittleEndian }
        if even > pairs / 2, odd == 0 { return .utf16BigEndian }
        return nil
    }
}
