import CMicroHTTPD
import Glibc

/// A listening TCP socket. We open it ourselves, because libmicrohttpd does not say why it could
/// not, nor which port it got. A plain value: the daemon that it is handed to closes it.
struct ListeningSocket {
    let descriptor: CInt
    let port: Int
    let isIPv6: Bool

    /// - Parameters:
    ///   - host: an IPv4 or IPv6 address in figures, or `localhost` for 127.0.0.1.
    ///   - port: 0 for a free one.
    ///   - isLoopbackOnly: whether an address that other machines reach is refused.
    init(host: String, port: Int, isLoopbackOnly: Bool) throws(ServerStartError) {
        guard let portNumber = UInt16(exactly: port) else {
            throw .invalidAddress(host: host, port: port)
        }
        let figures = host == "localhost" ? "127.0.0.1" : host
        var v4 = sockaddr_in()
        var v6 = sockaddr_in6()
        isIPv6 = inet_pton(AF_INET6, figures, &v6.sin6_addr) == 1
        guard isIPv6 || inet_pton(AF_INET, figures, &v4.sin_addr) == 1 else {
            throw .invalidAddress(host: host, port: port)
        }
        guard !isLoopbackOnly || (isIPv6 ? Self.isLoopback(v6) : Self.isLoopback(v4)) else {
            throw .notLoopback(host: host)
        }
        descriptor = socket(
            isIPv6 ? AF_INET6 : AF_INET, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var enabled: CInt = 1
        setsockopt(
            descriptor, SOL_SOCKET, SO_REUSEADDR, &enabled, socklen_t(MemoryLayout<CInt>.size))
        let bound: CInt
        if isIPv6 {
            v6.sin6_family = sa_family_t(AF_INET6)
            v6.sin6_port = portNumber.bigEndian
            bound = Self.bind(descriptor, to: &v6)
        } else {
            v4.sin_family = sa_family_t(AF_INET)
            v4.sin_port = portNumber.bigEndian
            bound = Self.bind(descriptor, to: &v4)
        }
        guard descriptor >= 0, bound == 0, listen(descriptor, 1024) == 0 else {
            let reason = String(cString: strerror(errno))
            if descriptor >= 0 { close(descriptor) }
            throw .cannotListen(host: host, port: port, reason: reason)
        }
        self.port = isIPv6 ? Self.boundPort(descriptor, v6) : Self.boundPort(descriptor, v4)
    }

    private static func isLoopback(_ address: sockaddr_in) -> Bool {
        UInt32(bigEndian: address.sin_addr.s_addr) >> 24 == 127
    }

    private static func isLoopback(_ address: sockaddr_in6) -> Bool {
        withUnsafeBytes(of: address.sin6_addr) { bytes in
            bytes.dropLast().allSatisfy { $0 == 0 } && bytes.last == 1
        }
    }

    /// The pointer does not outlive the call; the length is the structure's own.
    private static func bind<Address>(_ descriptor: CInt, to address: inout Address) -> CInt {
        withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.bind(descriptor, $0, socklen_t(MemoryLayout<Address>.size))
            }
        }
    }

    /// - Parameter shape: an address of the socket's family, for its size. Both families keep the
    ///   port at the same place.
    private static func boundPort<Address>(_ descriptor: CInt, _ shape: Address) -> Int {
        var address = shape
        var length = socklen_t(MemoryLayout<Address>.size)
        return withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = getsockname(descriptor, $0, &length)
            }
            return pointer.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                Int(UInt16(bigEndian: $0.pointee.sin_port))
            }
        }
    }
}
