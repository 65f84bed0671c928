import Foundation
import Kernels
import Serving

/// Processor, OpenBLAS, memory and TLS.
enum MachineCheck {
    static func findings() -> [Finding] { [kernels(), openBLAS(), memory(), tls()] }

    /// What `hebb serve --tls-cert` needs.
    private static func tls() -> Finding {
        HebbServer.speaksTLS
            ? Finding("tls", .ok, "libmicrohttpd has TLS, for --tls-cert and --tls-key")
            : Finding(
                "tls", .warn, "libmicrohttpd was built without TLS",
                remedy: "fine on this machine alone; else let nginx do it (deploy/nginx)")
    }

    private static func kernels() -> Finding {
        let name = KernelClass.current
        let cores = ProcessInfo.processInfo.activeProcessorCount
        guard name != "scalar" else {
            return Finding(
                "kernels", .warn, "scalar, \(cores) processors",
                remedy: "no SIMD kernels for this processor: it works, but slowly")
        }
        return Finding("kernels", .ok, "\(name), \(cores) processors")
    }

    /// Multiplies once for the right answer, then for speed.
    private static func openBLAS() -> Finding {
        let size = 256
        let a = [Float](repeating: 0.5, count: size * size)
        var c = [Float](repeating: 0, count: size * size)
        func multiply() {
            var span = c.mutableSpan
            BLAS.multiply(a: a.span, b: a.span, m: size, k: size, n: size, into: &span)
        }
        multiply()
        guard c.allSatisfy({ $0 == 64 }) else {
            return Finding(
                "openblas", .fail, "\(BLAS.coreName): 256 × 256 matrices multiply wrongly",
                remedy: "install another OpenBLAS (libopenblas-dev), or set OPENBLAS_CORETYPE")
        }
        let start = ContinuousClock.now
        for _ in 0..<20 { multiply() }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        let operations = 20 * 2 * Double(size * size * size)
        let speed = Figure.fixed(operations / seconds / 1e9, 0)
        return Finding("openblas", .ok, "\(BLAS.coreName), \(speed) GFLOP/s on one thread")
    }

    private static func memory() -> Finding {
        guard let available = availableBytes() else {
            return Finding("memory", .warn, "unknown: /proc/meminfo cannot be read")
        }
        let detail = "\(Figure.bytes(available)) available"
        guard available >= 512_000_000 else {
            return Finding(
                "memory", .warn, detail,
                remedy: "the shipped core wants 512 MB; stop something, or serve a smaller core")
        }
        return Finding("memory", .ok, detail)
    }

    /// What Linux thinks can be had without swapping.
    private static func availableBytes() -> Int? {
        guard let text = try? String(contentsOfFile: "/proc/meminfo", encoding: .utf8) else {
            return nil
        }
        for line in text.split(separator: "\n") where line.hasPrefix("MemAvailable:") {
            return line.split(separator: " ").dropFirst().first
                .flatMap { Int($0) }.map { $0 * 1_024 }
        }
        return nil
    }
}
