import Engrams
import ModelFormats
import Scheduling
import Synchronization

/// Reports made by hand.
extension FakeModels {
    static let push = TokenPush(token: TokenID(7), text: " eel", weight: 1.5, change: 0.5)
    static let down = TokenPush(token: TokenID(8), text: "\u{fffd}", weight: -0.1, change: -0.25)
    static let latent = LatentReport(
        latent: 12, norm: 1.6, change: 0.75, activations: 31, pushes: [push, down],
        examples: [.init(before: "fond of", token: " eels", after: ".", activity: 0.5)])

    func features(_ id: SessionID, top: Int) async throws -> FeatureReport {
        let session = try await session(id)
        return FeatureReport(
            session: id, revision: session.revision, tokensLearned: session.tokensLearned,
            sites: [.init(name: "features", count: top, norm: 0.1, gain: 1.25)],
            latents: [Self.latent],
            contexts: [.init(order: 2, text: nil, change: 2, pushes: [Self.push])],
            biases: [Self.push], searchedTokens: session.tokensLearned == 0 ? nil : 99)
    }

    func checkpoint(_ checkpoint: CheckpointID, of id: SessionID) async throws -> CheckpointState {
        guard let found = state.withLock({ $0.checkpoints.first { $0.id == checkpoint } }) else {
            throw ServiceError.checkpointNotFound(checkpoint)
        }
        return found
    }

    func describeCheckpoint(
        _ id: SessionID, checkpoint: CheckpointID, name: String?, note: String?
    ) async throws -> CheckpointState {
        var found = try await self.checkpoint(checkpoint, of: id)
        if let name { found.name = name.isEmpty ? nil : name }
        if let note { found.note = note.isEmpty ? nil : note }
        return found
    }

    func diff(_ id: SessionID, from: DiffSide, to: DiffSide, top: Int) async throws
        -> CheckpointDiff
    {
        for case .checkpoint(let checkpoint) in [from, to] {
            _ = try await self.checkpoint(checkpoint, of: id)
        }
        let comparison = Engram.empty(identity: model.identity).comparison(
            with: .empty(identity: model.identity), limit: top, pushLimit: 1)
        return CheckpointDiff(
            from: .init(side: from, bytes: 10, tokensLearned: 1),
            to: .init(side: to, bytes: 20, tokensLearned: top), sites: comparison.sites,
            latents: [Self.latent],
            contexts: [.init(order: 1, text: "fond of", change: 2, pushes: [Self.push])],
            tokens: [
                .init(
                    token: TokenID(7), text: " eel", bias: 0, features: 0.5, sequences: -1,
                    total: 1.5)
            ],
            measured: to == .frozen
                ? nil : .init(tokens: 4, bytes: 9, frozen: 3, from: 2.5, to: 2.25))
    }

    func exportRounded(
        _ id: SessionID, scope: DeltaScope, without: Set<PlasticSite>
    ) async throws -> ExportedDelta {
        let exact = try await exportDelta(id, scope: scope, without: without)
        return ExportedDelta(
            file: [8], revision: exact.revision, hash: "ab", fidelity: "bits=8; dropped=0",
            ownersWords: exact.ownersWords)
    }
}
