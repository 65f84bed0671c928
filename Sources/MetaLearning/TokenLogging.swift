import Engrams
import Foundation
import Kernels
import OuterCortex

/// Logs what every site says of tokens in the situations that a neuromodulator has to tell apart:
/// a user's stream while it is learned, their next text without learning, their next session
/// with learning, and text of others with their engram loaded, in short and in long contexts and
/// with a quarter, half and all of the stream learned.
struct TokenLogging {
    struct Options: Sendable, Codable, Equatable {
        /// Share of the tokens of each situation that are logged.
        var streamShare = 0.3
        var nextShare = 0.5
        var foreignShare = 0.5
        /// Foreign contexts met at each quarter of the stream, and at its end.
        var shortContextsOnTheWay = 2
        var shortContextsAtTheEnd = 8
        var longContextsAtTheEnd = 2
        init() {}

        /// With each share times `factor`, at most all.
        func scaled(by factor: Double) -> Options {
            var options = self
            options.streamShare = min(1, streamShare * factor)
            options.nextShare = min(1, nextShare * factor)
            options.foreignShare = min(1, foreignShare * factor)
            return options
        }
    }

    let corpus: MetaCorpus
    let cortex: Cortex
    var options = Options()

    /// - Parameters:
    ///   - seed: chooses contexts and tokens; each user has a sequence of its own.
    ///   - progress: called after each user with the number done.
    func dataset(
        seed: UInt64, threads: Int, progress: @escaping @Sendable (Int) -> Void
    ) throws -> NeuromodulatorDataset {
        let done = Counter()
        let logs = try parallelMap(corpus.users.count, threads: threads) { index in
            let log = try log(of: index, seed: seed &* 1_000_003 &+ UInt64(index))
            progress(done.increment())
            return log
        }
        var all = emptyDataset
        for log in logs { all.append(contentsOf: log) }
        return all
    }

    private var emptyDataset: NeuromodulatorDataset {
        NeuromodulatorDataset(
            statisticCount: cortex.rule.statisticCount, siteCount: cortex.rule.siteCount)
    }

    private func log(of index: Int, seed: UInt64) throws -> NeuromodulatorDataset {
        let user = corpus.users[index]
        let others = corpus.users.indices.filter { $0 != index }
        let recorder = SamplingRecorder(emptyDataset, seed: seed)
        var generator = SeededGenerator(seed: seed ^ 0x9E37_79B9)
        var engram = cortex.emptyEngram()

        func learn(_ pieces: ArraySlice<RecordedText>, kind: NeuromodulatorDataset.Kind) throws {
            recorder.begin(kind, share: kind == .stream ? options.streamShare : options.nextShare)
            for piece in pieces {
                let task = cortex.startObserving(piece, from: engram, recorder: recorder)
                while !task.advance() {}
                try engram.commit(task.result.proposal, within: cortex.zone)
            }
        }
        func score(_ text: RecordedText, _ kind: NeuromodulatorDataset.Kind, share: Double) {
            recorder.begin(kind, share: share)
            let task = cortex.startScoring(text, with: engram, recorder: recorder)
            while !task.advance() {}
        }
        /// One context of generic text or of another user's, as a coin falls.
        func scoreForeign(isLong: Bool) {
            let generic = isLong ? corpus.genericLong : corpus.genericShort
            let other = others.isEmpty ? 0 : others[generator.below(others.count)]
            let theirs = isLong ? corpus.users[other].longNext : corpus.users[other].shortNext
            let pool = others.isEmpty || generator.below(2) == 0 ? generic : theirs
            guard !pool.isEmpty else { return }
            let share = options.foreignShare * (isLong ? 0.5 : 1)
            score(pool[generator.below(pool.count)], .foreign, share: share)
        }

        let count = user.stream.count
        let cuts = [0, count / 4, count / 2, count]
        for (from, to) in zip(cuts, cuts.dropFirst()) where from < to {
            try learn(user.stream[from..<to], kind: .stream)
            guard to < count else { continue }
            for _ in 0..<options.shortContextsOnTheWay { scoreForeign(isLong: false) }
            score(user.stream[to], .next, share: options.nextShare)
        }
        engram = engram.consolidated(within: cortex.zone)
        for _ in 0..<options.shortContextsAtTheEnd { scoreForeign(isLong: false) }
        for _ in 0..<options.longContextsAtTheEnd { scoreForeign(isLong: true) }
        for text in user.shortNext { score(text, .next, share: options.nextShare * 0.7) }
        for text in user.longNext { score(text, .next, share: options.nextShare * 0.5) }
        try learn(user.nextPieces[...], kind: .second)
        return recorder.dataset
    }
}

/// Logs a random share of the tokens that a task predicts.
private final class SamplingRecorder: TokenRecorder {
    private(set) var dataset: NeuromodulatorDataset
    private var kind = NeuromodulatorDataset.Kind.stream
    private var share = 1.0
    private var generator: SeededGenerator

    init(_ dataset: NeuromodulatorDataset, seed: UInt64) {
        self.dataset = dataset
        generator = SeededGenerator(seed: seed)
    }

    func begin(_ kind: NeuromodulatorDataset.Kind, share: Double) {
        self.kind = kind
        self.share = share
    }

    func wantsToken() -> Bool { generator.uniformDouble() < share }

    func record(_ log: TokenLog) {
        dataset.append(
            kind: kind, isCandidate: log.isCandidate, remainders: log.remainders,
            statistics: log.statistics, logProbabilities: log.logProbabilities, terms: log.terms)
    }
}

extension SeededGenerator {
    /// A whole number in 0..<limit, for a limit far below 2³².
    mutating func below(_ limit: Int) -> Int { Int(next() >> 33) % limit }
}
