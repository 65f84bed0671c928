import Foundation
import ModelFormats

/// How surely a model gives the answers of facts after one kind of cue.
public struct CueRecall: Sendable, Codable, Equatable {
    /// Mean over the facts of P(answer | cue), the product over the answer's tokens.
    public var probability: Double
    /// Mean over the facts of the geometric mean of its tokens' probabilities.
    public var perToken: Double
}

/// Recall after a number of exposures.
public struct ExposureRecall: Sendable, Codable, Equatable {
    public var exposures: Int
    /// The cue as it was taught.
    public var same: CueRecall
    /// A paraphrase that ends with the cue's last two words.
    public var paraphrase: CueRecall
    /// A paraphrase that shares no two neighbouring words with the cue.
    public var apart: CueRecall
}

/// P(answer | cue) of one fact by the three cues.
public struct FactAnswer: Sendable, Codable, Equatable {
    public var answer: String
    public var exposures: Int
    public var same: Double
    public var paraphrase: Double
    public var apart: Double
}

/// Invented facts, taught and asked for within one session.
public struct FactRecall: Sendable, Codable, Equatable {
    /// Each fact was taught to a fresh model of its own.
    public var alone: [ExposureRecall]
    /// All were taught to one model, in turn, as often.
    public var together: [ExposureRecall]
    /// The facts behind `alone`.
    public var facts: [FactAnswer]

    static let exposures = [1, 3]

    /// Teaches and asks; every sentence is a text of its own.
    static func measure(
        _ system: EvaluatedSystem, facts: [InventedFact], tokenizer: Tokenizer
    ) throws -> FactRecall {
        let coded = facts.map { EncodedFact($0, tokenizer: tokenizer) }
        let last = exposures.max() ?? 0
        var alone = [[[Recall]]](repeating: [], count: exposures.count)
        for fact in coded {
            var model = system.fresh()
            for exposure in 1...last {
                _ = try model.observe(fact.sentence)
                guard let index = exposures.firstIndex(of: exposure) else { continue }
                alone[index].append(fact.cues.map { fact.recall($0, by: model) })
            }
        }
        var together: [ExposureRecall] = []
        var model = system.fresh()
        for exposure in 1...last {
            for fact in coded { _ = try model.observe(fact.sentence) }
            guard exposures.contains(exposure) else { continue }
            let recalls = coded.map { fact in fact.cues.map { fact.recall($0, by: model) } }
            together.append(mean(recalls, exposures: exposure))
        }
        return FactRecall(
            alone: zip(exposures, alone).map { mean($1, exposures: $0) }, together: together,
            facts: zip(exposures, alone).flatMap { exposure, recalls in
                zip(facts, recalls).map { fact, cues in
                    FactAnswer(
                        answer: fact.answer, exposures: exposure, same: cues[0].probability,
                        paraphrase: cues[1].probability, apart: cues[2].probability)
                }
            })
    }

    private struct Recall {
        var probability: Double
        var perToken: Double
    }

    private struct EncodedFact {
        let sentence: [TokenID]
        /// Same, paraphrase, apart.
        let cues: [[TokenID]]
        let answer: [TokenID]

        init(_ fact: InventedFact, tokenizer: Tokenizer) {
            func encode(_ text: String) -> [TokenID] {
                tokenizer.encode(text)
            }
            sentence = encode(fact.sentence)
            cues = [fact.cue, fact.paraphrase, fact.apart].map(encode)
            answer = encode(" " + fact.answer)
        }

        func recall(_ cue: [TokenID], by model: any UserModel) -> Recall {
            let bits = model.score(cue + answer).suffix(answer.count).reduce(0) { $0 + $1.adapted }
            return Recall(
                probability: exp2(-bits), perToken: exp2(-bits / Double(max(1, answer.count))))
        }
    }

    /// - Parameter recalls: of each fact by each cue.
    private static func mean(_ recalls: [[Recall]], exposures: Int) -> ExposureRecall {
        func mean(_ cue: Int) -> CueRecall {
            let count = Double(max(1, recalls.count))
            return CueRecall(
                probability: recalls.reduce(0) { $0 + $1[cue].probability } / count,
                perToken: recalls.reduce(0) { $0 + $1[cue].perToken } / count)
        }
        return ExposureRecall(
            exposures: exposures, same: mean(0), paraphrase: mean(1), apart: mean(2))
    }
}
