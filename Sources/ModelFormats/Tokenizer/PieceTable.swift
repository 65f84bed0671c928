/// The tokens of a vocabulary by their bytes: what `ignore_merges` looks pieces up in.
struct PieceTable: Sendable {
    private var tokens: [Int32]
    private var bytes: [[UInt8]]
    private let mask: Int

    /// - Parameter names: every token's spelling, nil where an id is not in use.
    init(_ names: [String?]) {
        var size = 16
        while size < names.count * 2 { size *= 2 }
        tokens = [Int32](repeating: -1, count: size)
        bytes = [[UInt8]](repeating: [], count: size)
        mask = size - 1
        for (index, name) in names.enumerated() {
            guard let name, let spelled = ByteAlphabet.bytes(of: name) else { continue }
            let slot = slot(of: spelled[...])
            tokens[slot] = Int32(index)
            bytes[slot] = spelled
        }
    }

    func find(_ piece: ArraySlice<UInt8>) -> Int32? {
        let token = tokens[slot(of: piece)]
        return token >= 0 ? token : nil
    }

    private func slot(of piece: ArraySlice<UInt8>) -> Int {
        var slot = PieceHash.hash(piece) & mask
        while tokens[slot] >= 0, bytes[slot][...] != piece { slot = (slot + 1) & mask }
        return slot
    }
}

/// FNV-1a over the bytes of a piece.
enum PieceHash {
    static func hash(_ piece: ArraySlice<UInt8>) -> Int {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in piece { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return Int(truncatingIfNeeded: hash ^ hash >> 32) & Int.max
    }
}
