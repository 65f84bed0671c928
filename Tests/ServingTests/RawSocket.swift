import Glibc

/// A blocking TCP client that sends exactly the bytes it is given. Waits two minutes at most, since heavy tests share the machine.
struct RawSocket: ~Copyable {
    private let descriptor: CInt

    init(port: Int) {
        descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        var wait = timeval(tv_sec: 120, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &wait, size)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &wait, size)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        precondition(status == 0, "cannot connect: \(errno)")
    }

    deinit { close(descriptor) }

    /// - Returns: false when the server has closed its end.
    @discardableResult
    func send(_ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    @discardableResult
    func send(_ text: String) -> Bool { send(Array(text.utf8)) }

    /// Some bytes, `limit` at most; empty at the end.
    func receive(limit: Int = 65_536) -> [UInt8] {
        var block = [UInt8](repeating: 0, count: limit)
        let count = recv(descriptor, &block, block.count, 0)
        return Array(block.prefix(max(0, count)))
    }

    func receiveToEnd() -> [UInt8] {
        var bytes: [UInt8] = []
        while true {
            let more = receive()
            if more.isEmpty { return bytes }
            bytes += more
        }
    }

    func receive(until text: String) -> String {
        var received = ""
        while !received.contains(text) {
            let more = receive()
            if more.isEmpty { break }
            received += String(decoding: more, as: UTF8.self)
        }
        return received
    }
}

/// Many of them: arrays do not hold noncopyable values.
final class Sockets: Sendable {
    private final class Box: Sendable {
        let socket: RawSocket
        init(port: Int) { socket = RawSocket(port: port) }
    }

    private let boxes: [Box]

    init(count: Int, port: Int) { boxes = (0..<count).map { _ in Box(port: port) } }

    func send(_ text: String, on index: Int) { boxes[index].socket.send(text) }
    func receive(on index: Int) -> [UInt8] { boxes[index].socket.receive() }
    func receiveToEnd(on index: Int) -> [UInt8] { boxes[index].socket.receiveToEnd() }
}

/// Blocks the thread.
func pause(seconds: Double) { usleep(UInt32(seconds * 1e6)) }
