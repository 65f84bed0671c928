import EngramStorage
import Engrams
import ModelFormats
import OuterCortex

extension Explaining {
    /// What changes on the way from one state of the user's model to another: sites, latents,
    /// contexts, tokens, and how well each predicts what the session learned last.
    ///
    /// - Parameter top: how many of each list, 1...`FeatureReport.topMaximum`.
    func diff(
        _ id: SessionID, from: DiffSide, to: DiffSide, top: Int
    ) async throws -> CheckpointDiff {
        try Self.checkTop(top)
        let session = try await host.present(id)
        let before = try await side(from, of: session)
        let after = try await side(to, of: session)
        let found = try await engine.offload(for: id.user) {
            before.engram.comparison(
                with: after.engram, limit: top, pushLimit: Self.pushesShown)
        }
        let texts = try await archive.ownTexts(of: id)
        let first = try await engine.measure(before.engram, on: texts, for: id)
        let second = try await engine.measure(after.engram, on: texts, for: id)
        var measured: CheckpointDiff.Measured?
        if let first, let second {
            measured = .init(
                tokens: first.tokens, bytes: first.bytes, frozen: first.bitsPerByte.frozen,
                from: first.bitsPerByte.adapted, to: second.bitsPerByte.adapted)
        }
        return CheckpointDiff(
            from: before.description, to: after.description, sites: found.sites,
            latents: found.latents.map(report(of:)),
            contexts: try await reports(of: found.contexts, in: texts, for: id.user),
            tokens: found.tokens.map { token in
                let id = TokenID(rawValue: token.token)
                return .init(
                    token: id, text: engine.text(of: id), bias: token.bias,
                    features: token.features, sequences: token.sequences, total: token.total)
            }, measured: measured)
    }

    private func side(
        _ side: DiffSide, of session: ResidentSession
    ) async throws -> (engram: Engram, description: CheckpointDiff.Side) {
        switch side {
        case .frozen:
            return (
                engine.cortex.emptyEngram(), .init(side: side, bytes: 0, tokensLearned: 0)
            )
        case .session:
            let state = try SessionState(session.record)
            return (
                session.engram,
                .init(side: side, bytes: state.engram.bytes, tokensLearned: state.tokensLearned)
            )
        case .checkpoint(let checkpoint):
            let user = session.id.user
            guard let record = try await store.checkpoint(checkpoint, of: user) else {
                throw ServiceError.checkpointNotFound(checkpoint)
            }
            return (
                try await archive.engram(standingOn: checkpoint, of: user),
                .init(side: side, bytes: record.byteCount, tokensLearned: record.tokensLearned)
            )
        }
    }
}
