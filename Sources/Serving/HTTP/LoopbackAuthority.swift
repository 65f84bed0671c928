import Glibc

/// Says of a host, with or without a port, whether it names this machine and nothing else could.
enum LoopbackAuthority {
    /// True for `localhost` in any case, 127.0.0.0/8 in four plain numbers, and `[::1]` in any
    /// spelling. Not for `x.localhost` and `localhost.`, which some resolvers ask others about, nor
    /// for anything with a user's name in front.
    static func isOne(_ authority: String) -> Bool {
        var host = Substring(authority)
        if host.hasPrefix("[") {
            guard let end = host.firstIndex(of: "]"), isPort(host[host.index(after: end)...])
            else { return false }
            host = host[..<end].dropFirst()
            var address = in6_addr()
            guard inet_pton(AF_INET6, String(host), &address) == 1 else { return false }
            return withUnsafeBytes(of: address) { bytes in
                bytes.dropLast().allSatisfy { $0 == 0 } && bytes.last == 1
            }
        }
        if let colon = host.firstIndex(of: ":") {
            guard isPort(host[colon...]) else { return false }
            host = host[..<colon]
        }
        if host.utf8.count == 9, host.lowercased() == "localhost" { return true }
        var address = in_addr()
        return inet_pton(AF_INET, String(host), &address) == 1
            && UInt32(bigEndian: address.s_addr) >> 24 == 127
    }

    /// Nothing, or a colon and a port's digits.
    private static func isPort(_ text: Substring) -> Bool {
        guard !text.isEmpty else { return true }
        let digits = text.dropFirst()
        return text.hasPrefix(":") && digits.utf8.allSatisfy { (0x30...0x39).contains($0) }
            && UInt16(digits) != nil
    }
}
