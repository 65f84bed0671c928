import Foundation

/// The `layer` site: plasticity on the residual stream inside the network, applied chunk by chunk.
public struct LayerRule: Sendable, Equatable, Codable {
    /// The residual stream after this many blocks, 1...layers − 1.
    public var block = 1
    /// ΔW of the down projection of the block before: x ← x + ΔW·a, a being what the projection
    /// reads. Its rate is the share of ‖W‖·‖a‖/√inputs, what the frozen projection says of an
    /// arbitrary a, by which one wholly wrong prediction moves the residual at the same a.
    public var dense = SynapseRule(rate: 0)
    /// D: x ← x + ‖x‖·Σ f̂_i·D_i, over the latents of the SAE in `sae-layer/`.
    public var decoder = SynapseRule(rate: 0)
    /// Tokens that one state of the synapses serves: one pass through the blocks above.
    public var chunkLength = 32
    /// The largest norm of ΔW in units of the frozen projection's, and of a latent's direction in
    /// units of the residual's; the safe zone's `matrix_bound` holds as well.
    public var bound: Float = 1

    static let longestChunk = 32

    public init() {}

    public var isOn: Bool { dense.isOn || decoder.isOn }

    /// The chunk that begins at a row of a slice of `count` rows, or nil when none begins there.
    /// Chunks do not reach across slices. With the site off a slice is one chunk: its synapses stay
    /// the same then, but an imported adapter among them speaks.
    func chunk(startingAt row: Int, of count: Int) -> Range<Int>? {
        let length = isOn ? chunkLength : max(1, count)
        guard row % length == 0 else { return nil }
        return row..<min(count, row + length)
    }

    private enum CodingKeys: String, CodingKey {
        case block, dense, decoder, bound
        case chunkLength = "chunk_length"
    }

    /// A key that is not there keeps its default.
    public init(from source: any Decoder) throws {
        self.init()
        let box = try source.container(keyedBy: CodingKeys.self)
        func read<T: Decodable>(_ key: CodingKeys, _ value: inout T) throws {
            if let found = try box.decodeIfPresent(T.self, forKey: key) { value = found }
        }
        try read(.block, &block)
        try read(.dense, &dense)
        try read(.decoder, &decoder)
        try read(.chunkLength, &chunkLength)
        try read(.bound, &bound)
    }

    var checks: [(String, Float, ClosedRange<Float>)] {
        [
            ("layer.block", Float(block), 1...1000),
            ("layer.chunk_length", Float(chunkLength), 1...Float(Self.longestChunk)),
            ("layer.bound", bound, 0.001...1000),
        ]
    }
}
