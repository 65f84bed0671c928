import ArgumentParser
import Foundation
import Testing

@testable import hebb

/// Commands that are found by other words, and pages that tell of all commands.
struct CommandSuggestionTests {
    @Test(
        "Who types what there is not is told what there is",
        arguments: [
            (["run"], "hebb complete"), (["chat", "--user", "a"], "hebb complete"),
            (["models"], "hebb doctor"), (["download", "x"], "hebb pull"),
            (["list"], "hebb sessions"), (["ps"], "hebb sessions"), (["start"], "hebb serve"),
            (["status"], "hebb doctor"), (["train"], "hebb observe"), (["learn"], "hebb observe"),
            (["delete"], "hebb forget"), (["rm"], "hebb forget"), (["undo"], "hebb reset"),
            (["srve"], "`hebb serve`"), (["session"], "`hebb sessions`"),
            (["obsreve"], "`hebb observe`"), (["eval"], "`hebb evaluate`"),
            (["sessions", "rm", "alice/work"], "hebb sessions discard"),
            (["checkpoint", "ls"], "hebb checkpoint list"),
            (["checkpoint", "lst"], "`hebb checkpoint list`"),
        ])
    func hints(arguments: [String], hint: String) {
        let found = CommandSuggestion.hint(for: arguments)
        #expect(found?.contains(hint) == true, "\(found ?? "nothing")")
    }

    @Test(
        "Nothing is suggested for a command that there is, nor for what nobody knows",
        arguments: [
            ["serve", "--port", "x"], ["observe"], ["sessions", "list", "x"], ["--bogus"],
            ["xylophone"], ["checkpoint", "--name", "x"], [],
        ])
    func none(arguments: [String]) {
        #expect(CommandSuggestion.hint(for: arguments) == nil)
    }

    @Test("Every command that is suggested is one")
    func suggestionsExist() {
        let names = Set(
            HebbCommand.configuration.groupedSubcommands.flatMap(\.subcommands).compactMap {
                $0.configuration.commandName
            })
        let words = [
            "run", "start", "stop", "models", "download", "list", "show", "status", "learn", "rm",
            "undo", "save", "load", "dump", "log", "diff", "ppl", "benchmark", "like", "sign",
        ]
        for word in words {
            let hint = CommandSuggestion.hint(for: [word]) ?? ""
            let named = hint.matches(of: /hebb ([a-z-]+)/).map { String($0.output.1) }
            #expect(!named.isEmpty && named.allSatisfy(names.contains), "\(word): \(hint)")
        }
    }
}

struct ManualPagesTests {
    private func pages() throws -> [String: String] {
        Dictionary(
            uniqueKeysWithValues: try ManualPages(described: HebbCommand._dumpHelp()).files)
    }

    @Test("There is a page of hebb and one of each command that help shows")
    func names() throws {
        let shown = HebbCommand.configuration.groupedSubcommands.flatMap(\.subcommands)
        let expected = ["hebb.1"] + shown.map { "hebb-\($0.configuration.commandName ?? "").1" }
        #expect(try Set(pages().keys) == Set(expected))
    }

    @Test("A page has what help has: options, values, defaults and examples")
    func content() throws {
        let pages = try pages()
        let serve = try #require(pages["hebb-serve.1"])
        for part in [
            ".TH", ".SH NAME\nhebb\\-serve \\- Serve a core", "\\fB\\-\\-port\\fR \\fIport\\fR",
            "Default: 8421.", "Example: hebb serve", "One of text, deltas.",
        ] { #expect(serve.contains(part), "\(part)") }
        let checkpoint = try #require(pages["hebb-checkpoint.1"])
        #expect(checkpoint.contains(".SH \"HEBB CHECKPOINT RESTORE\""))
        #expect(try #require(pages["hebb.1"]).contains(".BR \"hebb\\-observe\" (1)"))
    }

    @Test("No line of a text is taken for a command of roff")
    func escaping() {
        #expect(ManualPages.escaped(".x \\ -y") == "\\&.x \\e \\-y")
    }
}
