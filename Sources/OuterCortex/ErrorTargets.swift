import Engrams
import Kernels

/// Which tokens carry an error at a position, and how large it is. Scratch of one learning stream.
struct ErrorTargets {
    /// The token that came first, then the wrong ones with p above the threshold.
    private(set) var tokens: [Int32] = []
    /// p_j beside them.
    private(set) var probabilities: [Float] = []
    /// Position + 1 in `tokens` of each token of the vocabulary, 0 for those that are not there.
    private var place: [UInt16]
    /// Scratch: tokens above the threshold.
    private var found: [Int32]

    /// At most this many tokens carry an error; with a threshold of .01 only 100 can.
    static let limit = 512

    /// - Parameter protected: how many tokens no error may reach.
    init(vocabularySize: Int, protected: Int) {
        place = [UInt16](repeating: 0, count: vocabularySize)
        // The token that came and protected ones are passed over.
        found = [Int32](repeating: 0, count: min(vocabularySize, Self.limit + protected + 1))
        tokens.reserveCapacity(Self.limit)
        probabilities.reserveCapacity(Self.limit)
    }

    /// - Parameters:
    ///   - adapted: p, shape [vocabulary].
    ///   - target: y; not protected.
    ///   - protected: tokens that no error may reach.
    mutating func collect(
        adapted: [Float], target: Int32, threshold: Float, protected: ProtectedSites
    ) {
        for token in tokens { place[Int(token)] = 0 }
        tokens.removeAll(keepingCapacity: true)
        probabilities.removeAll(keepingCapacity: true)
        tokens.append(target)
        probabilities.append(adapted[Int(target)])
        let count: Int
        do {
            var places = found.mutableSpan
            count = VectorKernels.places(
                in: adapted.span, or: adapted.span, above: threshold, into: &places)
        }
        for token in found.prefix(count)
        where token != target && tokens.count < Self.limit && !protected.hasToken(token) {
            tokens.append(token)
            probabilities.append(adapted[Int(token)])
        }
        for (index, token) in tokens.enumerated() { place[Int(token)] = UInt16(index + 1) }
    }

    /// Where `token` stands in `tokens`, or nil.
    @inline(__always)
    func index(of token: Int32) -> Int? {
        let found = place[Int(token)]
        return found == 0 ? nil : Int(found) - 1
    }

    /// post_j = 1[j = y] − π·p_j of the token at `index`, dimensionless.
    @inline(__always)
    func post(_ index: Int, prediction: Float) -> Float {
        (index == 0 ? 1 : 0) - prediction * probabilities[index]
    }
}
