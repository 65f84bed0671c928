public import Foundation
public import OuterCortex

/// Makes a rule for a core: statistics of its hidden states, coefficients by search, and the
/// neuromodulator by gradients on logged tokens, in that order; then logs with the neuromodulator
/// in the loop and trains again, since it changes what the sites learn.
///
/// The same core, texts and options give the same rule, byte for byte, whatever the number of
/// threads. After every stage the state is written, so that an interrupted run goes on.
public struct MetaLearner {
    public struct Options: Sendable, Codable, Equatable {
        public enum Search: String, Sendable, Codable, CaseIterable {
            case coordinate, evolution, none
        }

        public var corpus = MetaCorpus.Options()
        public var search = Search.coordinate
        /// Rules that the search may try, and what each is measured on.
        public var evaluations = 60
        public var searchUsers = 8
        public var searchPieces = 8
        /// Times to log and train.
        public var rounds = 3
        /// Factor on the shares of tokens that are logged.
        public var logShare = 1.0
        public var trainer = NeuromodulatorTrainer.Options()
        /// Positions that the hidden states' statistics are taken over.
        public var statisticPositions = 60_000
        /// Length of an episode's key.
        public var keySize = 64
        public var seed: UInt64 = 1
        public init() {}
    }

    /// What a person wants to know of a run while it goes on.
    public enum Progress: Sendable {
        case reading(done: Int, of: Int)
        case statistics(Double)
        /// Rules tried so far, and the best value: gain while streaming plus in the next text, %.
        case searching(done: Int, of: Int, best: Double)
        case logging(round: Int, done: Int, of: Int)
        case training(round: Int, share: Double, loss: Double)
    }

    /// What a run did, for the record beside the rule.
    public struct Report: Sendable, Codable, Equatable {
        public struct Coefficient: Sendable, Codable, Equatable {
            public var name: String
            public var before: Double
            public var after: Double
        }

        public struct Round: Sendable, Codable, Equatable {
            public var tokens: Int
            /// By situation: stream, next, second, foreign.
            public var losses: [String: NeuromodulatorTrainer.Losses]
        }

        public var users = 0
        public var valueBefore: Double?
        public var valueAfter: Double?
        public var evaluations = 0
        public var coefficients: [Coefficient] = []
        public var rounds: [Round] = []
    }

    /// What goes on after an interruption.
    struct State: Codable, Equatable {
        var options: Options
        /// Content hash of the rule that the run began with.
        var rule: String
        /// One hash over the core and all texts.
        var inputs: String
        var coordinate: CoordinateSearch?
        var evolution: EvolutionSearch?
        var hasSearched = false
        var report = Report()
    }

    let cortex: Cortex
    let texts: [(name: String, text: String)]
    let generic: String
    let options: Options
    let stateFolder: URL?
    let threads: Int

    /// - Parameters:
    ///   - cortex: the core with the rule to begin from: its sites are the ones that are on.
    ///   - users: name and text of each; not those that the rule will be judged on.
    ///   - generic: text of no user, against which harm is measured.
    ///   - stateFolder: where to keep what an interrupted run goes on from; nil keeps nothing.
    public init(
        cortex: Cortex, users: [(name: String, text: String)], generic: String, options: Options,
        stateFolder: URL?, threads: Int
    ) {
        self.cortex = cortex
        texts = users
        self.generic = generic
        self.options = options
        self.stateFolder = stateFolder
        self.threads = threads
    }

    /// - Returns: The rule, and the report that goes with it.
    /// - Throws: what reading or writing the state throws; `TrainingError` when there is no text,
    ///   or the state is of another core, rule, text or options.
    public func run(
        progress: @escaping @Sendable (Progress) -> Void
    ) throws -> (rule: PlasticityRule, report: Report) {
        guard !texts.isEmpty else { throw TrainingError.noText(folder: "the users' folder") }
        var rule = cortex.rule
        var (state, saved) = try restored()
        let corpus = try MetaCorpus(
            cortex: cortex, users: texts, generic: generic, options: corpusOptions
        ) { [count = texts.count] in progress(.reading(done: $0, of: count)) }
        state.report.users = corpus.users.count

        rule.tensors = try saved?.tensors ?? statistics(progress)
        try save(state, rule)
        if !state.hasSearched {
            rule = try search(corpus, from: rule, state: &state, progress)
            state.hasSearched = true
            try save(state, rule)
        } else if let saved {
            rule = saved
        }
        while state.report.rounds.count < options.rounds {
            let round = state.report.rounds.count + 1
            try train(corpus, &rule, round: round, report: &state.report, progress)
            try save(state, rule)
        }
        return (rule, state.report)
    }

    private var corpusOptions: MetaCorpus.Options {
        var corpus = options.corpus
        corpus.threads = threads
        return corpus
    }

    private func statistics(
        _ progress: @escaping @Sendable (Progress) -> Void
    ) throws -> RuleTensors {
        var tensors = RuleTensors()
        guard cortex.rule.matrix.isOn || cortex.rule.episode.isOn else { return tensors }
        let dataset = ActivationDataset.collect(
            inner: cortex.inner, tokenizer: cortex.tokenizer,
            texts: texts.map(\.text) + [generic], limit: options.statisticPositions,
            seed: options.seed, progress: { progress(.statistics($0)) })
        let moments = HiddenStatistics(of: dataset, inner: cortex.inner)
        if cortex.rule.matrix.isOn { tensors.whitening = moments.whitening() }
        if cortex.rule.episode.isOn {
            tensors.keyProjection = moments.keyProjection(keySize: options.keySize)
        }
        return tensors
    }

    private func train(
        _ corpus: MetaCorpus, _ rule: inout PlasticityRule, round: Int, report: inout Report,
        _ progress: @escaping @Sendable (Progress) -> Void
    ) throws {
        let count = corpus.users.count
        let logging = TokenLogging(
            corpus: corpus, cortex: try cortex.with(rule: rule),
            options: TokenLogging.Options().scaled(by: options.logShare))
        let dataset = try logging.dataset(
            seed: options.seed &+ UInt64(round), threads: threads
        ) { progress(.logging(round: round, done: $0, of: count)) }
        var trainerOptions = options.trainer
        trainerOptions.seed = options.seed &* 10 &+ UInt64(round)
        trainerOptions.threads = threads
        // The first network has seen the ungated sites only, and its standardisation is theirs; the
        // second begins anew on what gated sites learn; later ones go on from it.
        let start = round > 2 ? rule.tensors.neuromodulator : nil
        if start != nil { trainerOptions.learningRate *= 2.0 / 3 }
        var trainer = NeuromodulatorTrainer(
            dataset: dataset, options: trainerOptions, start: start)
        while trainer.step < trainer.stepCount {
            let loss = trainer.advance()
            let share = Double(trainer.step) / Double(trainer.stepCount)
            progress(.training(round: round, share: share, loss: loss))
        }
        rule.tensors.neuromodulator = trainer.neuromodulator
        let losses = NeuromodulatorTrainer.loss(of: trainer.neuromodulator, on: dataset)
        report.rounds.append(
            Report.Round(
                tokens: dataset.count,
                losses: Dictionary(uniqueKeysWithValues: losses.map { ("\($0.key)", $0.value) })))
    }
}
