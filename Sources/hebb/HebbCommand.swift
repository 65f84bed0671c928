import ArgumentParser

/// The root of the command line: `hebb <command>`.
struct HebbCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hebb",
        abstract: "A language model that learns from each of its users, on your own machine.",
        discussion: """
            Start a server with `hebb serve`, then teach it:

              hebb observe --user alice notes.txt
              hebb score --user alice draft.txt

            Exit codes: 0 done, 1 failed, 2 wrong usage. Results go to stdout, progress to stderr.
            """,
        version: "0.1.0",
        subcommands: [ManualCommand.self],
        groupedSubcommands: [
            CommandGroup(
                name: "Server:",
                subcommands: [ServeCommand.self, PullCommand.self, DoctorCommand.self]),
            CommandGroup(
                name: "With a running server:",
                subcommands: [
                    ObserveCommand.self, ScoreCommand.self, CompleteCommand.self,
                    FeedbackCommand.self, SessionsCommand.self, CheckpointCommand.self,
                    InspectCommand.self, ResetCommand.self, EventsCommand.self,
                    ForgetCommand.self, KeysCommand.self,
                    ExportCommand.self, ImportCommand.self, MergeCommand.self,
                ]),
            CommandGroup(
                name: "Offline, on a core folder:",
                subcommands: [
                    TrainSAECommand.self, MetaLearnCommand.self, EvaluateCommand.self,
                    BenchCommand.self, SealCommand.self, AuditCommand.self,
                ]),
        ])
}
