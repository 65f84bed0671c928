import ModelFormats
import Testing

@testable import Engrams

/// A memory of some sayings of two tokens each, with keys of two values.
private func memory(_ sayings: [Int32]...) -> SayingMemory {
    var memory = SayingMemory()
    for tokens in sayings {
        memory.append(
            tokens: tokens, keys: tokens.flatMap { [Float($0), Float(-$0) / 2] })
    }
    return memory
}

private func engram(_ sayings: SayingMemory) -> Engram {
    var engram = Engram.empty(identity: identity)
    engram.sites.sayings = sayings
    return engram
}

@Suite("What was said")
struct SayingMemoryTests {
    @Test("The same words are remembered once, as the latest")
    func once() {
        let memory = memory([1, 2], [3, 4], [1, 2])
        #expect(memory.sayings.map(\.tokens) == [[3, 4], [1, 2]])
        #expect(memory.sayings.map(\.moment) == [1, 2])
        #expect(memory.sayings[1].keys == [7, -4, 7, -4])
    }

    @Test("When it is full the oldest go")
    func bounded() {
        var memory = SayingMemory()
        for index in 0..<Int32(SayingMemory.capacity + 3) {
            memory.append(tokens: [index], keys: [1])
        }
        #expect(memory.count == SayingMemory.capacity)
        #expect(memory.sayings.first?.tokens == [3])
    }

    @Test("A file gives back what it was made of, to the byte")
    func file() throws {
        let engram = engram(memory([1, 2], [3, 4, 5]))
        let bytes = try engram.serialized(as: .checkpoint)
        let again = try Engram(serialized: bytes, name: "it")
        #expect(again.sites.sayings == engram.sites.sayings)
        #expect(try again.serialized(as: .checkpoint) == bytes)
        #expect(again.consolidated(within: SafeZone()).sites.sayings == engram.sites.sayings)
    }

    @Test("A file whose sayings do not add up, or stand in another order, is refused")
    func hostile() throws {
        let bytes = try engram(memory([1, 2], [3, 4])).serialized(as: .checkpoint)
        let file = try SafetensorsFile(bytes: bytes, name: "it")
        func changed(_ name: String, _ entry: SafetensorsWriter.Entry) throws -> [UInt8] {
            let entries = try file.names.map { other -> SafetensorsWriter.Entry in
                if other == name { return entry }
                let tensor = try file.tensor(other)
                return SafetensorsWriter.Entry(
                    name: other, type: tensor.type, shape: tensor.shape,
                    bytes: tensor.withUnsafeBytes { Array($0) })
            }
            return try SafetensorsWriter.serialize(entries, metadata: file.metadata)
        }
        let wrong: [SafetensorsWriter.Entry] = [
            .numbers("saying.length", [2, 3]), .numbers("saying.length", [4, 0]),
            .numbers("saying.length", [2]),
            .integers32("saying.moment", shape: [2], [1, 0]),
            .integers32("saying.moment", shape: [2], [-1, 0]),
            .numbers("saying.token", [1, 2, 1, 2]), .numbers("saying.key_size", [9]),
            .numbers("saying.key_size", [0]),
        ]
        for entry in wrong {
            let bytes = try changed(entry.name, entry)
            #expect(throws: EngramError.self) { try Engram(serialized: bytes, name: "it") }
        }
    }

    @Test("Sayings of other tokens, protected ones or keys of another length are not admitted")
    func admission() throws {
        var zone = SafeZone()
        zone.protected = ProtectedSites(tokens: [4])
        let engram = engram(memory([3, 4]))
        #expect(throws: EngramError.self) { try engram.check(on: identity, within: zone) }
        #expect(engram.projected(into: zone).sites.sayings.isEmpty)
        #expect(throws: EngramError.self) {
            try SayingMemoryTests.other([Int32(identity.vocabularySize)])
                .check(on: identity, within: SafeZone())
        }
        var limits = EngramLimits()
        limits.keyOfSaying = 3
        #expect(throws: EngramError.self) {
            try engram.admitted(on: identity, within: SafeZone(), limits: limits)
        }
        limits.keyOfSaying = 2
        #expect(throws: Never.self) {
            try engram.admitted(on: identity, within: SafeZone(), limits: limits)
        }
        limits.sayings = 0
        #expect(throws: EngramError.self) {
            try engram.admitted(on: identity, within: SafeZone(), limits: limits)
        }
    }

    private static func other(_ tokens: [Int32]) -> Engram { engram(memory(tokens)) }

    @Test("Of two branches both keep what they were told, and neither what one forgot")
    func branches() {
        let common = memory([1, 1], [2, 2])
        var (mine, theirs) = (common, common)
        mine.append(tokens: [3, 3], keys: [1, 1, 1, 1])
        theirs.append(tokens: [4, 4], keys: [1, 1, 1, 1])
        mine = mine.filter { $0.tokens != [1, 1] }
        let sum = engram(mine).reconciled(
            with: engram(theirs), since: engram(common), .grown, within: SafeZone(), episodes: 8)
        #expect(sum.sites.sayings.sayings.map(\.tokens) == [[2, 2], [3, 3], [4, 4]])
        let delta = engram(mine).difference(from: engram(common), within: SafeZone())
        #expect(delta.sites.sayings.sayings.map(\.tokens) == [[3, 3]])
    }

    @Test("They are its owner's words: what is given away has none")
    func verbatim() {
        let engram = engram(memory([1, 2]))
        #expect(engram.ownersWords.text == "episodes=0; sequences=0; sayings=1")
        #expect(engram.without(PlasticSite.verbatim).sites.sayings.isEmpty)
    }
}
