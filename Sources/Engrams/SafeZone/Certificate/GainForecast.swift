/// A conformal forecast of the next block's gain: at least the smallest of the blocks so far.
///
/// Of n + 1 exchangeable blocks each is equally likely to be the smallest, so the next one falls
/// below the minimum of the n past ones with probability at most 1/(n+1) (Vovk, Gammerman, Shafer
/// 2005). That is all it promises: a user who turns to another subject is not exchangeable with
/// their past. Unlike the confidence bound, which only looks back, it speaks of what comes next.
struct GainForecast: Sendable, Equatable, Codable {
    /// Tokens of a block.
    static let blockLength = 512
    /// The oldest blocks are dropped beyond this many; the latest n are as exchangeable as all.
    static let blocksMaximum = 64

    /// Gain of each whole block, percent of its frozen loss, oldest first.
    private var blocks: [Float] = []
    /// Of the block that is not whole yet.
    private var tokens = 0
    private var gain = 0.0
    private var frozen = 0.0

    var blockCount: Int { blocks.count }

    /// - Parameters: nats, finite.
    mutating func add(gain tokenGain: Double, frozenLoss: Double) {
        tokens += 1
        gain += tokenGain
        frozen += frozenLoss
        guard tokens == Self.blockLength else { return }
        blocks.append(frozen > 0 ? Float(100 * gain / frozen) : 0)
        if blocks.count > Self.blocksMaximum { blocks.removeFirst() }
        (tokens, gain, frozen) = (0, 0, 0)
    }

    /// Percent of the frozen loss; nil before the first whole block.
    var nextBlockAtLeast: Double? { blocks.min().map(Double.init) }

    /// 1 − 1/(n+1).
    var confidence: Double { 1 - 1 / Double(blocks.count + 1) }
}
