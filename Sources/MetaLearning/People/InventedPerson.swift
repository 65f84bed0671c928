public import Foundation

/// A person who told something of themselves, as `deploy/cores/recipe/people/people.py` makes them.
public struct InventedPerson: Sendable, Codable, Equatable {
    /// One thing told, and how it is asked for.
    public struct Fact: Sendable, Codable, Equatable {
        public var relation: String
        public var answer: String
        /// In which it is told.
        public var say: String
        /// The same in other wordings, `say` among them.
        public var says: [String]
        /// The first in the words of the statements, the others in words of their own.
        public var asks: [String]
        /// How an answer begins; the fact's answer follows after a space.
        public var lead: String
    }

    /// A question whose answer takes two of the facts.
    public struct Hop: Sendable, Codable, Equatable {
        public var facts: [Int]
        public var asks: [String]
        public var lead: String
        public var answer: String
    }

    /// A fact that later is another.
    public struct Revision: Sendable, Codable, Equatable {
        public var fact: Int
        public var say: String
        public var answer: String
    }

    public var person: String
    public var facts: [Fact]
    public var hops: [Hop]
    public var revised: [Revision]
    /// Facts of one form about different names.
    public var form: [Fact]

    static let bytesMaximum = 64 << 20
    private static let factsMaximum = 100_000

    /// Reads people, one a line.
    /// - Throws: `PeopleError`, which says in which line what is wrong.
    public static func read(jsonLines data: Data, file: String) throws -> [InventedPerson] {
        guard data.count <= bytesMaximum else {
            throw PeopleError(
                file: file, line: 0, problem: "it has over \(bytesMaximum) bytes")
        }
        let decoder = JSONDecoder()
        var people: [InventedPerson] = []
        for (index, line) in data.split(separator: UInt8(ascii: "\n")).enumerated() {
            do {
                let person = try decoder.decode(InventedPerson.self, from: line)
                guard let problem = person.problem else {
                    people.append(person)
                    continue
                }
                throw PeopleError(file: file, line: index + 1, problem: problem)
            } catch is DecodingError {
                throw PeopleError(
                    file: file, line: index + 1, problem: "it is no person as people.py writes one")
            }
        }
        guard !people.isEmpty else {
            throw PeopleError(file: file, line: 0, problem: "it has nobody in it")
        }
        return people
    }

    /// The same person with the first facts alone, and what is asked of those.
    public func telling(first count: Int) -> InventedPerson {
        var person = self
        person.facts = Array(facts.prefix(count))
        person.hops = hops.filter { $0.facts.allSatisfy { $0 < count } }
        person.revised = revised.filter { $0.fact < count }
        return person
    }

    /// What is wrong with it; nil for nothing.
    private var problem: String? {
        guard !facts.isEmpty, facts.count <= Self.factsMaximum else {
            return "\(facts.count) facts, allowed are 1 to \(Self.factsMaximum)"
        }
        let numbers = hops.flatMap(\.facts) + revised.map(\.fact)
        if let wrong = numbers.first(where: { !facts.indices.contains($0) }) {
            return "fact \(wrong) of \(facts.count)"
        }
        for fact in facts + form where fact.asks.isEmpty || fact.says.isEmpty {
            return "\(fact.relation) without a wording"
        }
        return hops.contains { $0.asks.isEmpty } ? "two facts that nothing asks for" : nil
    }
}

/// What is wrong with a file of people.
public struct PeopleError: Error, Equatable, CustomStringConvertible {
    public let file: String
    /// Counted from 1; 0 for the file as a whole.
    public let line: Int
    public let problem: String

    public var description: String {
        "\(file)\(line > 0 ? ", line \(line)" : ""): \(problem). Make it anew with "
            + "deploy/cores/recipe/people/people.py."
    }
}
