import Foundation
import ModelFormats
import OuterCortex
import Testing
import TinyCore

@testable import MetaLearning

@Suite("Invented facts")
struct InventedFactTests {
    private static func words(_ text: String) -> [String] {
        text.lowercased().split { !$0.isLetter }.map(String.init)
    }

    /// Neighbouring words, each pair once.
    private static func pairs(_ text: String) -> Set<[String]> {
        let words = words(text)
        return Set(zip(words, words.dropFirst()).map { [$0, $1] })
    }

    @Test("There are twenty, each with an answer of its own of two letters or more")
    func table() {
        let facts = InventedFact.all
        #expect(facts.count == 20)
        #expect(Set(facts.map(\.answer)).count == 20)
        for fact in facts {
            #expect(fact.answer.count { $0.isLetter } >= 2)
            #expect(!fact.answer.contains(" "))
            for cue in [fact.cue, fact.paraphrase, fact.apart] {
                #expect(!Self.words(cue).contains(fact.answer.lowercased()))
            }
        }
        #expect(Set(facts.flatMap { [$0.cue, $0.paraphrase, $0.apart] }).count == 60)
    }

    @Test("A paraphrase ends as its cue does and says the rest otherwise")
    func paraphrases() {
        for fact in InventedFact.all {
            let (cue, other) = (Self.words(fact.cue), Self.words(fact.paraphrase))
            #expect(cue.suffix(2) == other.suffix(2), "\(fact.paraphrase)")
            #expect(cue.prefix(2) != other.prefix(2), "\(fact.paraphrase)")
        }
    }

    @Test("The other paraphrase shares no two neighbouring words with what was taught")
    func apart() {
        for fact in InventedFact.all {
            let shared = Self.pairs(fact.sentence).intersection(
                Self.pairs("\(fact.apart) \(fact.answer)"))
            #expect(shared.isEmpty, "\(fact.apart): \(shared)")
        }
    }

    @Test("Nor does the shipped core's tokenizer find its last two tokens in what was taught")
    func apartInTokens() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let cores = root.appendingPathComponent("deploy/cores")
        let names = try FileManager.default.contentsOfDirectory(atPath: cores.path).sorted()
        let core = try #require(
            names.map { cores.appendingPathComponent($0).path }.first {
                FileManager.default.fileExists(atPath: $0 + "/config.json")
            })
        let tokenizer = try Tokenizer(folder: core)
        for fact in InventedFact.all {
            let taught = tokenizer.encode(fact.sentence, parsingSpecialTokens: false)
            let cue = tokenizer.encode(fact.cue, parsingSpecialTokens: false)
            let answer = tokenizer.encode(" " + fact.answer, parsingSpecialTokens: false)
            #expect(Array(taught.prefix(cue.count + answer.count)) == cue + answer)
            let end = Array(
                tokenizer.encode(fact.apart, parsingSpecialTokens: false).suffix(2))
            let isShared = zip(taught, taught.dropFirst()).contains { [$0, $1] == end }
            #expect(!isShared, "\(fact.apart)")
        }
    }

    /// A model for which the last token of a text costs one bit, the one before it two, and so on,
    /// all by the number of texts that it observed.
    private struct Countdown: UserModel {
        var observed = 0
        mutating func observe(_ tokens: [TokenID]) -> TextCost {
            observed += 1
            return TextCost()
        }
        func score(_ tokens: [TokenID]) -> [TokenCost] {
            tokens.indices.map {
                TokenCost(frozen: 0, adapted: Double(tokens.count - $0) / Double(observed))
            }
        }
        func saved() -> Countdown { self }
        func savedBytes() -> Int { 0 }
    }

    @Test("An answer's probability is the product over its own tokens, a fact each or all at once")
    func answers() throws {
        let folder = try TinyCore.make(seed: 5)
        defer { TinyCore.remove(folder) }
        let tokenizer = try Tokenizer(folder: folder)
        let fact = InventedFact.all[0]
        let system = EvaluatedSystem(name: "countdown", learns: true) { Countdown() }
        let recall = try FactRecall.measure(
            system, facts: [fact, InventedFact.all[1]], tokenizer: tokenizer)
        // The last n tokens cost n, …, 2, 1 bits, by as many exposures.
        let count = tokenizer.encode(" " + fact.answer, parsingSpecialTokens: false).count
        let bits = Double(count * (count + 1) / 2)
        let first = recall.facts.filter { $0.answer == fact.answer }
        #expect(first.map(\.exposures) == [1, 3])
        for (answer, exposures) in zip(first, [1.0, 3.0]) {
            for found in [answer.same, answer.paraphrase, answer.apart] {
                #expect(abs(found - exp2(-bits / exposures)) < 1e-12)
            }
        }
        // Both in one model: twice as many texts were observed when it is asked.
        let other = tokenizer.encode(" " + InventedFact.all[1].answer, parsingSpecialTokens: false)
        var probability = 0.0
        var perToken = 0.0
        for length in [count, other.count] {
            let cost = Double(length * (length + 1)) / 4
            probability += exp2(-cost) / 2
            perToken += exp2(-cost / Double(length)) / 2
        }
        #expect(abs(recall.together[0].same.probability - probability) < 1e-12)
        #expect(abs(recall.together[0].apart.perToken - perToken) < 1e-12)
    }

    @Test("What was taught three times is recalled better than once, and better than by the core")
    func recall() throws {
        let folder = try TinyCore.make(seed: 5)
        defer { TinyCore.remove(folder) }
        let cortex = try Cortex(folder: folder)
        let facts = Array(InventedFact.all.prefix(4))
        func measured(_ system: EvaluatedSystem) throws -> FactRecall {
            try FactRecall.measure(system, facts: facts, tokenizer: cortex.tokenizer)
        }
        let (frozen, learned) = (try measured(.frozen(cortex)), try measured(.rule(cortex)))
        #expect(frozen.alone.map(\.exposures) == [1, 3])
        #expect(frozen.alone[0].same == frozen.alone[1].same)
        #expect(frozen.alone[0].same == frozen.together[1].same)
        for part in [\FactRecall.alone, \.together] {
            let (once, often) = (learned[keyPath: part][0], learned[keyPath: part][1])
            #expect(once.same.perToken > 2 * frozen.alone[0].same.perToken)
            #expect(often.same.perToken > once.same.perToken)
            #expect(often.same.perToken > often.apart.perToken)
            #expect(often.same.probability < often.same.perToken)
        }
        #expect(learned.facts.count == 8)
        #expect(learned.facts.map(\.answer) == facts.map(\.answer) + facts.map(\.answer))
        let mean = learned.facts.suffix(4).reduce(0) { $0 + $1.same } / 4
        #expect(abs(mean - learned.alone[1].same.probability) < 1e-12)
    }
}
