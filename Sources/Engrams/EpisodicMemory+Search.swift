extension EpisodicMemory {
    /// Looks for the episodes that share some of a position's latents; scratch of one stream.
    public struct Search: Sendable {
        /// What the newest search found, in an order that depends on what is remembered alone.
        public private(set) var places: [Int32] = []
        /// By place: how many of the position's latents it shares; 0 between searches.
        private var shared: [UInt8] = []
        private var touched: [Int32] = []

        public init() {}

        /// - Parameters:
        ///   - latents: of the position, each once; their values beside them.
        ///   - limit: this many of them count at most, and of these only such with a value above 0.
        ///   - enough: how many an episode has to share.
        /// - Complexity: O(entries of its latents); allocates only for more than ever before.
        public mutating func run(
            in memory: EpisodicMemory, latents: ArraySlice<Int32>, values: ArraySlice<Float>,
            atMost limit: Int, enough: UInt8
        ) {
            places.removeAll(keepingCapacity: true)
            if shared.count < memory.count {
                shared += repeatElement(0, count: memory.count - shared.count)
            }
            for (latent, value) in zip(latents, values).prefix(limit) where value > 0 {
                count(memory.places(latent: latent), enough: enough)
            }
            for place in touched { shared[Int(place)] = 0 }
            touched.removeAll(keepingCapacity: true)
        }

        private mutating func count(_ list: [Int32], enough: UInt8) {
            for place in list {
                let count = shared[Int(place)] + 1
                shared[Int(place)] = count
                if count == 1 { touched.append(place) }
                if count == enough { places.append(place) }
            }
        }
    }
}
