import ArgumentParser

/// What to say to somebody who types a command that there is not: the one that they meant, by its
/// spelling or by what other programs call it.
enum CommandSuggestion {
    /// Nil when every word was a command, or nothing comes near.
    /// - Parameter arguments: without the program's name.
    static func hint(for arguments: [String]) -> String? {
        var command: any ParsableCommand.Type = HebbCommand.self
        var path = ["hebb"]
        for word in arguments {
            let commands = subcommands(of: command)
            // What follows an option, or a command that has no others under it, is no command.
            guard !commands.isEmpty, !word.hasPrefix("-") else { return nil }
            guard let next = commands.first(where: { name(of: $0) == word }) else {
                if path.count == 1, word == "help" { return nil }
                return hint(for: word, after: path, among: commands.map(name(of:)))
            }
            command = next
            path.append(word)
        }
        return nil
    }

    private static func hint(
        for word: String, after path: [String], among names: [String]
    ) -> String? {
        let prefix = path.joined(separator: " ")
        let meaning = (path.count == 1 ? elsewhere : underneath[path[1]] ?? [])
            .first { $0.words.contains(word.lowercased()) }
        if let meaning { return meaning.advice }
        let near = names.map { (name: $0, distance: distance(word.lowercased(), $0)) }
            .min { $0.distance < $1.distance }
        if word.count >= 3, let whole = names.first(where: { $0.hasPrefix(word.lowercased()) }) {
            return "Did you mean `\(prefix) \(whole)`?"
        }
        guard let near, near.distance <= 2, near.distance < word.count else { return nil }
        return "Did you mean `\(prefix) \(near.name)`?"
    }

    private static func subcommands(
        of command: any ParsableCommand.Type
    ) -> [any ParsableCommand.Type] {
        command.configuration.subcommands
            + command.configuration.groupedSubcommands.flatMap(\.subcommands)
    }

    private static func name(of command: any ParsableCommand.Type) -> String {
        command.configuration.commandName ?? "\(command)".lowercased()
    }

    private typealias Meaning = (words: Set<String>, advice: String)

    /// What ollama, llama.cpp, vLLM, git and people call it.
    private static let elsewhere: [Meaning] = [
        (
            ["run", "chat", "generate", "prompt", "ask", "infer", "cli"],
            "`hebb complete` continues a text; `hebb serve` starts the server."
        ),
        (
            ["start", "server", "up", "launch", "api", "daemon", "listen"],
            "`hebb serve` starts the server."
        ),
        (["stop", "kill", "down", "quit"], "Ctrl-C, or SIGTERM, ends `hebb serve` cleanly."),
        (
            ["models", "model", "cores", "tags", "search"],
            "A server has one core: `hebb doctor` shows it, and `hebb serve --core NAME` takes "
                + "another. `hebb sessions` lists whose models it holds."
        ),
        (
            ["download", "get", "install", "fetch"],
            "`hebb pull NAME` fetches a core, `hebb pull --list` says which."
        ),
        (
            ["list", "ls", "ps", "users", "user"],
            "`hebb sessions` lists sessions, `hebb checkpoint list` checkpoints, `hebb events` "
                + "what was learned from."
        ),
        (
            ["show", "info", "explain", "features", "describe"],
            "`hebb inspect` shows what a session learned, `hebb doctor` the core and the machine."
        ),
        (
            ["status", "health", "check", "ping", "diagnose"],
            "`hebb doctor` checks the machine and the core, `hebb sessions` asks a running server."
        ),
        (
            ["learn", "train", "teach", "add", "feed", "ingest", "finetune", "fine-tune", "tune"],
            "`hebb observe` lets a session learn from texts; `hebb train-sae` and "
                + "`hebb meta-learn` are for a core of your own."
        ),
        (
            ["rm", "delete", "remove", "del", "unlearn"],
            "`hebb forget` unlearns an event, `hebb sessions discard` drops a session, "
                + "`hebb checkpoint delete` a checkpoint."
        ),
        (
            ["undo", "rollback", "revert", "restore", "clear"],
            "`hebb reset` drops what came after the last checkpoint, `hebb checkpoint restore` "
                + "goes back to one, `hebb forget` takes one thing back."
        ),
        (["save", "commit", "snapshot", "keep"], "`hebb checkpoint` keeps what was learned."),
        (["load", "apply", "push"], "`hebb import` loads an engram or an adapter."),
        (["dump", "backup", "convert"], "`hebb export` writes what was learned to a file."),
        (["log", "history", "journal"], "`hebb events` lists what a session learned from."),
        (["diff", "compare"], "`hebb checkpoint diff` compares two checkpoints."),
        (["perplexity", "ppl", "measure"], "`hebb score` measures how well a text is predicted."),
        (["benchmark", "speed"], "`hebb bench` measures speed."),
        (["like", "rate", "reward", "judge"], "`hebb feedback` says what an answer was worth."),
        (["sign", "keygen", "verify"], "`hebb seal` writes a core's constitution and signs it."),
        (["version"], "`hebb --version` says it."),
        (["man", "usage", "commands"], "`hebb --help` lists all commands."),
    ]

    private static let underneath: [String: [Meaning]] = [
        "sessions": [
            (["ls", "show", "ps"], "`hebb sessions list` lists them."),
            (
                ["create", "add", "make", "start"],
                "`hebb sessions new alice/work` makes a session."
            ),
            (
                ["rm", "delete", "remove", "drop", "del"],
                "`hebb sessions discard alice/work` drops a session."
            ),
        ],
        "checkpoint": [
            (["ls", "show", "log"], "`hebb checkpoint list` lists them."),
            (["create", "add", "make", "new"], "`hebb checkpoint save` makes a checkpoint."),
            (["rm", "remove", "drop", "del"], "`hebb checkpoint delete ID` deletes one."),
            (["rename", "name", "note"], "`hebb checkpoint describe ID` names it."),
            (
                ["load", "revert", "rollback", "reset", "goto"],
                "`hebb checkpoint restore ID` goes back to one."
            ),
            (["compare"], "`hebb checkpoint diff` compares two."),
        ],
    ]

    /// Letters to insert, drop, replace or swap with their neighbour, to make one word of another.
    private static func distance(_ first: String, _ second: String) -> Int {
        let (a, b) = (Array(first.utf8), Array(second.utf8))
        var rows = [Array(0...b.count)]
        for i in a.indices {
            var row = [i + 1]
            for j in b.indices {
                let same = a[i] == b[j] ? 0 : 1
                var least = min(rows[i][j] + same, rows[i][j + 1] + 1, row[j] + 1)
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] {
                    least = min(least, rows[i - 1][j - 1] + 1)
                }
                row.append(least)
            }
            rows.append(row)
        }
        return rows[a.count][b.count]
    }
}
