import AllocationCounter
public import Engrams
import InnerCortex
import ModelFormats
public import OuterCortex

/// One kind of work on a core, to be counted token by token: always the same text, seed and engram.
public enum Workload: String, CaseIterable, Sendable {
    case prefill
    case decodeFrozen = "decode_frozen"
    case decodeAdapted = "decode_adapted"
    /// Every guess that the engram has is read along, whether it pays or not.
    case decodeDrafted = "decode_drafted"
    case score
    case learn

    /// A lesson of as many tokens as are asked for, with something new in each sentence.
    static func text(_ cortex: Cortex, count: Int) -> [TokenID] {
        var tokens: [TokenID] = []
        var year = 1
        while tokens.count < count {
            tokens += cortex.tokenizer.encode(
                "In the year \(year) the keeper wrote down the weather, the ships that passed, and "
                    + "the price of oil. ")
            year += 1
        }
        return Array(tokens.prefix(count))
    }

    /// An engram that has learned 512 tokens of that text.
    public static func engram(_ cortex: Cortex) -> Engram {
        let task = cortex.startObserving(text(cortex, count: 512), from: cortex.emptyEngram())
        while !task.advance() {}
        var engram = cortex.emptyEngram()
        do {
            try engram.commit(task.result.proposal, within: cortex.zone)
        } catch {
            preconditionFailure("what was learned is refused: \(error)")
        }
        return engram
    }

    /// Makes the work ready to run.
    /// - Parameter tokens: how many it will do; cut to what the core's context holds, where a context
    ///   is all there is.
    /// - Returns: Does the work of at least one token and says of how many; 0 at the end.
    func prepared(_ cortex: Cortex, _ engram: Engram, tokens count: Int) -> () -> Int {
        let context = cortex.inner.config.contextLength
        switch self {
        case .prefill:
            let text = Self.text(cortex, count: min(count, context))
            let cache = cortex.inner.makeCache(capacity: text.count)
            var hidden: [Float] = []
            return {
                let part = text[cache.count...].prefix(32)
                guard !part.isEmpty else { return 0 }
                cortex.inner.forward(part, cache: cache, hidden: &hidden)
                return part.count
            }
        case .decodeFrozen, .decodeAdapted, .decodeDrafted:
            var sampling = SamplingOptions()
            (sampling.temperature, sampling.topP) = (0.8, 0.95)
            let request = GenerationRequest(
                prompt: Self.text(cortex, count: 16), maxTokens: min(count, context - 18),
                sampling: sampling, seed: 7, mode: self == .decodeFrozen ? .frozen : .adapted,
                drafting: self == .decodeDrafted ? .always : .off)
            let task = cortex.startGenerating(request, with: engram)
            while task.isReadingPrompt, !task.advance() {}
            return {
                let isOver = task.advance()
                task.takeOutput { _ in }
                return isOver ? 0 : 1
            }
        case .score:
            return Self.steps(
                cortex.startScoring(Self.text(cortex, count: count), with: engram))
        case .learn:
            return Self.steps(
                cortex.startObserving(Self.text(cortex, count: count), from: engram))
        }
    }

    private static func steps(_ task: some CortexTask) -> () -> Int {
        { task.advance() ? 0 : 1 }
    }

    /// Does the work, all of it within `hebb_counted`.
    /// - Returns: Of how many tokens.
    public func countedRun(_ cortex: Cortex, _ engram: Engram, tokens count: Int) -> Int {
        struct Run {
            var step: () -> Int
            var done = 0
        }
        var run = Run(step: prepared(cortex, engram, tokens: count))
        withUnsafeMutablePointer(to: &run) { run in
            hebb_counted(
                { context in
                    guard let run = context?.assumingMemoryBound(to: Run.self) else { return }
                    while case let more = run.pointee.step(), more > 0 { run.pointee.done += more }
                }, run)
        }
        return run.done
    }

    /// Allocations a token once it runs: over the second half of the tokens.
    /// - Parameter tokens: at least 2.
    public func allocations(_ cortex: Cortex, _ engram: Engram, tokens count: Int) -> Double {
        // Pages for keys and values are those that an earlier text gave back.
        do {
            let earlier = prepared(cortex, engram, tokens: count)
            while earlier() > 0 {}
        }
        let step = prepared(cortex, engram, tokens: count)
        var done = 0
        while done < count / 2, case let more = step(), more > 0 { done += more }
        let before = hebb_allocation_count()
        var counted = 0
        while done + counted < count - 1, case let more = step(), more > 0 { counted += more }
        return Double(hebb_allocation_count() - before) / Double(max(1, counted))
    }
}
