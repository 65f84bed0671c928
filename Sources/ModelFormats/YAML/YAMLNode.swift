/// One value of a YAML document, with the line it stands on.
public struct YAMLNode: Sendable, Equatable {
    public enum Content: Sendable, Equatable {
        /// `isQuoted` tells the text `"7"` from the number `7`.
        case scalar(String, isQuoted: Bool)
        case sequence([YAMLNode])
        /// In the order of the file; no key is there twice.
        case mapping([Entry])
        /// A key or a dash with nothing behind it.
        case nothing
    }

    public struct Entry: Sendable, Equatable {
        public let key: String
        public let value: YAMLNode
        /// Of the key, from 1.
        public let line: Int
    }

    public let content: Content
    /// From 1.
    public let line: Int

    /// Reads a file that is written in the block style of YAML, one value a line.
    ///
    /// What is read is a strict subset of YAML 1.2: block mappings and sequences, plain scalars,
    /// single- and double-quoted ones, `[]`, `{}` and comments. Anchors, aliases, tags, filled flow
    /// collections, text blocks, several documents and keys that are there twice are refused, each
    /// by its name. A general YAML library reads the same values from such a file. It is not used
    /// to read strangers' files, because with aliases a hundred bytes grow into more than a memory
    /// holds, and nesting is bounded by the stack alone.
    ///
    /// - Parameters:
    ///   - bytes: UTF-8; `\r\n` ends a line too.
    ///   - file: what to call it in an error.
    /// - Throws: `ModelFormatError.malformed` with the line, or `.unsupported`.
    /// - Complexity: O(bytes); nests to `depthLimit` at most.
    public static func parse(
        _ bytes: [UInt8], file: String
    ) throws(ModelFormatError) -> YAMLNode {
        var parser = YAMLBlockParser(file: file)
        return try parser.document(bytes)
    }

    /// How deep collections may lie in each other.
    public static let depthLimit = 8
}
