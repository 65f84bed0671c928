import Foundation
import FuzzTargets
import Testing

/// What the fuzzer found worth keeping, read as it was read then. `deploy/fuzz` finds more.
@Suite("The readers of strangers' files")
struct CorpusTests {
    @Test("accept the inputs that fuzzing starts from", arguments: FuzzTarget.allCases)
    func seeds(target: FuzzTarget) throws {
        for (index, seed) in try target.seeds().enumerated() {
            #expect(try target.read(seed), "seed \(index) is refused and so seeds nothing")
        }
    }

    @Test("keep their promises on every file of the corpus", arguments: FuzzTarget.allCases)
    func corpus(target: FuzzTarget) throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("Fixtures/\(target.rawValue)")
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        try #require(names.count >= 3, "the corpus of \(target) is not there")
        for name in names {
            let input = try Data(contentsOf: folder.appendingPathComponent(name))
            #expect(throws: Never.self, "\(name)") { try target.read(Array(input)) }
        }
    }

    /// Cuts and single wrong bytes, on top of what the fuzzer tried.
    @Test("keep their promises on damaged seeds", arguments: FuzzTarget.allCases)
    func damage(target: FuzzTarget) throws {
        for seed in try target.seeds() {
            for step in 0..<40 {
                let at = step * seed.count / 40
                #expect(throws: Never.self, "cut at \(at)") {
                    try target.read(Array(seed[..<at]))
                }
                var damaged = seed
                if !damaged.isEmpty { damaged[at] = damaged[at] &+ 1 &+ UInt8(step) }
                #expect(throws: Never.self, "byte \(at)") { try target.read(damaged) }
            }
        }
    }
}
