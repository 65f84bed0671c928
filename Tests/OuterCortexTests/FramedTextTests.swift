import Foundation
import InnerCortex
import Kernels
import ModelFormats
import Testing
import TinyCore

@testable import Engrams
@testable import OuterCortex

/// What stands before a text in the context.
@Suite("What the tokenizer puts before a text")
struct FramedTextTests {
    private static let rule =
        #"{"format":"hebb.rule","format_version":2,"safe_zone":{"learning_gate":100}}"#

    private func withCortex(
        prefix: [Int], prepare: (String) throws -> Void = { _ in },
        _ body: (Cortex) throws -> Void
    ) throws {
        let folder = try TinyCore.make(rule: Self.rule, prefix: prefix)
        defer { TinyCore.remove(folder) }
        try prepare(folder)
        try body(try Cortex(folder: folder))
    }

    /// −log2 p0 of each token after `given` of them, by one pass over all.
    private func bits(_ cortex: Cortex, _ tokens: [TokenID], given: Int) -> [Double] {
        let cache = cortex.inner.makeCache(capacity: tokens.count)
        var hidden: [Float] = []
        cortex.inner.forward(tokens[...], cache: cache, hidden: &hidden)
        var logits: [Float] = []
        cortex.inner.unembed(hidden, count: tokens.count, logits: &logits)
        let size = TinyCore.vocabularySize
        return (given..<tokens.count).map { index in
            let row = Array(logits[(index - 1) * size..<index * size])
            var p = row
            var span = p.mutableSpan
            let normalizer = VectorKernels.softmax(row.span, into: &span)
            return Double(normalizer - row[tokens[index].index]) / log(2)
        }
    }

    @Test(
        "is what a scored text follows, whole and once", arguments: [[0], [7, 0], [9, 8, 0, 5]])
    func scoring(prefix: [Int]) throws {
        try withCortex(prefix: prefix) { cortex in
            let text = cortex.encode("The heron on the northern pier.")
            let before = prefix.map { TokenID($0) }
            let expected = bits(cortex, before + text, given: prefix.count)
            for given in [text, before + text] {
                let task = cortex.startScoring(given, with: cortex.emptyEngram())
                task.run()
                let scored = task.result
                #expect(scored.tokens == text.count)
                #expect(scored.perToken.map(\.token) == text)
                #expect(scored.bytes == 31)
                for (token, bits) in zip(scored.perToken, expected) {
                    #expect(abs(token.frozen - bits) < 1e-4)
                }
            }
            #expect(cortex.hasPredictions(text) && !cortex.hasPredictions(before))
            #expect(!cortex.hasPredictions([]))
        }
    }

    @Test("A text longer than the context is read whole behind any prefix", arguments: [1, 2, 5])
    func windows(length: Int) throws {
        try withCortex(prefix: [Int](repeating: 3, count: length)) { cortex in
            let text = cortex.encode(lesson)
            let scored = cortex.score(lesson, with: cortex.emptyEngram())
            #expect(scored.perToken.map(\.token) == text)
            let recorded = cortex.record(text)
            #expect(recorded.count == text.count)
            let task = cortex.startScoring(recorded, with: cortex.emptyEngram())
            task.run()
            #expect(task.result.perToken == scored.perToken)
            var engram = cortex.emptyEngram()
            let seen = try cortex.observe(lesson, into: &engram)
            #expect(seen.tokens == text.count)
            #expect(engram.tokensLearned == text.count)
        }
    }

    @Test(
        "An answer follows its prompt behind the prefix, and nothing else, once",
        arguments: [[], [0], [7, 0]])
    func generation(prefix: [Int]) throws {
        try withCortex(prefix: prefix) { cortex in
            let text = cortex.encode("The heron")
            let before = prefix.map { TokenID($0) }
            func first(_ prompt: [TokenID]) throws -> GeneratedToken {
                let task = cortex.startGenerating(
                    GenerationRequest(
                        prompt: prompt, maxTokens: 1,
                        sampling: SamplingOptions(temperature: 0), seed: 1, topLogprobs: 1),
                    with: cortex.emptyEngram())
                task.run()
                #expect(task.result.promptTokens == prompt.count)
                return try #require(task.output().flatMap(\.tokens).first)
            }
            for prompt in [text, before + text] {
                let token = try first(prompt)
                let expected = bits(
                    cortex, before + text + [token.token], given: before.count + text.count)
                #expect(abs(-token.logprob / log(2) - expected[0]) < 1e-4)
            }
            // Something has to stand before the first token of all.
            let token = try first([])
            let opening = prefix.isEmpty ? [TokenID(0)] : before
            let expected = bits(cortex, opening + [token.token], given: opening.count)
            #expect(abs(-token.logprob / log(2) - expected[0]) < 1e-4)
        }
    }

