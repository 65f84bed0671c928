/// The `model` of a tokenizer.json: a byte-level BPE vocabulary with its merges.
struct BytePairModel {
    /// Every token's spelling by its id; nil where an id is not in use.
    let names: [String?]
    let tokensByName: [ExactString: Int32]
    let merges: MergeTable
    /// The token of each byte's letter; -1 where the vocabulary has none.
    let letterTokens: [Int32]
    let ignoresMerges: Bool
    let unknownToken: Int32?
    let fusesUnknown: Bool

    init(_ fields: JSONFields) throws(ModelFormatError) {
        // Very old files have no type; only BPE has merges.
        let type = try fields.string("type") ?? "BPE"
        guard type == "BPE" else {
            throw fields.unsupported("type", quoted(type), supported: "BPE, byte-level")
        }
        try Self.refuseOptions(fields)
        let vocabulary = try fields.require("vocab", try fields.fields("vocab"))
        let (names, tokensByName) = try Self.vocabulary(vocabulary)
        self.names = names
        self.tokensByName = tokensByName
        letterTokens = ByteAlphabet.letters.map { tokensByName[ExactString(String($0))] ?? -1 }
        ignoresMerges = try fields.bool("ignore_merges") ?? false
        fusesUnknown = try fields.bool("fuse_unk") ?? false
        if let name = try fields.string("unk_token") {
            unknownToken = try fields.require(
                "vocab[\(quoted(name))]", tokensByName[ExactString(name)])
        } else {
            unknownToken = nil
        }
        merges = try Self.merges(fields, tokensByName)
    }

    private static func refuseOptions(_ fields: JSONFields) throws(ModelFormatError) {
        for key in ["continuing_subword_prefix", "end_of_word_suffix"] {
            let text = try fields.string(key) ?? ""
            guard text.isEmpty else {
                throw fields.unsupported(key, quoted(text), supported: "none")
            }
        }
        if let dropout = try fields.number("dropout", in: 0...1), dropout != 0 {
            throw fields.unsupported("dropout", "\(dropout)", supported: "none")
        }
        if try fields.bool("byte_fallback") == true {
            throw fields.unsupported(
                "byte_fallback", "true (SentencePiece style)", supported: "byte-level BPE")
        }
    }

    private static func vocabulary(
        _ fields: JSONFields
    ) throws(ModelFormatError) -> ([String?], [ExactString: Int32]) {
        let members = fields.object.members
        guard !members.isEmpty, members.count <= TokenizerSource.maximumTokens else {
            throw .outOfBounds(
                file: fields.file, location: fields.path, found: "\(members.count) tokens",
                allowed: "1 to \(TokenizerSource.maximumTokens)", remedy: "Check the file.")
        }
        var names: [String?] = []
        names.reserveCapacity(members.count)
        var tokensByName: [ExactString: Int32] = [:]
        tokensByName.reserveCapacity(members.count)
        for (name, value) in members {
            guard let id = value.integerValue, id >= 0, id < TokenizerSource.maximumTokens else {
                throw fields.wrongType(
                    quoted(name), value,
                    expected: "an index of 0 to \(TokenizerSource.maximumTokens - 1)")
            }
            while names.count <= id { names.append(nil) }
            guard names[id] == nil else {
                throw .malformed(
                    file: fields.file, location: fields.path + quoted(name),
                    problem: "the index \(id) belongs to \(quoted(names[id] ?? "")) already",
                    remedy: "Save the tokenizer again.")
            }
            names[id] = name
            tokensByName[ExactString(name)] = Int32(id)
        }
        return (names, tokensByName)
    }

    /// Both forms of a merge: `"a b"` and `["a", "b"]`. Its rank is its place.
    private static func merges(
        _ fields: JSONFields, _ tokensByName: [ExactString: Int32]
    ) throws(ModelFormatError) -> MergeTable {
        let list = try fields.array("merges") ?? []
        guard list.count <= TokenizerSource.maximumTokens else {
            throw .outOfBounds(
                file: fields.file, location: "\(fields.path)merges", found: "\(list.count)",
                allowed: "at most \(TokenizerSource.maximumTokens)", remedy: "Check the file.")
        }
        var table = MergeTable(capacity: list.count)
        for (rank, value) in list.enumerated() {
            guard let (left, right) = pair(value) else {
                throw fields.wrongType(
                    "merges[\(rank)]", value, expected: "two tokens, as \"a b\" or [\"a\", \"b\"]")
            }
            guard let leftToken = tokensByName[ExactString(left)],
                let rightToken = tokensByName[ExactString(right)],
                let result = tokensByName[ExactString(left + right)]
            else {
                throw .missing(
                    file: fields.file,
                    item: "a token of \(fields.path)merges[\(rank)] (\(quoted(left)), "
                        + "\(quoted(right)) or both together)",
                    remedy: "vocab and merges do not belong together: fetch the tokenizer again.")
            }
            table.insert(leftToken, rightToken, .init(rank: Int32(rank), result: result))
        }
        return table
    }

    private static func pair(_ value: JSONValue) -> (String, String)? {
        switch value {
        case .string(let text):
            let parts = text.utf8.split(
                separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
            guard parts.count == 2 else { return nil }
            return (String(Substring(parts[0])), String(Substring(parts[1])))
        case .array(let parts):
            guard parts.count == 2, let left = parts[0].stringValue,
                let right = parts[1].stringValue
            else { return nil }
            return (left, right)
        default:
            return nil
        }
    }
}
