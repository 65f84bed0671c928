import ArgumentParser
import Engrams
import Foundation
import InnerCortex
import Kernels
import ModelFormats
import OuterCortex

/// `hebb bench`: how fast a core runs on this machine.
struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure how fast a core reads, writes and learns on this machine.",
        discussion: """
            Example: hebb bench --repeats 7 --users 16 --json

            deploy/bench/against-llama-cpp.py sets llama.cpp beside it, on the same file.

            Each figure is the median of the repeats, after one \
            that does not count.
            """)

    @OptionGroup var core: CoreOptions
    @OptionGroup var computing: ThreadOptions

    @Option(help: "How often to measure each figure.")
    var repeats = 5

    @Option(help: "Tokens to generate per repeat.")
    var decodeTokens = 128

    @Option(help: "Also that many users who decode side by side, each with an engram.")
    var users = 0

    @Option(help: "A text to learn from (default: a paragraph that Hebb brings).")
    var text: String?

    @Flag(help: "Answer in JSON on stdout.")
    var json = false

    func validate() throws {
        guard repeats >= 1, decodeTokens >= 1 else {
            throw ValidationError("--repeats and --decode-tokens must be at least 1")
        }
        guard (0...256).contains(users) else {
            throw ValidationError("--users must be between 0 and 256")
        }
    }

    struct Report: Encodable {
        var core: String
        var kernelClass: String
        var openBlasKernels: String
        var loadSeconds: Double
        /// Tokens a second, medians.
        var prefill: Double
        var decodeFrozen: Double
        var decodeAdapted: Double
        var score: Double
        var learn: Double
        /// Of all users together; nil without `--users`.
        var decodeBatch: Double?
        var decodeBatchAdapted: Double?
    }

    func run() async throws {
        let location = try core.location()
        let clock = ContinuousClock()
        let start = clock.now
        let cortex = try Cortex(at: location, threads: computing.threads ?? 1)
        let loadSeconds = (clock.now - start) / .seconds(1)
        let sample = try text.map { try TextDocument(path: $0).text }
        let tokens = cortex.tokenizer.encode(
            sample ?? Self.sampleText)
        guard tokens.count >= 8 else { throw ClientError.emptyInput(name: text ?? "the text") }

        let report = Report(
            core: cortex.modelName, kernelClass: KernelClass.current,
            openBlasKernels: BLAS.coreName, loadSeconds: loadSeconds,
            prefill: prefillRate(cortex, tokens),
            decodeFrozen: decodeRate(cortex, tokens, mode: .frozen),
            decodeAdapted: decodeRate(cortex, tokens, mode: .adapted),
            score: scoreRate(cortex, tokens),
            learn: learnRate(cortex, tokens),
            decodeBatch: users > 0 ? batchRate(cortex, tokens, mode: .frozen) : nil,
            decodeBatchAdapted: users > 0 ? batchRate(cortex, tokens, mode: .adapted) : nil)
        if json { return try Terminal.json(report) }
        Terminal.result(
            """
            \(report.core), kernels \(report.kernelClass), OpenBLAS \(report.openBlasKernels)
            load              \(Figure.fixed(report.loadSeconds, 2)) s
            prefill           \(Figure.grouped(Int(report.prefill))) tokens/s
            decode, frozen    \(Figure.grouped(Int(report.decodeFrozen))) tokens/s
            decode, adapted   \(Figure.grouped(Int(report.decodeAdapted))) tokens/s
            score             \(Figure.grouped(Int(report.score))) tokens/s
            learn             \(Figure.grouped(Int(report.learn))) tokens/s
            """)
        if let frozen = report.decodeBatch, let adapted = report.decodeBatchAdapted {
            Terminal.result(
                """
                \(users) users, frozen  \(Figure.grouped(Int(frozen))) tokens/s
                \(users) users, adapted \(Figure.grouped(Int(adapted))) tokens/s
                """)
        }
    }

    /// The core alone: a full context through every layer.
    private func prefillRate(_ cortex: Cortex, _ tokens: [TokenID]) -> Double {
        let length = min(512, cortex.inner.config.contextLength)
        let prompt = (0..<length).map { tokens[$0 % tokens.count] }
        let cache = cortex.inner.makeCache(capacity: length)
        var hidden: [Float] = []
        return median("prefill") {
            cache.truncate(to: 0)
            cortex.inner.forward(prompt[...], cache: cache, hidden: &hidden)
            return length
        }
    }

    /// One token after the other, sampled, with all that the safe zone asks for.
    private func decodeRate(
        _ cortex: Cortex, _ tokens: [TokenID], mode: GenerationRequest.Mode
    ) -> Double {
        let engram = learned(cortex, tokens)
        let request = request(cortex, tokens, seed: 1, mode)
        return median("decode") {
            let task = cortex.startGenerating(request, with: engram)
            task.runToEnd()
            return max(1, task.result.tokens.count)
        }
    }

    private func request(
        _ cortex: Cortex, _ tokens: [TokenID], seed: UInt64, _ mode: GenerationRequest.Mode
    ) -> GenerationRequest {
        let room = cortex.inner.config.contextLength - 2
        return GenerationRequest(
            prompt: Array(tokens.prefix(8)), maxTokens: min(decodeTokens, max(1, room - 8)),
            sampling: SamplingOptions(), seed: seed, mode: mode)
    }

    /// All users' tokens, as the server decodes them: one pass over the weights for a token of each.
    private func batchRate(
        _ cortex: Cortex, _ tokens: [TokenID], mode: GenerationRequest.Mode
    ) -> Double {
        let engram = learned(cortex, tokens)
        var reader = CoreReader(cortex: cortex)
        return median("\(users) users") {
            let all = (1...users).map { user in
                cortex.startGenerating(
                    request(cortex, tokens, seed: UInt64(user), mode), with: engram)
            }
            var running = all
            while !running.isEmpty {
                let readings = running.compactMap(\.asks)
                if !readings.isEmpty { reader.read(readings) }
                running.removeAll { $0.advance() }
            }
            return max(1, all.reduce(0) { $0 + $1.result.tokens.count })
        }
    }

    private func scoreRate(_ cortex: Cortex, _ tokens: [TokenID]) -> Double {
        let engram = learned(cortex, tokens)
        return median("score") {
            let task = cortex.startScoring(tokens, with: engram)
            task.runToEnd()
            return task.result.tokens
        }
    }

    private func learnRate(_ cortex: Cortex, _ tokens: [TokenID]) -> Double {
        median("learn") {
            let task = cortex.startObserving(tokens, from: cortex.emptyEngram())
            task.runToEnd()
            return task.result.tokens
        }
    }

    private func learned(_ cortex: Cortex, _ tokens: [TokenID]) -> Engram {
        let task = cortex.startObserving(tokens, from: cortex.emptyEngram())
        task.runToEnd()
        var engram = cortex.emptyEngram()
        // Without a commit the figures are those of an empty engram; nothing else depends on it.
        _ = try? engram.commit(task.result.proposal, within: cortex.zone)
        return engram
    }

    /// Tokens a second, the middle one of the repeats.
    private func median(_ label: String, _ work: () -> Int) -> Double {
        var bar = ProgressBar(label: label, total: repeats)
        defer { bar.finish() }
        _ = work()
        var rates: [Double] = []
        for done in 1...repeats {
            let start = ContinuousClock.now
            let tokens = work()
            rates.append(Double(tokens) / ((ContinuousClock.now - start) / .seconds(1)))
            bar.show(done: done, note: "")
        }
        return rates.sorted()[rates.count / 2]
    }

    static let sampleText = """
        The keeper of the lighthouse wrote down the weather four times a day. In the morning the \
        wind came from the west and the sea was calm; by noon the wind had turned to the south, \
        and the first clouds stood over the islands. He lit the lamp at dusk. The lamp burned oil, \
        and the oil came by boat, once a month, when the sea was calm. When the boat was late he \
        lit the small lamp, which burned less, and wrote that down as well. A ship passed at nine \
        and another at eleven; he wrote down their names when he could read them, and the number \
        of their masts when he could not. At midnight the wind came from the west again. The keeper \
        of the lighthouse wrote down the weather, wound the clock, and slept until four.
        """
}
