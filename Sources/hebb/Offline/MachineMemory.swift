import Foundation

/// How much memory this process may use.
enum MachineMemory {
    /// The machine's, or what its control group leaves of it.
    static var byteCount: Int {
        let whole = Int(clamping: ProcessInfo.processInfo.physicalMemory)
        let files = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
        return files.reduce(whole) { least, file in
            let text = try? String(contentsOfFile: file, encoding: .utf8)
            let limit = text.flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
            return min(least, limit ?? least)
        }
    }
}
