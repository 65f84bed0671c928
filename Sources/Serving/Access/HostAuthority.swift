import Glibc

/// Says of a host, with or without a port, what it names.
enum HostAuthority {
    /// Whether it is an address in figures, of either family: no name server is asked for one.
    static func isFigures(_ authority: String) -> Bool {
        guard let host = parts(of: authority) else { return false }
        var address = in6_addr()
        if host.isBracketed { return inet_pton(AF_INET6, host.name, &address) == 1 }
        var v4 = in_addr()
        return inet_pton(AF_INET, host.name, &v4) == 1
    }

    /// The name without the port, in lower case; empty for what is no host.
    static func name(of authority: String) -> String {
        guard let host = parts(of: authority), !host.isBracketed else { return "" }
        return host.name.lowercased()
    }

    /// Whether it names this machine and nothing else could.
    ///
    /// True for `localhost` in any case, 127.0.0.0/8 in four plain numbers, and `[::1]` in any
    /// spelling. Not for `x.localhost` and `localhost.`, which some resolvers ask others about, nor
    /// for anything with a user's name in front.
    static func isLoopback(_ authority: String) -> Bool {
        guard let host = parts(of: authority) else { return false }
        if host.isBracketed {
            var address = in6_addr()
            guard inet_pton(AF_INET6, host.name, &address) == 1 else { return false }
            return withUnsafeBytes(of: address) { bytes in
                bytes.dropLast().allSatisfy { $0 == 0 } && bytes.last == 1
            }
        }
        if host.name.utf8.count == 9, host.name.lowercased() == "localhost" { return true }
        var address = in_addr()
        return inet_pton(AF_INET, host.name, &address) == 1
            && UInt32(bigEndian: address.s_addr) >> 24 == 127
    }

    /// Without the port, and without the brackets of IPv6; nil for a broken one.
    private static func parts(of authority: String) -> (name: String, isBracketed: Bool)? {
        let host = Substring(authority)
        if host.hasPrefix("[") {
            guard let end = host.firstIndex(of: "]"), isPort(host[host.index(after: end)...])
            else { return nil }
            return (String(host[..<end].dropFirst()), true)
        }
        guard let colon = host.firstIndex(of: ":") else { return (String(host), false) }
        return isPort(host[colon...]) ? (String(host[..<colon]), false) : nil
    }

    /// Nothing, or a colon and a port's digits.
    private static func isPort(_ text: Substring) -> Bool {
        guard !text.isEmpty else { return true }
        let digits = text.dropFirst()
        return text.hasPrefix(":") && digits.utf8.allSatisfy { (0x30...0x39).contains($0) }
            && UInt16(digits) != nil
    }
}
