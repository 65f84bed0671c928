// Tokens as bytes, the same on every machine: data may be moved to another one.

extension [Int32] {
    /// Nil for bytes that are no whole number of tokens.
    init?(littleEndian bytes: [UInt8]) {
        guard bytes.count % 4 == 0 else { return nil }
        self = stride(from: 0, to: bytes.count, by: 4).map { start in
            var pattern: UInt32 = 0
            for offset in 0..<4 { pattern |= UInt32(bytes[start + offset]) << UInt32(8 * offset) }
            return Int32(bitPattern: pattern)
        }
    }

    var littleEndian: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count * 4)
        for token in self {
            let pattern = UInt32(bitPattern: token)
            for shift in stride(from: 0, to: 32, by: 8) {
                bytes.append(UInt8(truncatingIfNeeded: pattern >> UInt32(shift)))
            }
        }
        return bytes
    }
}
