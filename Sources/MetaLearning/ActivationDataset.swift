import Foundation
public import InnerCortex
import Kernels
public import ModelFormats

/// Hidden states of a frozen core over text, the final normed ones or the residual stream at a
/// hookpoint: what an SAE is trained on.
public struct ActivationDataset: Sendable {
    public let hiddenSize: Int
    /// Shape [count, hiddenSize], row-major, in an order drawn from the seed.
    public private(set) var values: [Float]
    public var count: Int { values.count / hiddenSize }

    /// Reads texts through the core, in windows of at most 512 tokens taken evenly over all of
    /// them, until `limit` positions are there.
    ///
    /// - Parameters:
    ///   - texts: cut into windows; each window begins with the core's opening.
    ///   - block: takes the residual stream before this block; nil the final normed hidden state.
    ///   - limit: positions to keep; memory is 4·limit·hiddenSize bytes.
    ///   - parsingSpecialTokens: takes special tokens in the texts for what they are, as in chats
    ///     that were written out through the core's template.
    ///   - progress: called after each window with the share done, 0...1.
    /// - Complexity: One forward pass of `limit` tokens.
    public static func collect(
        inner: InnerCortex, tokenizer: Tokenizer, texts: [String], block: Int? = nil, limit: Int,
        seed: UInt64, parsingSpecialTokens: Bool = false, progress: (Double) -> Void
    ) -> ActivationDataset {
        let length = min(512, inner.config.contextLength)
        let opening = tokenizer.opening(for: inner.config)
        let bodyLength = max(1, length - opening.count)
        var windows: [[TokenID]] = []
        for text in texts {
            let tokens = tokenizer.encode(text, parsingSpecialTokens: parsingSpecialTokens)
            for start in stride(from: 0, to: tokens.count, by: bodyLength) {
                let body = tokens[start..<min(tokens.count, start + bodyLength)]
                windows.append(Array(opening.prefix(length - 1)) + Array(body))
            }
        }
        var generator = SeededGenerator(seed: seed)
        windows.shuffle(using: &generator)

        var dataset = ActivationDataset(hiddenSize: inner.config.hiddenSize, values: [])
        let cache = inner.makeCache(capacity: length)
        var hidden: [Float] = []
        var taps = ForwardTaps(residualsBefore: block.map { [$0] } ?? [])
        for window in windows {
            guard dataset.count < limit else { break }
            cache.truncate(to: 0)
            inner.forward(window[...], cache: cache, taps: &taps, hidden: &hidden)
            let room = (limit - dataset.count) * dataset.hiddenSize
            dataset.values.append(contentsOf: (block.map(taps.residual) ?? hidden).prefix(room))
            progress(Double(dataset.count) / Double(limit))
        }
        return dataset
    }

    /// Over the shape and all values, a piece at a time, since a copy of all might not fit.
    var digest: InputDigest {
        var digest = InputDigest()
        digest.add("\(count) \(hiddenSize)")
        for start in stride(from: 0, to: values.count, by: 1 << 20) {
            let piece = Array(values[start..<min(values.count, start + 1 << 20)])
            digest.add(
                SafetensorsWriter.Entry.floats("values", shape: [piece.count], piece).bytes)
        }
        return digest
    }

    func row(_ index: Int) -> Range<Int> { index * hiddenSize..<(index + 1) * hiddenSize }
}
