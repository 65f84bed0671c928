import ArgumentParser
import Foundation

/// `hebb inspect`: what a session learned, in words.
struct InspectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Show what a session's model has learned.",
        discussion: """
            Example: hebb inspect --user alice
                     hebb inspect --user alice --top 5 --json

            Latents are features that the core's sparse autoencoder found. For each: how much it \
            has learned, which tokens it now makes likelier (up) and less likely (down), in \
            logits, and places of the user's own text where it is most at work, the token that it \
            read marked. Contexts are sequences of tokens and what now follows them.
            """)

    @Option(help: "How many latents, contexts and biases to show.")
    var top = 8

    @OptionGroup var session: SessionOptions
    @OptionGroup var server: ServerOptions

    func validate() throws {
        guard top >= 1 else { throw ValidationError("--top must be at least 1") }
    }

    func run() async throws {
        let address = try session.address()
        let features: WireFeatures = try await server.client().exchange(
            "GET", address.path("features"), query: [("top", String(top))])
        if server.json { return try Terminal.json(features) }
        Terminal.result(Self.text(features, isStyled: Terminal.showsResults))
    }

    static func text(_ features: WireFeatures, isStyled: Bool) -> String {
        var text = FeatureText(isStyled: isStyled)
        text.heading(
            "\(features.session): revision \(features.revision), "
                + "\(Figure.grouped(features.tokensLearned)) tokens learned")
        text.table(
            [["site", "weights", "norm", "gain"]]
                + features.sites.filter { $0.count > 0 }.map {
                    [
                        $0.site, Figure.grouped($0.count), Figure.fixed($0.norm, 2),
                        Figure.fixed($0.gain, 2),
                    ]
                })
        guard !features.latents.isEmpty || !features.contexts.isEmpty || !features.biases.isEmpty
        else {
            text.line("")
            text.line("  Nothing learned yet.")
            return text.text
        }
        if !features.latents.isEmpty {
            text.heading("Latents that learned most")
            text.latents(features.latents)
        }
        if !features.contexts.isEmpty {
            text.heading("Contexts that learned most")
            text.contexts(features.contexts)
        }
        if !features.biases.isEmpty {
            text.heading("Tokens that became likelier or less likely everywhere")
            text.biases(features.biases)
        }
        if features.searchedTokens == nil {
            text.line("")
            text.line("The journal keeps no text, so there are no examples.")
        }
        return text.text
    }
}
