import ArgumentParser
import Foundation

extension CheckpointCommand {
    /// `hebb checkpoint diff`.
    struct Diff: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show what changed from one checkpoint to another.",
            discussion: """
                Example: hebb checkpoint diff ckpt-3 --user alice
                         hebb checkpoint diff ckpt-3 ckpt-5 --user alice --json
                         hebb checkpoint diff frozen ckpt-3 --user alice
                """)

        @Argument(help: "A checkpoint's id, session or frozen.")
        var from: String

        @Argument(help: "What to compare with: a checkpoint's id, session or frozen.")
        var to = "session"

        @Option(help: "How many latents, contexts and tokens to show.")
        var top = 8

        @OptionGroup var session: SessionOptions
        @OptionGroup var server: ServerOptions

        func run() async throws {
            let address = try session.address()
            let diff: WireDiff = try await server.client().exchange(
                "GET", address.path("checkpoints/\(SessionAddress.escaped(from))/diff"),
                query: [("with", to), ("top", String(top))])
            if server.json { return try Terminal.json(diff) }
            Terminal.result(Self.text(diff, isStyled: Terminal.showsResults))
        }

        static func text(_ diff: WireDiff, isStyled: Bool) -> String {
            var text = FeatureText(isStyled: isStyled)
            func side(_ side: WireDiff.Side) -> String {
                "\(side.id) (\(Figure.grouped(side.tokensLearned)) tokens, "
                    + "\(Figure.bytes(side.bytes)))"
            }
            text.heading("From \(side(diff.from)) to \(side(diff.to))")
            if let bits = diff.bitsPerByte {
                text.line(
                    "  the newest \(Figure.grouped(bits.tokens)) tokens: "
                        + "\(Figure.fixed(bits.from, 3)) → \(Figure.fixed(bits.to, 3)) bits/byte "
                        + "(frozen \(Figure.fixed(bits.frozen, 3)))")
            }
            text.table(
                [["site", "weights", "to", "added", "removed", "changed", "norm", "to", "change"]]
                    + diff.sites.filter { $0.count.from + $0.count.to > 0 }.map { site in
                        [site.site]
                            + [
                                site.count.from, site.count.to, site.added, site.removed,
                                site.changed,
                            ].map(Figure.grouped)
                            + [site.norm.from, site.norm.to, site.norm.change].map {
                                Figure.fixed($0, 2)
                            }
                    })
            if !diff.latents.isEmpty {
                text.heading("Latents that changed most")
                text.latents(diff.latents)
            }
            if !diff.contexts.isEmpty {
                text.heading("Contexts that changed most")
                text.contexts(diff.contexts)
            }
            if !diff.tokens.isEmpty {
                text.heading("Tokens that changed most")
                text.table(
                    [["token", "bias", "features", "sequences"]]
                        + diff.tokens.map {
                            [FeatureText.quoted($0.text)]
                                + [$0.bias, $0.features, $0.sequences].map(FeatureText.signed)
                        })
            }
            return text.text
        }
    }

    /// `hebb checkpoint describe`.
    struct Describe: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Name a checkpoint, or write a note on it.",
            discussion: """
                Example: hebb checkpoint describe ckpt-3 --user alice --note "before the thesis"

                An empty text removes what was there. The server prunes old checkpoints of its \
                own making unless they have a name or a note.
                """)

        @Argument(help: "The checkpoint's id.")
        var checkpoint: String

        @Option(help: "Its new name.")
        var name: String?

        @Option(help: "Its new note, up to 2,000 bytes.")
        var note: String?

        @OptionGroup var session: SessionOptions
        @OptionGroup var server: ServerOptions

        private struct Body: Encodable {
            let name: String?
            let note: String?
        }

        func validate() throws {
            guard name != nil || note != nil else {
                throw ValidationError("give --name or --note")
            }
        }

        func run() async throws {
            let address = try session.address()
            let made: WireCheckpoint = try await server.client().exchange(
                "PATCH", address.path("checkpoints/\(SessionAddress.escaped(checkpoint))"),
                body: Body(name: name, note: note))
            if server.json { return try Terminal.json(made) }
            Terminal.result(CheckpointCommand.line(made))
        }
    }
}
