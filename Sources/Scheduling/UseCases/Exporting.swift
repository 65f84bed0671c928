import EngramStorage
import Engrams
import Foundation
import OuterCortex

/// Hands out what a session's model has learned, as a file.
struct Exporting {
    let store: any EngramStore
    let engine: Engine
    let archive: Archive
    let host: SessionHost
}

@SchedulerActor
extension Exporting {
    /// - `session`: what the session learned beyond the checkpoint it stands on; `user`: the user's
    ///   head; `total`: all that acts on this session.
    func exact(
        _ id: SessionID, scope: DeltaScope, without left: Set<PlasticSite>
    ) async throws -> ExportedDelta {
        let (engram, revision) = try await exported(id, scope)
        let given = engram.without(left)
        return try await engine.offload(for: id.user) {
            let file = try given.serialized(as: .checkpoint)
            return ExportedDelta(
                file: file, revision: revision, hash: ContentDigest.of(file),
                ownersWords: given.ownersWords)
        }
    }

    private func exported(
        _ id: SessionID, _ scope: DeltaScope
    ) async throws -> (Engram, Revision) {
        if scope == .user {
            return (try await head(of: id.user), try await host.record(of: id).revision)
        }
        let session = try await host.present(id)
        return (try await engram(of: session, scope: scope), session.revision)
    }

    /// What a scope means at this moment, as an engram.
    func engram(of session: ResidentSession, scope: DeltaScope) async throws -> Engram {
        switch scope {
        case .total: return session.engram
        case .session:
            let base = try await archive.engram(
                standingOn: session.record.base, of: session.id.user)
            let total = session.engram
            return try await engine.offload(for: session.id.user) { [cortex = engine.cortex] in
                total.difference(from: base, within: cortex.zone)
            }
        case .user:
            let head = try await store.user(session.id.user)?.head
            return try await archive.engram(standingOn: head, of: session.id.user)
        }
    }

    /// The user's engram as it is stored, so that its file is the one whose hash is in the list; it
    /// is the owner's also where this server's core is another than it was learned on.
    private func head(of user: UserID) async throws -> Engram {
        guard let head = try await store.user(user)?.head,
            let file = try await store.engram(of: head, of: user)
        else { return engine.cortex.emptyEngram() }
        return try await engine.offload(for: user) {
            try Engram(serialized: file, name: "Checkpoint \(head)")
        }
    }

    /// An export with every weight on a grid of 255 levels, and what that cost, measured: the norm
    /// of the weights' error over that of the weights, the synapses that came to nothing, and where
    /// it is the whole of a model, bits per byte of the session's own newest text.
    func rounded(
        _ id: SessionID, scope: DeltaScope, without left: Set<PlasticSite>
    ) async throws -> ExportedDelta {
        let exact = try await self.exact(id, scope: scope, without: left)
        let (engram, rounded, comparison) = try await engine.offload(for: id.user) {
            [cortex = engine.cortex] in
            let engram = try Engram(serialized: exact.file, name: "The export")
            let rounded = engram.rounded(within: cortex.zone.weightBound)
            return (engram, rounded, engram.comparison(with: rounded, limit: 0, pushLimit: 0))
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
        if scope != .session, (try? engine.cortex.admit(engram)) != nil {
            let texts = try await archive.ownTexts(of: id)
            if let before = try await engine.measure(engram, on: texts, for: id),
                let after = try await engine.measure(rounded, on: texts, for: id)
            {
                parts += [
                    "tokens=\(before.tokens)",
                    "bits_per_byte_exact=" + Self.figure(before.bitsPerByte.adapted),
                    "bits_per_byte=" + Self.figure(after.bitsPerByte.adapted),
                ]
            }
        }
        let fidelity = parts.joined(separator: "; ")
        return try await engine.offload(for: id.user) {
            let file = try rounded.serialized(as: .checkpoint, fidelity: fidelity)
            return ExportedDelta(
                file: file, revision: exact.revision, hash: ContentDigest.of(file),
                fidelity: fidelity, ownersWords: exact.ownersWords)
        }
    }

    private static func figure(_ value: Double) -> String { String(format: "%.6f", value) }
}
