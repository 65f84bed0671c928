extension JSONParser {
    /// A bound on what reading a text takes in memory while it is read and held, bytes: small values
    /// are many times their text. `[1],` takes 20 times.
    ///
    /// - Parameter bytes: any text. Counted are the characters that begin values, outside strings.
    /// - Complexity: O(bytes); allocates nothing.
    static func memoryBound(of bytes: [UInt8]) -> Int {
        var (elements, members, containers) = (1, 0, 0)
        var (isString, isEscape) = (false, false)
        for byte in bytes {
            if isString {
                if isEscape {
                    isEscape = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscape = true
                } else if byte == UInt8(ascii: "\"") {
                    isString = false
                }
                continue
            }
            switch byte {
            case UInt8(ascii: "\""): isString = true
            case UInt8(ascii: ","): elements += 1
            case UInt8(ascii: ":"): members += 1
            case UInt8(ascii: "["), UInt8(ascii: "{"): containers += 1
            default: break
            }
        }
        // An array that grows has its old place and one twice as large for a moment. A member is
        // also a dictionary's, once its object is looked at, with a quarter to a half free.
        let value = MemoryLayout<JSONValue>.stride
        let member = MemoryLayout<JSONValue.Member>.stride
        let perMember = 3 * member + 4 * (MemoryLayout<String>.stride + value)
        let perContainer = 64 + 3 * value
        // Once for the check of its encoding, once for its strings.
        return 2 * bytes.count + elements * 3 * value + members * perMember
            + containers * perContainer
    }
}
