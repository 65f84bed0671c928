import Engrams
import Foundation
import InnerCortex
import Kernels
import ModelFormats
import Synchronization
import Testing
import TinyCore

@testable import MetaLearning
@testable import OuterCortex

/// Keeps every log.
private final class Keeper: TokenRecorder {
    var dataset: NeuromodulatorDataset

    init(_ rule: PlasticityRule) {
        dataset = NeuromodulatorDataset(
            statisticCount: rule.statisticCount, siteCount: rule.siteCount)
    }

    func wantsToken() -> Bool { true }

    func record(_ log: TokenLog) {
        dataset.append(
            kind: .stream, isCandidate: log.isCandidate, remainders: log.remainders,
            statistics: log.statistics, logProbabilities: log.logProbabilities, terms: log.terms)
    }
}

@Suite("Meta-learning a rule")
final class MetaLearnerTests {
    let folder: String
    let cortex: Cortex
    let users: [(name: String, text: String)]
    let generic = String(
        repeating: "Invoices are due in thirty days. Payment is by transfer only.\n", count: 30)

    init() throws {
        folder = try TinyCore.make()
        var rule = PlasticityRule()
        rule.safeZone.learningGate = 100
        rule.episode.capacity = 500
        rule.episode.sharedLatents = 1
        cortex = try Cortex(folder: folder, rule: rule)
        users = ["heron", "badger", "curlew"].enumerated().map { index, name in
            let line = "The \(name) of pier \(index) is called Ottoline and eats eels at noon.\n"
            return (name, String(repeating: line, count: 40))
        }
    }

    deinit { TinyCore.remove(folder) }

    private var options: MetaLearner.Options {
        var options = MetaLearner.Options()
        options.corpus.pieceBytes = 400
        options.corpus.shortContext = 60
        options.corpus.longContext = 120
        options.corpus.genericContexts = 8
        options.evaluations = 6
        options.searchUsers = 2
        options.searchPieces = 2
        options.rounds = 2
        options.trainer.epochs = 2
        options.trainer.batchSize = 256
        options.trainer.hiddenUnits = 8
        options.trainer.readoutUnits = 4
        options.statisticPositions = 600
        options.keySize = 8
        return options
    }

    private func learner(
        threads: Int, state: URL? = nil, rounds: Int = 2
    ) -> MetaLearner {
        var options = options
        options.rounds = rounds
        return MetaLearner(
            cortex: cortex, users: users, generic: generic, options: options, stateFolder: state,
            threads: threads)
    }

