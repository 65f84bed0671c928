public import Engrams
import ModelFormats

/// Looks for the least change that makes an engram pass the constitution's probes. A value that says
/// what to try next and is told what the probes measured, so that whoever has the cortex can ask:
/// the same engram and readings lead to the same change.
///
/// The narrowest scope is taken in which there is a share that passes, and there the largest share,
/// found by bisection. With nothing left an engram is the frozen core, which passes unless it fails
/// its own probes.
public struct ProbeFitting: Sendable {
    static let steps = 16

    /// What to try next; nil when the search is over.
    public private(set) var next: ProbeFit?
    /// What passes, as far as it is known.
    public private(set) var found: ProbeFit?
    /// Whether nothing passes: the frozen core fails.
    public private(set) var isHopeless = false

    private let names: [String]
    private var failing: Set<Int>
    private var scope = ProbeFit.Scope.continuations
    /// In sixteenths: passes, fails.
    private var bounds: (passing: Int, failing: Int)?

    /// - Parameter readings: of the engram as it is, at least one of which fails.
    public init(_ readings: [ProbeReading]) {
        names = readings.map(\.probe)
        failing = Self.failing(in: readings)
        next = fit(0)
    }

    /// - Parameter readings: of the engram with the change `next`.
    public mutating func take(_ readings: [ProbeReading]) {
        let wrong = Self.failing(in: readings)
        if let bounds, let tried = next {
            let step = (bounds.passing + bounds.failing) / 2
            self.bounds = wrong.isEmpty ? (step, bounds.failing) : (bounds.passing, step)
            if wrong.isEmpty { found = tried }
        } else if wrong.isEmpty {
            found = next
            bounds = (0, Self.steps)
        } else if !wrong.isSubset(of: failing) {
            // What held one probe was in the way of another: both are to pass.
            failing.formUnion(wrong)
            next = fit(0)
            return
        } else {
            widen()
            return
        }
        guard let bounds, bounds.failing - bounds.passing > 1 else {
            next = nil
            return
        }
        next = fit((bounds.passing + bounds.failing) / 2)
    }

    private mutating func widen() {
        switch scope {
        case .continuations: scope = .positions
        case .positions: scope = .layers
        case .layers: scope = .everything
        case .everything:
            isHopeless = true
            next = nil
            return
        }
        next = fit(0)
    }

    private func fit(_ step: Int) -> ProbeFit {
        ProbeFit(
            scope: scope, scale: Double(step) / Double(Self.steps),
            probes: failing.sorted().map { names[$0] })
    }

    private static func failing(in readings: [ProbeReading]) -> Set<Int> {
        Set(readings.indices.filter { !readings[$0].passes })
    }
}

extension ProbeAuditor {
    /// An engram with a change that `ProbeFitting` asks for, as a checkpoint stores it.
    /// - Complexity: O(n log n) in what the engram holds.
    public func applying(_ fit: ProbeFit, to engram: Engram) -> Engram {
        let share = Float(fit.scale)
        guard fit.scope != .everything else {
            return engram.turnedDown(to: share, within: cortex.zone)
        }
        return engram.turnedDown(
            part(fit.scope, of: engram, for: Set(fit.probes)), to: share, within: cortex.zone)
    }

    /// What of an engram speaks where some probes ask.
    private func part(
        _ scope: ProbeFit.Scope, of engram: Engram, for names: Set<String>
    ) -> EngramPart {
        var part = EngramPart()
        part.hasLayerWeights = scope == .layers
        let isWide = scope != .continuations
        let rule = cortex.rule.episode
        for question in questions where names.contains(question.probe.name) {
            let targets = Set(
                question.text.framed.tokens[(question.firstPosition + 1)...].map(\.rawValue))
            let onto =
                question.isRequired
                ? EngramPart.Synapses.onto(raised: [], lowered: targets)
                : .onto(raised: targets, lowered: [])
            let synapses = isWide ? .all : onto
            part.bias = part.bias.union(onto)
            for place in places(of: question) {
                for key in place.contexts { part.add(synapses, of: key) }
                for latent in place.latents { part.add(synapses, of: latent) }
                guard isWide || !question.isRequired else { continue }
                let active = Set(place.latents.prefix(rule.indexedLatents))
                part.episodes.formUnion(
                    engram.sites.episodes.numbers { episode in
                        (isWide || targets.contains(episode.token))
                            && episode.latents.count { active.contains($0) }
                                >= rule.sharedLatents
                    })
            }
        }
        return part
    }

    /// Where a question's continuation is predicted: the contexts that end there and the latents at
    /// work, strongest first.
    private func places(
        of question: Question
    ) -> [(contexts: [ContextKey], latents: [Int32])] {
        let history = question.text.framed.tokens.map(\.rawValue)
        return question.text.slices.flatMap { slice in
            slice.positions.filter { $0 >= question.firstPosition }.map { position in
                let row = position - slice.positions.lowerBound
                let active = zip(slice.latents(row), slice.values(row)).filter { $0.1 > 0 }
                var contexts: [ContextKey] = []
                ContextKey.contexts(
                    ending: history[...position], orders: cortex.rule.orderRates.count,
                    into: &contexts)
                return (contexts, active.map { $0.0 })
            }
        }
    }
}
