import InnerCortex
import ModelFormats
import Testing

/// Agreement with `transformers` in float32; the tolerance is explained in make_fixtures.py.
@Suite struct ParityTests {
    @Test("Prefill gives the hidden states and logits of transformers", arguments: Fixture.all)
    func prefill(fixture: Fixture) throws {
        let cortex = try fixture.load()
        let expected = try fixture.expected()
        let hidden = cortex.hidden(of: expected.tokens, pieces: [expected.tokens.count])
        var logits: [Float] = []
        cortex.unembed(hidden, count: expected.tokens.count, logits: &logits)
        let hiddenError = largestRelativeDifference(
            hidden, expected.hidden, width: cortex.config.hiddenSize)
        let logitError = largestRelativeDifference(
            logits, expected.logits, width: cortex.config.vocabularySize)
        #expect(hiddenError <= fixture.tolerance)
        #expect(logitError <= fixture.tolerance)
    }

    @Test("Token by token gives the logits of transformers", arguments: Fixture.all)
    func stepByStep(fixture: Fixture) throws {
        let cortex = try fixture.load()
        let expected = try fixture.expected()
        let cache = cortex.makeCache(capacity: expected.tokens.count)
        var hidden: [Float] = []
        var logits: [Float] = []
        var all: [Float] = []
        for index in expected.tokens.indices {
            cortex.forward(expected.tokens[index...index], cache: cache, hidden: &hidden)
            cortex.unembed(hidden, count: 1, logits: &logits)
            all += logits
        }
        let error = largestRelativeDifference(
            all, expected.logits, width: cortex.config.vocabularySize)
        #expect(error <= fixture.tolerance)
        #expect(cache.count == expected.tokens.count)
    }

    /// `Fixtures/make_gguf.py` writes them with gguf-py.
    @Test("A GGUF file of a checkpoint has its bits", arguments: ["gpt2-bf16-bare", "gpt-neox"])
    func gguf(name: String) throws {
        let fixture = Fixture(name: name)
        let (folder, tokens) = (try fixture.load(), try fixture.expected().tokens)
        let file = try InnerCortex(source: ModelSources.open(fixture.folder + "/model.gguf"))
        let hidden = file.hidden(of: tokens, pieces: [tokens.count])
        #expect(hidden == folder.hidden(of: tokens, pieces: [tokens.count]))
        let (ours, theirs) = try (logits(file, hidden), fixture.expected().logits)
        #expect(
            largestRelativeDifference(ours, theirs, width: file.config.vocabularySize)
                <= fixture.tolerance)
    }

    private func logits(_ cortex: InnerCortex, _ hidden: [Float]) -> [Float] {
        var logits: [Float] = []
        cortex.unembed(
            hidden, count: hidden.count / cortex.config.hiddenSize, logits: &logits)
        return logits
    }

    @Test("The residual stream in the middle is that of transformers")
    func streams() throws {
        let fixture = Fixture(name: "gemma3")
        let cortex = try fixture.load()
        let tokens = try fixture.expected().tokens
        let file = try SafetensorsFile(path: fixture.folder + "/expected.safetensors")
        let expected = try file.tensor("streams").floats()
        var (hidden, taps): ([Float], _) = ([], ForwardTaps(residualsBefore: [2, 5]))
        cortex.forward(
            tokens[...], cache: cortex.makeCache(capacity: tokens.count), taps: &taps,
            hidden: &hidden)
        let error = largestRelativeDifference(
            taps.residual(before: 2) + taps.residual(before: 5), expected,
            width: cortex.config.hiddenSize)
        #expect(error <= fixture.tolerance)
    }

    @Test("A prompt in tiles continues token by token", arguments: Fixture.all)
    func mixed(fixture: Fixture) throws {
        let cortex = try fixture.load()
        let expected = try fixture.expected()
        let hidden = cortex.hidden(of: expected.tokens, pieces: [71, 1])
        let error = largestRelativeDifference(
            hidden, expected.hidden, width: cortex.config.hiddenSize)
        #expect(error <= fixture.tolerance)
    }
}
