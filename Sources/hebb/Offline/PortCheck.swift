import Foundation

/// Whether the server could listen.
enum PortCheck {
    static func finding(port: Int) async -> Finding {
        if isFree(port) { return Finding("port", .ok, "\(port) is free") }
        let address = "http://127.0.0.1:\(port)"
        if let base = ServerClient.baseURL(from: address) {
            let client = ServerClient(base: base, key: nil, timeoutSeconds: 3)
            if (try? await client.open()) != nil {
                return Finding("port", .warn, "a Hebb server runs on \(port) already")
            }
        }
        return Finding(
            "port", .fail, "\(port) is taken by another program",
            remedy: "name another with --port, or stop that program")
    }

    /// Binds it for a moment.
    private static func isFree(_ port: Int) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        // As the server does: a port that only waits out old connections counts as free.
        var enabled: Int32 = 1
        setsockopt(
            descriptor, SOL_SOCKET, SO_REUSEADDR, &enabled, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(truncatingIfNeeded: port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}
