import Kernels

/// The element type of a tensor, as ggml numbers it. Most of the numbers have no meaning here: a
/// file may hold such tensors, and a weight that is asked for may not be one.
struct GGUFTensorType: Equatable, Sendable {
    let rawValue: UInt32

    /// How this program reads such weights; nil where it does not.
    var encoding: WeightEncoding? {
        switch rawValue {
        case 0: .float32
        case 1: .float16
        case 2: .q4_0
        case 3: .q4_1
        case 6: .q5_0
        case 7: .q5_1
        case 8: .q8_0
        case 12: .q4_K
        case 13: .q5_K
        case 14: .q6_K
        case 30: .bfloat16
        default: nil
        }
    }

    /// ggml's name, for errors.
    var name: String {
        let names: [UInt32: String] = [
            0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 8: "Q8_0", 9: "Q8_1",
            10: "Q2_K", 11: "Q3_K", 12: "Q4_K", 13: "Q5_K", 14: "Q6_K", 15: "Q8_K", 16: "IQ2_XXS",
            17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S",
            23: "IQ4_XS", 24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64", 29: "IQ1_M",
            30: "BF16", 34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4", 40: "NVFP4", 41: "Q1_0", 42: "Q2_0",
        ]
        return names[rawValue] ?? "number \(rawValue)"
    }
}

/// The table of tensors of a GGUF file.
enum GGUFTensorTable {
    private struct Entry {
        let name: String
        let type: GGUFTensorType
        let shape: [Int]
        /// Relative to the beginning of the data.
        let start: Int
        let byteCount: Int

        var place: String { "tensor \(quoted(name))" }
    }

    /// Reads the table and checks names, sizes, offsets, alignment, the file's end, and that no two
    /// tensors share a byte.
    static func read(
        _ cursor: inout GGUFCursor, count: Int, alignment: Int
    ) throws(ModelFormatError) -> [GGUFFile.Tensor] {
        guard alignment & (alignment - 1) == 0 else {
            throw .malformed(
                file: cursor.file, location: "key general.alignment",
                problem: "\(alignment) is no power of two", remedy: GGUFCursor.remedy)
        }
        var entries: [Entry] = []
        var names: Set<ExactString> = []
        for index in 0..<count {
            let place = cursor.offset
            let entry = try entry(&cursor, index: index, alignment: alignment)
            guard names.insert(ExactString(entry.name)).inserted else {
                throw cursor.malformed(entry.place, "it is there twice", at: place)
            }
            entries.append(entry)
        }
        // A file without tensors may end before the padding does.
        let start = min(
            cursor.bytes.count, (cursor.offset + alignment - 1) & ~(alignment - 1))
        try checkLayout(entries, room: cursor.bytes.count - start, file: cursor.file)
        return entries.map { entry in
            let lower = start + entry.start
            return GGUFFile.Tensor(
                name: entry.name, type: entry.type, shape: entry.shape,
                range: lower..<lower + entry.byteCount)
        }
    }

    private static func entry(
        _ cursor: inout GGUFCursor, index: Int, alignment: Int
    ) throws(ModelFormatError) -> Entry {
        let name = try cursor.name(
            "the name of tensor \(index)", atMost: GGUFFile.maximumNameBytes)
        var place: String { "tensor \(quoted(name))" }
        let rank = try cursor.next(UInt32.self, "the number of dimensions of \(place)")
        guard rank <= UInt32(GGUFFile.maximumRank) else {
            throw .outOfBounds(
                file: cursor.file, location: "the number of dimensions of \(place)",
                found: "\(rank)", allowed: "at most \(GGUFFile.maximumRank)",
                remedy: GGUFCursor.remedy)
        }
        var shape: [Int] = []
        var elements = 1
        // The product without the zeros: whoever multiplies the sizes, in any order, stays below it.
        var bound = 1
        for _ in 0..<rank {
            let size = try cursor.next(UInt64.self, "a dimension of \(place)")
            let (product, overflows) = bound.multipliedReportingOverflow(
                by: max(1, Int(clamping: size)))
            guard !overflows, size <= UInt64(Int.max) else {
                throw cursor.malformed(
                    place, "the product of its dimensions overflows", at: cursor.offset - 8)
            }
            bound = product
            elements *= Int(size)
            shape.append(Int(size))
        }
        let type = GGUFTensorType(rawValue: try cursor.next(UInt32.self, "the type of \(place)"))
        let offset = try cursor.next(UInt64.self, "the offset of \(place)")
        guard let start = Int(exactly: offset), start % alignment == 0 else {
            throw cursor.malformed(
                place, "its offset \(offset) is no multiple of the alignment \(alignment)",
                at: cursor.offset - 8)
        }
        var byteCount = 0
        if let encoding = type.encoding {
            // A quantised row is a whole number of blocks; the innermost dimension is the first.
            let (bytes, overflows) = (elements / encoding.blockElements)
                .multipliedReportingOverflow(by: encoding.blockBytes)
            guard (shape.first ?? 1) % encoding.blockElements == 0, !overflows else {
                throw cursor.malformed(
                    place, "its rows of \(shape.first ?? 1) are no whole blocks of \(type.name)",
                    at: cursor.offset)
            }
            byteCount = bytes
        }
        return Entry(
            name: name, type: type, shape: shape.reversed(), start: start, byteCount: byteCount)
    }

    private static func checkLayout(
        _ entries: [Entry], room: Int, file: String
    ) throws(ModelFormatError) {
        var end = 0
        for entry in entries.sorted(by: { ($0.start, $0.byteCount) < ($1.start, $1.byteCount) }) {
            let (upper, overflows) = entry.start.addingReportingOverflow(entry.byteCount)
            guard !overflows, upper <= room else {
                throw .malformed(
                    file: file, location: entry.place,
                    problem: "it is \(entry.byteCount) bytes from \(entry.start) on, the file has "
                        + "\(room) for all tensors", remedy: GGUFCursor.remedy)
            }
            guard entry.start >= end else {
                throw .malformed(
                    file: file, location: entry.place,
                    problem: "it overlaps the one before: it begins at \(entry.start), that ends "
                        + "at \(end)", remedy: GGUFCursor.remedy)
            }
            end = max(end, upper)
        }
    }
}
