import ArgumentParser
import Foundation

/// Starts the program and gives every failure its exit code: 0 done, 1 failed, 2 used wrongly.
@main
enum HebbMain {
    static func main() async {
        // A reader that goes away (`hebb sessions | head -1`) is an error on write, not a death.
        signal(SIGPIPE, SIG_IGN)
        do {
            var command = try HebbCommand.parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            leave(with: error)
        }
    }

    /// Prints what happened, help on stdout and errors on stderr, and ends the process.
    private static func leave(with error: any Error) -> Never {
        let code = HebbCommand.exitCode(for: error)
        var message = HebbCommand.fullMessage(for: error)
        if code == .validationFailure,
            let hint = CommandSuggestion.hint(for: Array(CommandLine.arguments.dropFirst())),
            let end = message.firstIndex(of: "\n")
        {
            message.insert(contentsOf: "\n" + hint, at: end)
        }
        if !message.isEmpty {
            let stream = code == .success ? FileHandle.standardOutput : FileHandle.standardError
            try? stream.write(contentsOf: Data((message + "\n").utf8))
        }
        exit(exitStatus(for: code))
    }

    /// ArgumentParser leaves wrong usage with 64 (EX_USAGE); ours is 2, as in most Unix tools.
    static func exitStatus(for code: ExitCode) -> Int32 {
        switch code {
        case .success: 0
        case .validationFailure: 2
        default: code.rawValue
        }
    }
}
