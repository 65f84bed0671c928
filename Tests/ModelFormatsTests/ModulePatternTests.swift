import Testing

@testable import ModelFormats

@Suite("Patterns of modules") struct ModulePatternTests {
    @Test("A key matches the modules that it matches in PEFT")
    func reference() throws {
        let document = try Fixture.json("module_patterns.json")
        let paths = try #require(document["paths"]?.arrayValue).compactMap(\.stringValue)
        let keys = try #require(document["keys"]?.arrayValue)
        #expect(paths.count == 23 && keys.count > 40)
        for row in keys {
            let row = try #require(row.arrayValue)
            let key = try #require(row[0].stringValue)
            guard !key.isEmpty else { continue }
            let pattern = try ModulePattern(key)
            let found = paths.indices.filter { pattern.matches(paths[$0]) }
            #expect(found == row[1].arrayValue?.compactMap(\.integerValue), "\(key)")
        }
    }

    @Test(
        "What is not read is refused with the reason",
        arguments: [
            ("(?=q)", "look-around"), ("(?i)q", "flags"), (#"(q)\1"#, #"\1"#), (#"\bq"#, #"\b"#),
            ("(q", "open"), ("q)", "not open"), ("[q", "open"), ("*q", "nothing"), ("q**", "repet"),
            ("q\\", "backslash"), ("^*", "^ or $"), ("q{2,1}", "times"), ("q{256}", "255"),
            ("[z-a]", "range"), ("((q{99}){99}){99}", "large"), ("", "bytes"),
        ])
    func refusals(key: String, reason: String) throws {
        let error = #expect(throws: PatternError.self) { try ModulePattern(key) }
        #expect(try #require(error).reason.contains(reason))
    }

    /// A matcher that tries one way after the other takes 2^40 steps for the first.
    @Test("No key takes long", .timeLimit(.minutes(1)))
    func hostile() throws {
        let path = String(repeating: "a", count: 40) + "b"
        for key in [
            "(a|a)*(a|aa)+$c", "(a*)*c", "(.*)*(.*)*(.*)*x", "(((((a?){9})?){9})?){9}c",
            String(repeating: "(", count: 40) + String(repeating: "){255}", count: 35) + "))))))",
        ] {
            guard let pattern = try? ModulePattern(key) else { continue }
            #expect(!pattern.matches(path))
        }
    }
}