    @Test("A neuromodulator's loss on the log is its loss where it serves", arguments: 0..<4)
    func logIsTrue(seed: UInt64) throws {
        var rule = cortex.rule
        // The log knows no mixture: let next to all of the adapted distribution through.
        rule.safeZone.maximumDivergence = 100
        rule.safeZone.initialTrust = 0.999
        rule.safeZone.maximumTrust = 0.999
        rule.safeZone.trustShare = 1
        rule.tensors.keyProjection = .identity(size: cortex.inner.config.hiddenSize)
        // One that nobody trained: a readout that says what it likes, under gains of 1, since the
        // remainder is sampled for those and this core's distributions are nearly flat.
        let wild = MadeUpLog.modulator(
            statistics: rule.statisticCount, sites: rule.siteCount, seed: seed)
        let modulator = Neuromodulator(
            mean: wild.mean, inverseDeviation: wild.inverseDeviation,
            hiddenWeight: wild.hiddenWeight, hiddenBias: wild.hiddenBias,
            gainWeight: wild.gainWeight.map { _ in 0 },
            gainBias: wild.gainBias.map { _ in Neuromodulator.unitGainBias },
            readoutWeight: wild.readoutWeight, readoutBias: wild.readoutBias,
            readoutContext: wild.readoutContext, readoutOutput: wild.readoutOutput)
        rule.tensors.neuromodulator = modulator
        let cortex = try cortex.with(rule: rule)
        #expect(cortex.inner.config.vocabularySize > 2 * NeuromodulatorDataset.slotLimit)
        var engram = cortex.emptyEngram()
        let texts = users.map { user in
            cortex.record(cortex.tokenizer.encode(user.text, parsingSpecialTokens: false))
        }
        let observing = cortex.startObserving(texts[0], from: engram)
        while !observing.advance() {}
        try engram.commit(observing.result.proposal, within: cortex.zone)
        let keeper = Keeper(rule)
        let scoring = cortex.startScoring(texts[1], with: engram, recorder: keeper)
        while !scoring.advance() {}
        let bits = scoring.result.bits
        let logged = try #require(
            NeuromodulatorTrainer.loss(of: modulator, on: keeper.dataset)[.stream])
        let tokens = Double(scoring.result.tokens)
        #expect(logged.tokens == scoring.result.tokens)
        #expect(abs(logged.frozen * tokens - bits.frozen) < 1e-3 * bits.frozen)
        // Sixteen tokens stand for four hundred of much the same probability here.
        #expect(abs(logged.modulated * tokens - bits.adapted) < 0.05 * bits.adapted)
        #expect(abs(bits.adapted - bits.frozen) > 0.1 * bits.frozen)
    }

    @Test("gives a rule that learns better than it began, the same on one thread and on two")
    func learns() throws {
        let (rule, report) = try learner(threads: 2).run { _ in }
        let (again, _) = try learner(threads: 1).run { _ in }
        #expect(try rule.contentHash() == again.contentHash())
        #expect(report.rounds.count == 2)
        #expect(report.evaluations >= 6)
        #expect((report.valueAfter ?? 0) >= (report.valueBefore ?? 0))
        #expect(rule.tensors.keyProjection?.keySize == 8)
        #expect(rule.tensors.whitening == nil)
        for round in report.rounds {
            #expect(Set(round.losses.keys) == ["stream", "next", "second", "foreign"])
        }
        // Over all situations it was trained on; which of them gains most is its own choice.
        let losses = try #require(report.rounds.last?.losses)
        func total(_ loss: (NeuromodulatorTrainer.Losses) -> Double) -> Double {
            losses.reduce(0) { $0 + loss($1.value) * ($1.key == "second" ? 0.5 : 1) }
        }
        #expect(total(\.modulated) < total(\.ungated))
        // The rule runs, and helps.
        let learned = try cortex.with(rule: rule)
        var engram = learned.emptyEngram()
        for piece in TextPieces.split(users[0].text, bytes: 400) {
            let task = learned.startObserving(
                learned.tokenizer.encode(piece, parsingSpecialTokens: false), from: engram)
            while !task.advance() {}
            try engram.commit(task.result.proposal, within: learned.zone)
        }
        let score = learned.startScoring(
            learned.tokenizer.encode(users[0].text), with: engram)
        while !score.advance() {}
        #expect(score.result.bits.adapted < 0.5 * score.result.bits.frozen)
    }

    @Test("goes on after an interruption and ends with the same rule")
    func resumes() throws {
        let state = FileManager.default.temporaryDirectory
            .appendingPathComponent("hebb-meta-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: state) }
        let (whole, report) = try learner(threads: 2).run { _ in }
        // A run that dies at its first round, with all of the search behind it.
        struct Death: Error {}
        let interrupted = learner(threads: 2, state: state)
        let saved = Mutex<[String: Data]>([:])
        _ = try interrupted.run { progress in
            guard case .logging(2, 1, _) = progress else { return }
            // What is on disk when the second round begins.
            let names = (try? FileManager.default.contentsOfDirectory(atPath: state.path)) ?? []
            saved.withLock { saved in
                for name in names {
                    saved[name] = FileManager.default.contents(
                        atPath: state.appendingPathComponent(name).path)
                }
            }
        }
        for (name, data) in saved.withLock({ $0 }) {
            try data.write(to: state.appendingPathComponent(name))
        }
        let readings = Mutex<[String]>([])
        let (resumed, resumedReport) = try learner(threads: 2, state: state).run { progress in
            readings.withLock { $0.append("\(progress)") }
        }
        #expect(try resumed.contentHash() == whole.contentHash())
        #expect(resumedReport == report)
        #expect(readings.withLock { !$0.contains { $0.hasPrefix("searching") } })
        #expect(throws: TrainingError.self) {
            try learner(threads: 2, state: state, rounds: 5).run { _ in }
        }
    }

    @Test("refuses a state of another core, other texts or other options")
    func refusesOtherState() throws {
        let state = FileManager.default.temporaryDirectory
            .appendingPathComponent("hebb-meta-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: state) }
        // The corpus and the statistics alone: a state is written before the search.
        var options = options
        options.search = .none
        options.rounds = 0
        func run(
            _ cortex: Cortex? = nil, users: [(name: String, text: String)]? = nil,
            generic: String? = nil, options: MetaLearner.Options
        ) throws {
            let learner = MetaLearner(
                cortex: cortex ?? self.cortex, users: users ?? self.users,
                generic: generic ?? self.generic, options: options, stateFolder: state, threads: 2)
            _ = try learner.run { _ in }
        }
        try run(options: options)
        try run(options: options)
        var changed = users
        changed[2].text += "."
        #expect(throws: TrainingError.self) { try run(users: changed, options: options) }
        #expect(throws: TrainingError.self) { try run(users: users.dropLast(), options: options) }
        #expect(throws: TrainingError.self) { try run(generic: generic + ".", options: options) }
        let other = try TinyCore.make(seed: 2)
        defer { TinyCore.remove(other) }
        let otherCortex = try Cortex(folder: other, rule: cortex.rule)
        #expect(throws: TrainingError.self) { try run(otherCortex, options: options) }
        var otherOptions = options
        otherOptions.keySize = 7
        #expect(throws: TrainingError.self) { try run(options: otherOptions) }
        // Refusals leave the state as it was.
        try run(options: options)
        try Data("{}".utf8).write(to: state.appendingPathComponent("meta-learning.json"))
        #expect(throws: TrainingError.self) { try run(options: options) }
    }
}