    @Test(
        "A verdict reads an answer in the context that it was given in", arguments: [[], [7, 0]])
    func feedback(prefix: [Int]) throws {
        try withCortex(prefix: prefix) { cortex in
            let prompt = cortex.encode("The heron on")
            let answer = cortex.encode(" the pier")
            let task = cortex.startFeedback(
                [JudgedAnswer(prompt: prompt, answer: answer, drive: 1)],
                from: cortex.emptyEngram())
            task.run()
            let tokens = prefix.map { TokenID($0) } + prompt + answer
            let nats =
                bits(cortex, tokens, given: tokens.count - answer.count)
                .reduce(0, +) * log(2)
            #expect(abs(task.result.likelihoods[0].before + nats) < 1e-3)
            #expect(task.result.tokens == answer.count)
        }
    }

    @Test("A prompt may fill the context but for one token")
    func room() throws {
        for prefix in [[], [0], [7, 0]] {
            try withCortex(prefix: prefix) { cortex in
                let most = TinyCore.contextLength - 1 - prefix.count
                let prompt = [TokenID](repeating: TokenID(5), count: most)
                #expect(cortex.hasRoom(after: prompt))
                #expect(!cortex.hasRoom(after: prompt + [TokenID(5)]))
                #expect(cortex.hasRoom(after: prefix.map { TokenID($0) } + prompt))
                let task = cortex.startGenerating(
                    GenerationRequest(
                        prompt: prompt, maxTokens: 9, sampling: SamplingOptions(temperature: 0),
                        seed: 1), with: cortex.emptyEngram())
                task.run()
                #expect(task.result.tokens.count <= 1)
            }
        }
    }

    @Test("A prefix that fills the context is refused, and so is a core that begins nowhere")
    func refusals() throws {
        let long = [Int](repeating: 3, count: TinyCore.contextLength)
        #expect(throws: ModelFormatError.self) { try withCortex(prefix: long) { _ in } }
        func dropEnds(_ folder: String) throws {
            let url = URL(fileURLWithPath: folder + "/config.json")
            let text = String(decoding: try Data(contentsOf: url), as: UTF8.self)
                .replacing(#", "bos_token_id": 0, "eos_token_id": 0"#, with: "")
            try Data(text.utf8).write(to: url)
        }
        #expect(throws: CortexError.self) {
            try withCortex(prefix: [], prepare: dropEnds) { _ in }
        }
        // Whoever has a prefix needs neither.
        try withCortex(prefix: [4], prepare: dropEnds) { cortex in
            #expect(cortex.score("heron", with: cortex.emptyEngram()).tokens > 0)
        }
    }

    @Test("generation_config.json is sealed, and an engram does not depend on it")
    func generationConfig() throws {
        let folder = try TinyCore.make(rule: Self.rule)
        defer { TinyCore.remove(folder) }
        let bare = try Cortex(folder: folder)
        let url = URL(fileURLWithPath: folder + "/" + ModelConfig.generationFileName)
        try Data(#"{"eos_token_id": [0, 44]}"#.utf8).write(to: url)
        let cortex = try Cortex(folder: folder)
        #expect(cortex.endOfText == [TokenID(0), TokenID(44)])
        #expect(cortex.identity == bare.identity)
        try seal(folder)
        _ = try Cortex(folder: folder)
        try Data(#"{"eos_token_id": [0, 45]}"#.utf8).write(to: url)
        #expect(throws: ConstitutionError.self) { try Cortex(folder: folder) }
    }

    @Test("What is used in another way than the files say is told")
    func notices() throws {
        try withCortex(prefix: [0]) { #expect($0.notices.isEmpty) }
        func addToken(_ folder: String) throws {
            let url = URL(fileURLWithPath: folder + "/tokenizer.json")
            let pad = #"{"id":\#(TinyCore.vocabularySize),"content":"<pad>","special":true},"#
            let text = String(decoding: try Data(contentsOf: url), as: UTF8.self)
                .replacing(#""added_tokens":["#, with: #""added_tokens":["# + pad)
            try Data(text.utf8).write(to: url)
        }
        try withCortex(prefix: [0], prepare: addToken) { cortex in
            #expect(cortex.notices.count == 1)
            #expect(cortex.notices[0].contains("<pad>"))
            #expect(cortex.notices[0].contains("tokenizer.json"))
            // What killed the process.
            let text = "a<pad>b"
            let tokens = cortex.tokenizer.encode(text, parsingSpecialTokens: true)
            #expect(cortex.score(text, with: cortex.emptyEngram()).tokens == tokens.count)
        }
    }
}
