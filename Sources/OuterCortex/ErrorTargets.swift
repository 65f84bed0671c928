import Engrams

/// Which tokens carry an error at a position, and how large it is. Scratch of one learning stream.
struct ErrorTargets {
    /// The token that came first, then the wrong ones with p above the threshold.
    private(set) var tokens: [Int32] = []
    /// p_j beside them.
    private(set) var probabilities: [Float] = []
    /// Position + 1 in `tokens` of each token of the vocabulary, 0 for those that are not there.
    private var place: [UInt16]

    /// At most this many tokens carry an error; with a threshold of .01 only 100 can.
    static let limit = 512

    init(vocabularySize: Int) { place = [UInt16](repeating: 0, count: vocabularySize) }

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
        let all = adapted.span
        for token in all.indices
        where all[token] > threshold && token != Int(target) && tokens.count < Self.limit
            && !protected.hasToken(Int32(token))
        {
            tokens.append(Int32(token))
            probabilities.append(all[token])
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
