import EngramStorage
public import Engrams
import Foundation
import OuterCortex

extension Scheduler {
    /// An export with every weight on a grid of 255 levels, and what that cost, measured: the norm
    /// of the weights' error over that of the weights, the synapses that came to nothing, and where
    /// it is the whole of a model, bits per byte of the session's own newest text.
    public func exportRounded(
        _ id: SessionID, scope: DeltaScope, without left: Set<PlasticSite> = []
    ) async throws -> ExportedDelta {
        let exact = try await exportDelta(id, scope: scope, without: left)
        return try await serveQueued(for: id) {
            let (engram, rounded, comparison) = try await atDesk(for: id.user) { [cortex] in
                let engram = try Engram(serialized: exact.file, name: "The export")
                let rounded = engram.rounded(within: cortex.zone.weightBound)
                return (
                    engram, rounded, engram.comparison(with: rounded, limit: 0, pushLimit: 0)
                )
            }
            func norm(_ path: KeyPath<EngramComparison.Site, Float>) -> Double {
                comparison.sites.reduce(0) { $0 + pow(Double($1[keyPath: path]), 2) }.squareRoot()
            }
            let size = norm(\.normBefore)
            var parts = [
                "bits=8",
                "weight_error=" + Self.figure(size == 0 ? 0 : norm(\.normOfChange) / size),
                "dropped=\(comparison.sites.reduce(0) { $0 + $1.removed })",
            ]
            // A head that another core taught can be exported, and not measured here.
            if scope != .session, (try? cortex.admit(engram)) != nil {
                let texts = try await ownTexts(of: id, limit: Self.measuredTokensMaximum)
                if let before = try await measure(engram, on: texts, for: id),
                    let after = try await measure(rounded, on: texts, for: id)
                {
                    parts += [
                        "tokens=\(before.tokens)",
                        "bits_per_byte_exact=" + Self.figure(before.bitsPerByte.adapted),
                        "bits_per_byte=" + Self.figure(after.bitsPerByte.adapted),
                    ]
                }
            }
            let fidelity = parts.joined(separator: "; ")
            let file = try await atDesk(for: id.user) {
                try rounded.serialized(as: .checkpoint, fidelity: fidelity)
            }
            return ExportedDelta(
                file: file, revision: exact.revision, hash: ContentDigest.of(file),
                fidelity: fidelity, ownersWords: exact.ownersWords)
        }
    }

    private static func figure(_ value: Double) -> String { String(format: "%.6f", value) }
}
