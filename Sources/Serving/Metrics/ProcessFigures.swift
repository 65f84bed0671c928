import Glibc

/// What the kernel knows of this process, from `/proc/self`; zeros where that cannot be read.
struct ProcessFigures {
    var residentBytes = 0
    /// User and system time, seconds.
    var processorSeconds = 0.0
    /// Seconds since 1970.
    var startSeconds = 0.0

    static var current: ProcessFigures {
        var figures = ProcessFigures()
        let ticksPerSecond = Double(sysconf(CInt(_SC_CLK_TCK)))
        // The fields after the name, which ends at the last parenthesis; the first is number 3.
        let fields = read("/proc/self/stat").split(separator: ")").last?.split(separator: " ") ?? []
        func field(_ number: Int) -> Double {
            number - 3 < fields.count ? Double(fields[number - 3]) ?? 0 : 0
        }
        figures.processorSeconds = (field(14) + field(15)) / ticksPerSecond
        figures.residentBytes = Int(field(24)) * Int(sysconf(CInt(_SC_PAGESIZE)))
        let boot = read("/proc/stat").split(separator: "\n").first { $0.hasPrefix("btime ") }
        let bootSeconds = boot.flatMap { Double($0.dropFirst(6)) } ?? 0
        figures.startSeconds = bootSeconds + field(22) / ticksPerSecond
        return figures
    }

    /// The beginning of a file of the kernel's, 64 KiB at most.
    private static func read(_ path: String) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 4096)
        while bytes.count < 65_536 {
            let count = Glibc.read(descriptor, &block, block.count)
            guard count > 0 else { break }
            bytes += block.prefix(count)
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