@Suite("Statistics of hidden states")
struct HiddenStatisticsTests {
    @Test("make keys and whitened states whose directions are evenly used")
    func whitens() throws {
        let folder = try TinyCore.make()
        defer { TinyCore.remove(folder) }
        let cortex = try Cortex(folder: folder)
        let text = (0..<400).map { "line \($0 * 7919 % 1009) of the log says \($0 % 13)" }
        let dataset = ActivationDataset.collect(
            inner: cortex.inner, tokenizer: cortex.tokenizer,
            texts: [text.joined(separator: "\n")], limit: 2_000, seed: 1, progress: { _ in })
        let statistics = HiddenStatistics(of: dataset, inner: cortex.inner)
        let size = dataset.hiddenSize
        let whitening = statistics.whitening()
        let keys = statistics.keyProjection(keySize: 6)
        #expect(keys.keySize == 6)
        // T = C^(-1/4): the variance along a principal direction becomes its square root, so the
        // spread between the largest and the smallest shrinks.
        func variances(_ matrix: [Float], rows: Int) -> [Double] {
            var sums = [Double](repeating: 0, count: rows)
            for index in 0..<dataset.count {
                let row = dataset.values[index * size..<(index + 1) * size]
                let centred = zip(row, whitening.mean).map { $0 - $1 }
                for output in 0..<rows {
                    let part = matrix[output * size..<(output + 1) * size]
                    let value = zip(part, centred).reduce(Float(0)) { $0 + $1.0 * $1.1 }
                    sums[output] += Double(value) * Double(value) / Double(dataset.count)
                }
            }
            return sums
        }
        let identity = Whitening.identity(size: size).transform
        let (plain, projected) = (
            variances(identity, rows: size), variances(keys.projection, rows: 6)
        )
        #expect(zip(projected, projected.dropFirst()).allSatisfy { $0 >= $1 * 0.999 })
        // Whitened total: Σ√λ, between the plain one's root and what even directions would give.
        let total = plain.reduce(0, +)
        let whitened = variances(whitening.transform, rows: size).reduce(0, +)
        #expect(whitened > total.squareRoot() * 0.999)
        #expect(whitened < (Double(size) * total).squareRoot() * 1.001)
        // A·(U_j − ū) has mean norm 1.
        var norms = 0.0
        var row = [Float](repeating: 0, count: size)
        for token in 0..<cortex.inner.config.vocabularySize {
            do {
                var span = row.mutableSpan
                cortex.inner.unembeddingRow(TokenID(token), into: &span)
            }
            let centred = zip(row, whitening.unembeddingMean).map { $0 - $1 }
            var output = [Float](repeating: 0, count: size)
            whitening.unwhitened(centred, into: &output)
            norms += Double(output.reduce(0) { $0 + $1 * $1 }.squareRoot())
        }
        #expect(abs(norms / Double(cortex.inner.config.vocabularySize) - 1) < 1e-3)
    }
}
