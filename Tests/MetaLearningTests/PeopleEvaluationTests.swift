import Engrams
import Foundation
import InnerCortex
import ModelFormats
import OuterCortex
import Testing
import TinyCore

@testable import MetaLearning

@Suite("What is remembered of people")
struct PeopleEvaluationTests {
    private static func fact(_ name: String, _ answer: String) -> InventedPerson.Fact {
        InventedPerson.Fact(
            relation: name, answer: answer, say: "my \(name) is \(answer)",
            says: ["my \(name) is \(answer)", "\(answer), my \(name)", "it is \(answer): \(name)"],
            asks: ["my \(name)?", "who: \(name)?"], lead: "your \(name) is")
    }

    private static func person(_ name: String, _ answers: [String]) -> InventedPerson {
        let facts = zip(["eel", "pier", "lamp", "tide"], answers).map { fact($0, $1) }
        return InventedPerson(
            person: name, facts: facts,
            hops: [
                .init(facts: [0, 1], asks: ["eel pier?"], lead: "your eel", answer: answers[1])
            ],
            revised: [.init(fact: 2, say: "my lamp is theo", answer: "theo")],
            form: [fact("ann", "hut"), fact("ron", "hat")])
    }

    private static let people = [
        person("a", ["heron", "north", "then", "other"]),
        person("b", ["thorn", "near", "hand", "under"]),
    ]

    private static func withCortex<Result>(_ body: (Cortex) throws -> Result) throws -> Result {
        let folder = try TinyCore.make(seed: 6)
        defer { TinyCore.remove(folder) }
        return try body(try Cortex(folder: folder))
    }

    private static let template = Result {
        try ChatTemplate("{% for m in messages %}{{ m.content }}\n{% endfor %}")
    }

    private static func report(_ cortex: Cortex, threads: Int = 2) throws -> PeopleReport {
        var evaluation = PeopleEvaluation(cortex: cortex, template: try template.get())
        evaluation.threads = threads
        evaluation.answerTokens = 4
        var report = try evaluation.run(
            people: people, generic: "nothing of that kind was said by anybody\n",
            found: ["a": ["my eel?": [0]]]
        ) { _, _ in }
        for row in report.rows.indices {
            #expect(report.rows[row].askMilliseconds ?? 0 > 0)
            report.rows[row].askMilliseconds = nil
            report.rows[row].tellMilliseconds = nil
        }
        return report
    }

    @Test("What was told is likelier than before, and nobody else hears of it")
    func remembers() throws {
        try Self.withCortex { cortex in
            let report = try Self.report(cortex)
            #expect(report.rows.map(\.name) == ["frozen", "learned", "all pasted", "found pasted"])
            let (frozen, learned) = (report.rows[0], report.rows[1])
            for kind in ["direct", "reworded"] {
                let before = try #require(frozen.answers[kind]?.probability)
                let after = try #require(learned.answers[kind]?.probability)
                #expect(after > 2 * before, "\(kind): \(before), then \(after)")
            }
            #expect(Set(learned.answers.keys) == Set(PeopleReport.kinds))
            #expect(learned.leak == 0)
            #expect(learned.savedBytes ?? 0 > 0 && frozen.savedBytes == nil)
            // Four facts of each of two.
            #expect(learned.answers["direct"]?.questions == 8)
            #expect(learned.answers["forgotten"]?.questions == 4)
            #expect(learned.replaced.map { (0...1).contains($0) } == true)
            #expect(learned.genericRise256 != nil)
        }
    }

    @Test("As many threads as one likes, the same figures")
    func threads() throws {
        try Self.withCortex { cortex in
            let (one, three) = (
                try Self.report(cortex, threads: 1), try Self.report(cortex, threads: 3)
            )
            #expect(one == three)
        }
    }

    @Test("Nothing learned and nothing pasted is the frozen core, read on either way")
    func bothWays() throws {
        try Self.withCortex { cortex in
            let chat = ChatReading(template: try Self.template.get(), tokenizer: cortex.tokenizer)
            let engram = EngramAnswers(cortex: cortex, chat: chat)
            // Told something, of which nothing was found.
            let pasted = PastedAnswers(cortex: cortex, chat: chat, found: [:])
            pasted.tell("my eel is heron")
            for fact in Self.people[0].facts {
                let one = try #require(
                    try engram.figure(fact.asks[0], lead: fact.lead, answer: fact.answer))
                let other = try #require(
                    try pasted.figure(fact.asks[0], lead: fact.lead, answer: fact.answer))
                #expect(abs(one.probability - other.probability) < 1e-5 * one.probability)
                #expect(one.isFirst == other.isFirst)
                let said = try engram.answer(fact.asks[0], tokens: 5)
                let read = try pasted.answer(fact.asks[0], tokens: 5)
                #expect(said == read)
            }
        }
    }

    @Test("A given answer is measured as if it had been drawn token by token")
    func givenAnswer() throws {
        try Self.withCortex { cortex in
            let prompt = cortex.tokenizer.encode("the tide")
            let answer = cortex.tokenizer.encode(" then")
            func generate(_ prompt: [TokenID], _ answer: [TokenID]) -> [GeneratedToken] {
                var request = GenerationRequest(
                    prompt: prompt, maxTokens: answer.count,
                    sampling: SamplingOptions(temperature: 0), seed: 0, topLogprobs: 1)
                request.dictated = answer
                let task = cortex.startGenerating(request, with: cortex.emptyEngram())
                while !task.advance() {}
                var tokens: [GeneratedToken] = []
                task.takeOutput { tokens += $0.tokens }
                return tokens
            }
            let whole = generate(prompt, answer)
            #expect(whole.map(\.token) == answer)
            for index in answer.indices {
                let one = generate(prompt + answer[..<index], [answer[index]])
                #expect(one.first?.logprob == whole[index].logprob)
            }
        }
    }

    @Test("A file of people is read line by line, and says where it is wrong")
    func reading() throws {
        let encoder = JSONEncoder()
        let lines = try Self.people.map { String(decoding: try encoder.encode($0), as: UTF8.self) }
        func read(_ text: String) throws -> [InventedPerson] {
            try InventedPerson.read(jsonLines: Data(text.utf8), file: "people.jsonl")
        }
        let people = try read(lines.joined(separator: "\n") + "\n")
        #expect(people == Self.people)
        #expect(throws: PeopleError.self) { try read("") }
        var wrong = Self.people[1]
        wrong.hops[0].facts = [0, 4]
        let bad = String(decoding: try encoder.encode(wrong), as: UTF8.self)
        #expect(
            throws: PeopleError(file: "people.jsonl", line: 2, problem: "fact 4 of 4")
        ) { try read(lines[0] + "\n" + bad) }
        #expect(
            throws: PeopleError(
                file: "people.jsonl", line: 2, problem: "it is no person as people.py writes one")
        ) { try read(lines[0] + "\n{}") }
        let first = Self.people[0].telling(first: 1)
        #expect(first.facts.count == 1 && first.hops.isEmpty && first.revised.isEmpty)
    }
}
