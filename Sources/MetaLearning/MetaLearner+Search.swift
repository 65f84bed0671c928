import Engrams
import Foundation
import OuterCortex

extension MetaLearner {
    /// Searches the coefficients of the sites that are on, without a neuromodulator.
    func search(
        _ corpus: MetaCorpus, from start: PlasticityRule, state: inout State,
        _ progress: @escaping @Sendable (Progress) -> Void
    ) throws -> PlasticityRule {
        guard options.search != .none, options.evaluations > 0 else { return start }
        let coefficients = RuleSearch.coefficients(of: start)
        let space = RuleSearch(
            corpus: corpus, cortex: cortex, coefficients: coefficients,
            users: options.searchUsers, pieces: options.searchPieces)
        let origin = coefficients.map { Double(start[keyPath: $0.path]) }
        if state.report.valueBefore == nil {
            state.report.valueBefore = try space.value(of: start, threads: threads)
        }
        let before = state.report.valueBefore ?? 0
        func run<Search: CoefficientSearch>(
            _ search: inout Search, keep: (Search, inout State) -> Void
        ) throws {
            while search.evaluations < options.evaluations, !search.hasConverged {
                let points = search.ask()
                var values: [Double] = []
                for point in points {
                    values.append(
                        try space.value(of: space.rule(point, from: start), threads: threads))
                    progress(
                        .searching(
                            done: search.evaluations + values.count, of: options.evaluations,
                            best: max(before, search.best?.value ?? before)))
                }
                search.tell(values)
                keep(search, &state)
                try save(state, start)
            }
        }
        let coordinates = coefficients.map(\.coordinate)
        var best: SearchBest?
        switch options.search {
        case .coordinate:
            var search =
                state.coordinate
                ?? CoordinateSearch(coordinates, start: origin)
            try run(&search) { $1.coordinate = $0 }
            best = search.best
            state.report.evaluations = search.evaluations
        case .evolution:
            var search =
                state.evolution
                ?? EvolutionSearch(coordinates, start: origin, seed: options.seed)
            try run(&search) { $1.evolution = $0 }
            best = search.best
            state.report.evaluations = search.evaluations
        case .none: break
        }
        guard let best, best.value > before else { return start }
        state.report.valueAfter = best.value
        state.report.coefficients = zip(coefficients, zip(origin, best.coefficients)).map {
            Report.Coefficient(name: $0.name, before: $1.0, after: $1.1)
        }
        return space.rule(best.coefficients, from: start)
    }

    private static let stateName = "meta-learning.json"

    /// What an interrupted run of the same core, rule, texts and options left; else a fresh
    /// beginning.
    func restored() throws -> (State, PlasticityRule?) {
        let fresh = State(
            options: options, rule: try cortex.rule.contentHash(), inputs: inputHash)
        guard let stateFolder,
            let data = FileManager.default.contents(
                atPath: stateFolder.appendingPathComponent(Self.stateName).path)
        else { return (fresh, nil) }
        func refusal(_ reason: String) -> TrainingError {
            .otherState(file: stateFolder.path, reason: reason)
        }
        guard let state = try? JSONDecoder().decode(State.self, from: data) else {
            throw refusal("it is damaged, or of another version of this program")
        }
        guard state.options == fresh.options, state.rule == fresh.rule else {
            throw refusal("it was begun with another rule or other options")
        }
        guard state.inputs == fresh.inputs else {
            throw refusal("it was begun on another core or on other texts")
        }
        return (state, try PlasticityRule(path: stateFolder.path))
    }

    private var inputHash: String {
        var digest = InputDigest()
        let identity = cortex.identity
        for hash in [identity.core, identity.sparseAutoencoder, identity.constitution] {
            digest.add(hash)
        }
        digest.add(generic)
        for (name, text) in texts {
            digest.add(name)
            digest.add(text)
        }
        return digest.hash
    }

    func save(_ state: State, _ rule: PlasticityRule) throws {
        guard let stateFolder else { return }
        try FileManager.default.createDirectory(
            at: stateFolder, withIntermediateDirectories: true)
        try rule.write(folder: stateFolder.path)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        try encoder.encode(state).write(
            to: stateFolder.appendingPathComponent(Self.stateName), options: .atomic)
    }
}
