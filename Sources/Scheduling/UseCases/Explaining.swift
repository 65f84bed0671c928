import EngramStorage
import Engrams
import ModelFormats
import OuterCortex

/// Shows what a session's model has learned as people can read it: against the frozen core, or
/// against another state of the user's.
struct Explaining: Sendable {
    let store: any EngramStore
    let engine: Engine
    let archive: Archive
    let host: SessionHost
}

extension Explaining {
    /// How much of the session's newest text is searched, tokens: a second of the shipped core.
    static let searchTokensMaximum = 8192
    /// How many pushes of each sign a latent or a context shows.
    static let pushesShown = 8
    /// How many places of the text a latent shows, and how many tokens around each.
    private static let examplesShown = 3
    private static let exampleTokensBefore = 12
    private static let exampleTokensAfter = 6

    /// What the session's model has learned beyond the frozen core: the latents, contexts and
    /// biases that changed most, with the places of the user's own text that are behind them.
    ///
    /// - Parameter top: how many of each, 1...`FeatureReport.topMaximum`.
    /// - Complexity: One forward pass over `searchTokensMaximum` tokens at most, in slices.
    func features(_ id: SessionID, top: Int) async throws -> FeatureReport {
        try Self.checkTop(top)
        let session = try await host.present(id)
        let engram = session.engram
        let found = try await engine.offload(for: id.user) { [cortex = engine.cortex] in
            cortex.emptyEngram().comparison(
                with: engram, limit: top, pushLimit: Self.pushesShown)
        }
        let texts = try await archive.ownTexts(of: id, limit: Self.searchTokensMaximum)
        let examples = try await examples(
            of: Set(found.latents.map(\.latent)), in: texts, for: id)
        let gains = engram.sites.gains
        let loudness = [
            gains.bias, gains.sequence, gains.feature, gains.matrix, gains.episode, gains.layer,
        ]
        return FeatureReport(
            session: id, revision: session.revision, tokensLearned: engram.tokensLearned,
            sites: zip(found.sites, loudness).map {
                .init(name: $0.name, count: $0.countAfter, norm: $0.normAfter, gain: $1)
            },
            latents: found.latents.map { latent in
                var report = self.report(of: latent)
                report.examples = texts.isEmpty ? nil : examples[latent.latent] ?? []
                return report
            },
            contexts: try await reports(of: found.contexts, in: texts, for: id.user),
            biases: found.biases.map(push),
            searchedTokens: texts.isEmpty ? nil : texts.reduce(0) { $0 + $1.count })
    }

    static func checkTop(_ top: Int) throws(ServiceError) {
        guard (1...FeatureReport.topMaximum).contains(top) else {
            throw .invalidParameter(
                name: "top", reason: "must be between 1 and \(FeatureReport.topMaximum)")
        }
    }

    func push(_ push: EngramComparison.Push) -> TokenPush {
        let token = TokenID(rawValue: push.token)
        return TokenPush(
            token: token, text: engine.text(of: token), weight: push.after, change: push.change)
    }

    func report(of latent: EngramComparison.Latent) -> LatentReport {
        LatentReport(
            latent: Int(latent.latent), norm: latent.normAfter, change: latent.normOfChange,
            activations: Int(latent.familiarity), pushes: latent.pushes.map(push))
    }

    /// Contexts with the text that their keys stand for, where it is among the texts.
    func reports(
        of contexts: [EngramComparison.Context], in texts: [[TokenID]], for user: UserID
    ) async throws -> [ContextReport] {
        let keys = Set(contexts.map(\.key))
        let spelled = try await engine.offload(for: user) { [cortex = engine.cortex] in
            texts.reduce(into: [:]) { found, text in
                found.merge(cortex.contexts(keys, in: text)) { $1 }
            }
        }
        return contexts.map { context in
            ContextReport(
                order: context.order, text: spelled[context.key].map { engine.text(of: $0[...]) },
                change: context.normOfChange, pushes: context.pushes.map(push))
        }
    }

    /// Where in the texts each latent is most at work; no two of one wording.
    private func examples(
        of latents: Set<Int32>, in texts: [[TokenID]], for id: SessionID
    ) async throws -> [Int32: [LatentReport.Example]] {
        guard !latents.isEmpty else { return [:] }
        var found: [Int32: [(text: Int, activity: LatentActivity)]] = [:]
        for (index, text) in texts.enumerated() {
            let cortex = engine.cortex
            let memory = cortex.contextBytes(tokens: text.count, with: cortex.emptyEngram())
            let places = try await engine.thread.run(for: id, memory: memory) {
                // A text that repeats itself has its best place many times.
                cortex.startSearch(for: latents, in: text, limit: 32)
            } output: {
                $0.result
            }
            for (latent, activities) in places {
                found[latent, default: []] += activities.map { (index, $0) }
            }
        }
        return found.mapValues { places in
            let ranked = places.enumerated().sorted { (a, b) -> Bool in
                let (x, y) = (a.element.activity.activity, b.element.activity.activity)
                return x == y ? a.offset < b.offset : x > y
            }
            var examples: [LatentReport.Example] = []
            for place in ranked.map(\.element) where examples.count < Self.examplesShown {
                let example = example(at: place.activity, in: texts[place.text])
                let isKnown = examples.contains {
                    $0.token == example.token && $0.before == example.before
                }
                if !isKnown { examples.append(example) }
            }
            return examples
        }
    }

    private func example(
        at place: LatentActivity, in text: [TokenID]
    ) -> LatentReport.Example {
        let start = max(0, place.position - Self.exampleTokensBefore)
        let end = min(text.count, place.position + 1 + Self.exampleTokensAfter)
        return LatentReport.Example(
            before: engine.text(of: text[start..<place.position]),
            token: engine.text(of: text[place.position]),
            after: engine.text(of: text[(place.position + 1)..<end]), activity: place.activity)
    }
}
