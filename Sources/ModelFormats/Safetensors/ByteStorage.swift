#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Read-only bytes at a fixed address for as long as this object lives: a mapped file, or a copy
/// of bytes that came over the network.
///
/// Sendable by this invariant: `bytes` is set once in `init`, nothing writes through it (a mapping
/// is `PROT_READ`, a copy is never handed out mutable), and only `deinit` releases it.
///
/// A file that somebody truncates while it is mapped ends the process with SIGBUS on the next read
/// behind its new end; model files are replaced by rename, never rewritten in place.
final class ByteStorage: @unchecked Sendable {
    let bytes: UnsafeRawBufferPointer
    private let isMapped: Bool

    /// Maps a regular file. Cost: no read; pages come in when they are touched.
    init(mapping path: String) throws(ModelFormatError) {
        let descriptor = try Self.openRegularFile(path)
        defer { close(descriptor.number) }
        isMapped = descriptor.size > 0
        guard descriptor.size > 0 else {
            bytes = UnsafeRawBufferPointer(start: nil, count: 0)
            return
        }
        let address = mmap(nil, descriptor.size, PROT_READ, MAP_PRIVATE, descriptor.number, 0)
        guard let address, address != MAP_FAILED else {
            throw .unreadable(
                file: path, reason: "mmap of \(descriptor.size) bytes failed: \(Self.lastError())",
                remedy: "Free memory or address space, then try again.")
        }
        bytes = UnsafeRawBufferPointer(start: address, count: descriptor.size)
    }

    /// Copies `source`, aligned to 64 bytes.
    init(copying source: [UInt8]) {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: source.count, alignment: 64)
        copy.copyBytes(from: source)
        bytes = UnsafeRawBufferPointer(copy)
        isMapped = false
    }

    deinit {
        if isMapped {
            munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count)
        } else {
            bytes.deallocate()
        }
    }

    /// Lets go of the memory that holds a part of a mapped file; what is read again comes back from
    /// the file. Whole pages only; a copy stays.
    func releasePages(_ range: Range<Int>) {
        guard isMapped, let base = bytes.baseAddress else { return }
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        let start = (range.lowerBound + page - 1) / page * page
        let end = range.upperBound / page * page
        guard start < end else { return }
        madvise(UnsafeMutableRawPointer(mutating: base + start), end - start, MADV_DONTNEED)
    }

    /// The whole content of a small text file such as `config.json`.
    ///
    /// - Parameter limit: the most bytes that are accepted.
    static func contents(of path: String, limit: Int) throws(ModelFormatError) -> [UInt8] {
        let descriptor = try openRegularFile(path)
        defer { close(descriptor.number) }
        guard descriptor.size <= limit else {
            throw .outOfBounds(
                file: path, location: "the file's size", found: "\(descriptor.size) bytes",
                allowed: "at most \(limit) bytes",
                remedy: "This is not a file of the expected kind: check the path.")
        }
        var filled = 0
        let result = [UInt8](unsafeUninitializedCapacity: descriptor.size) { buffer, count in
            while filled < descriptor.size {
                let got = read(
                    descriptor.number, buffer.baseAddress! + filled, descriptor.size - filled)
                if got < 0 && errno == EINTR { continue }
                if got <= 0 { break }
                filled += got
            }
            count = filled
        }
        guard filled == descriptor.size else {
            throw .unreadable(
                file: path, reason: "only \(filled) of \(descriptor.size) bytes could be read",
                remedy: "Check the disk, then try again.")
        }
        return result
    }

    private static func openRegularFile(
        _ path: String
    ) throws(ModelFormatError) -> (number: Int32, size: Int) {
        // O_NONBLOCK: opening a FIFO must not wait for a writer; it has no effect on plain files.
        let number = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard number >= 0 else {
            throw .unreadable(
                file: path, reason: lastError(), remedy: "Check the path and its permissions.")
        }
        var status = stat()
        guard fstat(number, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(number)
            throw .unreadable(
                file: path, reason: "it is not a regular file", remedy: "Check the path.")
        }
        return (number, Int(status.st_size))
    }

    static func lastError() -> String {
        String(cString: strerror(errno))
    }
}
