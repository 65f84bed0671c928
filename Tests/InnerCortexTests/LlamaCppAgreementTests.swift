import Foundation
import InnerCortex
import Kernels
import ModelFormats
import Testing

/// A real GGUF file beside llama.cpp: `HEBB_GGUF` names the file, `HEBB_LLAMA_CPP` the folder that
/// `Fixtures/make_llama_cpp_logits.py` made of it.
///
/// Both multiply quantised weights with activations in bytes, by blocks of their own, so logits
/// differ by about the rounding of those.
@Suite(.enabled(if: ProcessInfo.processInfo.environment["HEBB_LLAMA_CPP"] != nil))
struct LlamaCppAgreementTests {
    @Test("The most probable token is llama.cpp's nearly everywhere, and the divergence is small")
    func agreement() throws {
        let environment = ProcessInfo.processInfo.environment
        let folder = try #require(environment["HEBB_LLAMA_CPP"])
        let cortex = try InnerCortex(
            source: ModelSources.open(try #require(environment["HEBB_GGUF"])))
        let tokens = try Data(contentsOf: URL(fileURLWithPath: folder + "/tokens"))
            .withUnsafeBytes { bytes in
                (0..<bytes.count / 4).map {
                    TokenID(Int(bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Int32.self)))
                }
            }
        let theirs = try Data(
            contentsOf: URL(fileURLWithPath: folder + "/logits"), options: .alwaysMapped)
        let width = cortex.config.vocabularySize
        try #require(theirs.count == 4 * width * tokens.count)
        let hidden = cortex.hidden(of: tokens, pieces: [256])
        var (same, divergence, surprise) = (0, 0.0, (ours: 0.0, theirs: 0.0))
        var logits: [Float] = []
        for row in tokens.indices {
            let size = cortex.config.hiddenSize
            cortex.unembed(
                hidden.span.extracting(row * size..<(row + 1) * size), count: 1, logits: &logits)
            let expected = theirs.withUnsafeBytes { bytes in
                (0..<width).map {
                    bytes.loadUnaligned(fromByteOffset: 4 * (row * width + $0), as: Float.self)
                }
            }
            let (p, q) = (probabilities(expected), probabilities(logits))
            divergence += Double(VectorKernels.klDivergence(p.span, q.span))
            same += p.firstIndex(of: p.max() ?? 0) == q.firstIndex(of: q.max() ?? 0) ? 1 : 0
            guard row + 1 < tokens.count else { continue }
            surprise.ours -= log(Double(q[tokens[row + 1].index]))
            surprise.theirs -= log(Double(p[tokens[row + 1].index]))
        }
        let count = Double(tokens.count)
        print(
            "top token \(Double(same) / count), KL \(divergence / count) nats, nats a token: ours "
                + "\(surprise.ours / (count - 1)), llama.cpp's \(surprise.theirs / (count - 1))")
        #expect(Double(same) / count > 0.95)
        #expect(divergence / count < 0.01)
    }

    private func probabilities(_ logits: [Float]) -> [Float] {
        var result = [Float](repeating: 0, count: logits.count)
        var span = result.mutableSpan
        _ = VectorKernels.softmax(logits.span, into: &span)
        return result
    }
}
