import Engrams
import OuterCortex

extension Engine {
    /// Asks an engram the probes.
    func audited(_ engram: Engram, for id: SessionID) async throws -> AuditedEngram {
        guard !auditor.isEmpty else { return AuditedEngram(engram: engram) }
        let readings = try await readings(of: engram, for: id)
        count(readings)
        return AuditedEngram(engram: engram, worst: Self.worst(readings))
    }

    /// Asks an engram the probes and, where it fails one, turns down as little of it as lets all
    /// pass (`ProbeFitting`). Live changes, recovery and forgetting come here: the same engram gives
    /// the same one.
    ///
    /// - Parameters:
    ///   - engram: as a checkpoint stores it; what is made of it is so, too.
    ///   - id: on whose behalf.
    /// - Returns: It as it is where nothing mends it: the frozen core fails a probe of its own.
    /// - Complexity: One pass of readout over the probes' tokens on the cortex thread, none of the
    ///   frozen core while the layer site is off; up to eight of them where it fails.
    func fitted(_ engram: Engram, for id: SessionID) async throws -> AuditedEngram {
        guard !auditor.isEmpty else { return AuditedEngram(engram: engram) }
        let readings = try await readings(of: engram, for: id)
        count(readings)
        var best = AuditedEngram(engram: engram, worst: Self.worst(readings))
        guard best.worst?.passes == false else { return best }
        var fitting = ProbeFitting(readings)
        while let fit = fitting.next {
            let candidate = try await offload(for: id.user) { [auditor] in
                auditor.applying(fit, to: engram)
            }
            let readings = try await self.readings(of: candidate, for: id)
            fitting.take(readings)
            if fitting.found == fit {
                best = AuditedEngram(engram: candidate, worst: Self.worst(readings), fit: fit)
            }
        }
        if best.fit != nil { count { $0.safety.fittedEngrams += 1 } }
        return best
    }

    private func readings(of engram: Engram, for id: SessionID) async throws -> [ProbeReading] {
        let memory = cortex.contextBytes(tokens: auditor.longestText, with: engram)
        return try await thread.run(for: id, memory: memory) { [auditor] in
            auditor.startAudit(of: engram)
        } output: {
            $0.result
        }
    }

    private func count(_ readings: [ProbeReading]) {
        let isFailure = !readings.allSatisfy(\.passes)
        count {
            $0.safety.audits += 1
            if isFailure { $0.safety.failedAudits += 1 }
        }
    }

    /// Of the probe nearest to its bound, or farthest beyond it. A figure that is not a number is
    /// the worst of all, though it compares with none.
    private static func worst(_ readings: [ProbeReading]) -> ProbeReading? {
        readings.first { $0.slack.isNaN } ?? readings.min { $0.slack < $1.slack }
    }
}

/// An engram that was asked the probes.
struct AuditedEngram: Sendable {
    var engram: Engram
    /// nil where there are no probes.
    var worst: ProbeReading?
    /// What was turned down in it; nil: nothing.
    var fit: ProbeFit?
}
