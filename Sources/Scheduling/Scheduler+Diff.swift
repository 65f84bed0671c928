import EngramStorage
public import Engrams
import ModelFormats
import OuterCortex

extension Scheduler {
    /// What changes on the way from one state of the user's model to another: sites, latents,
    /// contexts, tokens, and how well each predicts what the session learned last.
    ///
    /// - Parameter top: how many of each list, 1...`FeatureReport.topMaximum`.
    public func diff(
        _ id: SessionID, from: DiffSide, to: DiffSide, top: Int
    ) async throws -> CheckpointDiff {
        try await serveQueued(for: id) {
            try Self.checkTop(top)
            let session = try await present(id)
            let before = try await side(from, of: session)
            let after = try await side(to, of: session)
            let found = try await atDesk(for: id.user) {
                before.engram.comparison(
                    with: after.engram, limit: top, pushLimit: Self.pushesShown)
            }
            let texts = try await ownTexts(of: id, limit: Self.measuredTokensMaximum)
            let first = try await measure(before.engram, on: texts, for: id)
            let second = try await measure(after.engram, on: texts, for: id)
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
                        token: id, text: text(of: id), bias: token.bias,
                        features: token.features, sequences: token.sequences, total: token.total)
                }, measured: measured)
        }
    }

    private func side(
        _ side: DiffSide, of session: ResidentSession
    ) async throws -> (engram: Engram, description: CheckpointDiff.Side) {
        switch side {
        case .frozen:
            return (
                cortex.emptyEngram(), .init(side: side, bytes: 0, tokensLearned: 0)
            )
        case .session:
            let state = try state(of: session.record)
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
                try await engram(standingOn: checkpoint, of: user),
                .init(side: side, bytes: record.byteCount, tokensLearned: record.tokensLearned)
            )
        }
    }
}
