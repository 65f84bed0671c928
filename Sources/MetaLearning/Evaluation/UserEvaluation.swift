import ModelFormats

/// One system on one user: the order of things that a client would do.
struct UserEvaluation {
    let system: EvaluatedSystem
    let user: UserTexts
    /// The held-back ends of the other users.
    let others: [[TokenID]]
    let generic: [TokenID]
    /// Poison streams in pieces; empty when they are left out.
    let poisons: [(name: String, pieces: [[TokenID]])]

    struct Outcome: Sendable {
        var report: UserReport
        var curve: LearningCurve
        var learning: ThreadClock
        var scoring: ThreadClock
    }

    func run() throws -> Outcome {
        var model = system.fresh()
        var stream = TextCost()
        var curve = LearningCurve()
        var (learning, scoring) = (ThreadClock(), ThreadClock())
        for piece in user.stream {
            let cost = try learning.measure(tokens: piece.count) { try model.observe(piece) }
            stream.add(cost)
            curve.append(cost)
        }
        let saved = model.saved()
        let next = scoring.measure(tokens: user.next.count) { saved.score(texts: [user.next]) }
        let figures = PersonalizationFigures(
            streamGain: stream.gainPercent, nextGain: next.gainPercent,
            secondGain: try streamed(from: saved), freshGain: try streamed(from: system.fresh()),
            othersRise256: rise(on: others, context: 256, saved),
            othersRise1024: rise(on: others, context: 1_024, saved),
            genericRise256: rise(on: [generic], context: 256, saved) ?? 0,
            genericRise1024: rise(on: [generic], context: 1_024, saved) ?? 0,
            savedBytes: try saved.savedBytes())
        let report = UserReport(
            user: user.name, bytes: user.streamBytes + user.nextBytes,
            frozenStream: stream.frozen / Double(max(1, user.streamBytes)),
            frozenNext: next.frozen / Double(max(1, user.nextBytes)), figures: figures,
            poison: poisons.isEmpty || !system.learns
                ? nil : try poisons.map { try poisoned(model, by: $0, figures) })
        return Outcome(report: report, curve: curve, learning: learning, scoring: scoring)
    }

    /// Gain while the held-back end is streamed.
    private func streamed(from start: any UserModel) throws -> Double {
        var model = start
        var cost = TextCost()
        for piece in user.second { cost.add(try model.observe(piece)) }
        return cost.gainPercent
    }

    private func rise(
        on texts: [[TokenID]], context length: Int, _ model: any UserModel
    ) -> Double? {
        let dealt = texts.flatMap { $0.dealt(toContextsOf: length) }
        return dealt.isEmpty ? nil : model.score(texts: dealt).risePercent
    }

    /// Goes on with the session in which the user's own text was streamed.
    private func poisoned(
        _ model: any UserModel, by poison: (name: String, pieces: [[TokenID]]),
        _ clean: PersonalizationFigures
    ) throws -> PoisonFigures {
        var spoiled = model
        for piece in poison.pieces { _ = try spoiled.observe(piece) }
        let saved = spoiled.saved()
        let genericRise = rise(on: [generic], context: 256, saved) ?? 0
        return PoisonFigures(
            poison: poison.name, genericRise: genericRise,
            genericChange: genericRise - clean.genericRise256,
            nextChange: saved.score(texts: [user.next]).gainPercent - clean.nextGain)
    }
}
