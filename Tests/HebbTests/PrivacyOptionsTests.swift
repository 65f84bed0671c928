import ArgumentParser
import Testing

@testable import hebb

struct PrivacyOptionsTests {
    @Test(
        "Nobody is deleted by a default, by half a command or beside events",
        arguments: [
            ["--everything"], ["--everything", "--session", "alice/work"],
            ["--everything", "--user", "alice", "evt-1"], ["--yes", "--user", "alice", "evt-1"],
            ["--user", "alice"], [],
        ])
    func refused(arguments: [String]) {
        #expect(throws: (any Error).self) { _ = try ForgetCommand.parse(arguments) }
    }

    @Test("A user who is named is deleted, and an event without more")
    func taken() throws {
        #expect(try ForgetCommand.parse(["--everything", "--user", "alice", "--yes"]).everything)
        #expect(try ForgetCommand.parse(["evt-1", "--user", "alice"]).events == ["evt-1"])
    }

    @Test("Sites are named with commas, and another word is refused")
    func sites() throws {
        let export = try ExportCommand.parse(["--without", "sequences,episodes"])
        #expect(export.without.names == ["sequences", "episodes"])
        #expect(try ExportCommand.parse([]).without.names.isEmpty)
        #expect(
            try MergeCommand.parse(["ckpt-1", "--without", "layer"]).without.names == ["layer"])
        for wrong in ["words", "episodes sequences", "", ","] {
            #expect(throws: (any Error).self) {
                _ = try ExportCommand.parse(["--without", wrong])
            }
        }
    }

    @Test("What a file tells of its owner is said in words, and nothing where there is none")
    func words() {
        let said = ExportCommand.words("episodes=1312; sequences=20000")
        #expect(said?.contains("1,312 remembered positions and 20,000 runs") == true)
        #expect(ExportCommand.words("episodes=0; sequences=3") != nil)
        #expect(ExportCommand.words("episodes=0; sequences=0") == nil)
        #expect(ExportCommand.words(nil) == nil)
    }
}
