import Engrams
import Foundation
import Kernels

/// A question on its way to what was said: the tokens that ask, and how much each is of it.
struct Question {
    /// Shape [tokens, keySize], rows of norm 1.
    var keys: [Float] = []
    /// w, one a token.
    var weights: [Float] = []
}

/// A saying that was found.
struct FoundSaying {
    /// Its place in `SayingMemory.sayings`.
    var place: Int
    /// Its share of what was asked for, in 0...1.
    var share: Float
}

/// Which sayings a question asks for. A token of the question refers to the one token of a saying
/// that means most nearly the same; the saying's likeness is
///
///     s = Σ_t w_t·max_j cos(q_t, k_j) / Σ_t w_t        c = σ(γ·(max s − s_0))
///     share = c·exp(β·s) / Σ exp(β·s)
///
/// with c how surely anything that was said is asked for at all: by the likest alone, so that a
/// thousand sayings of other things do not add up to one of it (late interaction: Khattab and
/// Zaharia 2020, ColBERT; the weights by rarity and c are ours).
struct SayingFinder {
    let weights: RecallWeights

    /// The sayings with the largest shares, in the order in which they were said, and c.
    /// - Complexity: O(tokens of the question · tokens of all sayings · key).
    func find(
        _ question: Question, in memory: SayingMemory
    ) -> (sayings: [FoundSaying], confidence: Float) {
        let likenesses = likenesses(question, in: memory)
        guard let best = likenesses.max(), best.isFinite else { return ([], 0) }
        let confidence = 1 / (1 + expf(weights.steepness * (weights.nullLikeness - best)))
        let masses = likenesses.map { expf(weights.sharpness * ($0 - best)) }
        let total = masses.reduce(0, +)
        let ranked = masses.indices.sorted {
            masses[$0] == masses[$1] ? $0 > $1 : masses[$0] > masses[$1]
        }
        let sayings = ranked.prefix(weights.readings).sorted().map {
            FoundSaying(place: $0, share: confidence * masses[$0] / total)
        }
        return (sayings, confidence)
    }

    /// s of each saying.
    private func likenesses(_ question: Question, in memory: SayingMemory) -> [Float] {
        let size = weights.keySize
        let total = question.weights.reduce(0, +)
        guard memory.keySize == size, total > 0, total.isFinite else { return [] }
        let keys = memory.sayings.flatMap(\.keys)
        let rows = (0..<Int32(keys.count / size)).map { $0 }
        let scales = inverseNorms(keys)
        var cosines = [Float](repeating: 0, count: rows.count)
        var sums = [Float](repeating: 0, count: memory.count)
        for (index, weight) in question.weights.enumerated() {
            do {
                var output = cosines.mutableSpan
                let query = question.keys.span.extracting(index * size..<(index + 1) * size)
                MatrixKernels.multiplyRows(
                    keys.span, columns: size, rows: rows.span, by: query, into: &output)
            }
            var row = 0
            for (place, saying) in memory.sayings.enumerated() {
                var best: Float = -1
                for _ in saying.tokens.indices {
                    best = max(best, cosines[row] * scales[row])
                    row += 1
                }
                sums[place] += weight * best
            }
        }
        return sums.map { $0 / total }
    }

    private func inverseNorms(_ keys: [Int8]) -> [Float] {
        let size = weights.keySize
        return stride(from: 0, to: keys.count, by: size).map { start in
            let squares = keys[start..<start + size].reduce(0) { $0 + Int($1) * Int($1) }
            return squares == 0 ? 0 : 1 / Float(squares).squareRoot()
        }
    }
}
