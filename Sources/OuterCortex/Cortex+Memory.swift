public import Engrams
import InnerCortex
public import ModelFormats

extension Cortex {
    /// The most that the contexts of one text may take while it is read, or generated, with an
    /// engram, bytes: keys and values, those of blocks that the engram changes once more, and what
    /// is kept of the states.
    /// - Parameter tokens: of the text; the context's length bounds it.
    public func contextBytes(tokens: Int, with engram: Engram) -> Int {
        let count = min(inner.config.contextLength, tokens + opening.count)
        var bytes = inner.cacheBytes(tokens: count)
        let layer = engram.sites.layer
        if layerHook != nil || !layer.isEmpty, let entry = entryBlock(of: layer) {
            bytes += inner.cacheBytes(tokens: count, firstBlock: entry)
        }
        if let recall = rule.tensors.recall, !engram.sites.sayings.isEmpty {
            // The stream that reads what is remembered has it all before it once more.
            let sayings = recall.readings * (SayingMemory.tokensMaximum + 1)
            bytes += inner.cacheBytes(tokens: min(inner.config.contextLength, count + sayings))
        }
        let states = (1 + tappedBlocks.count) * inner.config.hiddenSize
        return bytes + count * states * MemoryLayout<Float>.size
    }

    /// As there, of the longest of some texts.
    public func contextBytes(of texts: [[TokenID]], with engram: Engram) -> Int {
        contextBytes(tokens: texts.map(\.count).max() ?? 0, with: engram)
    }
}
