import Foundation
import InnerCortex
import ModelFormats

/// One of the checkpoints that `Fixtures/make_fixtures.py` made.
struct Fixture: Sendable, CustomStringConvertible {
    let name: String
    var description: String { name }

    static let all = [
        "llama-f32", "llama-bf16", "llama-f16-biases-untied", "llama3-bf16-sharded",
        "llama-odd-gelu", "gpt2-f32", "gpt2-bf16-bare", "gpt2-f16-untied", "llama3-tied",
        "mistral-window", "qwen2", "qwen2-window", "qwen3", "gemma3", "gpt-neox",
        "gpt-neox-sequential",
    ].map(Fixture.init)

    /// One of each family.
    static let families = ["llama-bf16", "gpt2-f32", "qwen2", "qwen3", "gemma3", "gpt-neox"].map(
        Fixture.init)

    /// How far from `transformers` a number may be, in units of the largest of its row; less for
    /// checkpoints in float32. `make_fixtures.py` says why.
    var tolerance: Float {
        ["llama-f32", "llama-odd-gelu", "gpt2-f32"].contains(name) ? 2e-5 : 5e-4
    }

    var folder: String {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("Fixtures/\(name)").path
    }

    func load() throws -> InnerCortex { try InnerCortex(folder: folder) }

    /// What `transformers` computed.
    func expected() throws -> (tokens: [TokenID], hidden: [Float], logits: [Float]) {
        let file = try SafetensorsFile(path: folder + "/expected.safetensors")
        return (
            try file.tensor("tokens").integers().map { TokenID($0) },
            try file.tensor("hidden").floats(), try file.tensor("logits").floats()
        )
    }
}

extension InnerCortex {
    /// Hidden states of `tokens` run in pieces of the given sizes, the last one repeated.
    func hidden(of tokens: [TokenID], pieces: [Int]) -> [Float] {
        let cache = makeCache(capacity: tokens.count)
        var all: [Float] = []
        var hidden: [Float] = []
        var start = 0
        var sizes = pieces[...]
        while start < tokens.count {
            let size = sizes.count > 1 ? sizes.removeFirst() : sizes.first ?? tokens.count
            let end = min(tokens.count, start + size)
            forward(tokens[start..<end], cache: cache, hidden: &hidden)
            all += hidden
            start = end
        }
        return all
    }
}

/// The largest difference of any row, relative to the largest expected magnitude in that row.
func largestRelativeDifference(_ found: [Float], _ expected: [Float], width: Int) -> Float {
    var worst: Float = found.count == expected.count ? 0 : .infinity
    for start in stride(from: 0, to: min(found.count, expected.count), by: width) {
        var scale: Float = 0
        var difference: Float = 0
        for index in start..<start + width {
            if found[index].isNaN { return .nan }
            scale = max(scale, abs(expected[index]))
            difference = max(difference, abs(found[index] - expected[index]))
        }
        worst = max(worst, difference / scale)
    }
    return worst
}
