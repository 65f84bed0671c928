import Foundation
import Testing

@testable import hebb

/// How what was learned is shown, from an answer made by hand.
struct InspectTests {
    private func features(_ latents: String) throws -> WireFeatures {
        try WireFormat.decoded(
            WireFeatures.self,
            from: Data(
                """
                {"object":"features","session":"alice/default","revision":12,
                "tokens_learned":1234,"sites":[{"site":"bias","count":3,"norm":0.5,"gain":1},
                {"site":"matrix","count":0,"norm":0,"gain":1}],
                "latents":[\(latents)],"contexts":[{"order":2,"text":null,"norm":1,
                "targets":[{"token":1,"text":"x","weight":-0.5}]},
                {"order":1,"text":"of\\n","norm":1,"targets":[]}],
                "biases":[{"token":1,"text":"\\u001b[31m","weight":0.25}],
                "searched_tokens":null}
                """.utf8), path: "features")
    }

    private let latent = """
        {"latent":77,"norm":1.25,"activations":1000,
        "up":[{"token":5,"text":" eel","weight":1.504}],
        "down":[{"token":6,"text":" cod","weight":-0.5}],
        "examples":[{"before":"fond\\tof","token":" eels","after":".\\n","activity":0.5}]}
        """

    @Test("A report is laid out line by line, without a terminal's codes where there is none")
    func plain() throws {
        let text = InspectCommand.text(try features(latent), isStyled: false)
        #expect(!text.contains("\u{1b}"))
        for expected in [
            "alice/default: revision 12, 1,234 tokens learned",
            "latent 77: norm 1.25, at work 1,000 times", "up    \" eel\" +1.50",
            "down  \" cod\" -0.50", "in    fond⇥of⟦ eels⟧.↵", "(2 tokens) → \"x\" -0.50",
            "\"of↵\"", "\"·[31m\" +0.25", "no text",
        ] {
            #expect(text.contains(expected), "\(expected)")
        }
        // Sites that hold nothing are left out.
        #expect(!text.contains("matrix"))
    }

    @Test("On a terminal the token that was read is reversed; a text's own codes do nothing")
    func styled() throws {
        let text = InspectCommand.text(try features(latent), isStyled: true)
        #expect(text.contains("\u{1b}[7m eels\u{1b}[0m"))
        #expect(!text.contains("\u{1b}[31m"))
        #expect(InspectCommand.text(try features(latent), isStyled: false).contains("⟦ eels⟧"))
    }

    @Test("A diff shows both sides, the sites and the tokens")
    func diff() throws {
        let diff = try WireFormat.decoded(
            WireDiff.self,
            from: Data(
                """
                {"from":{"id":"ckpt-1","bytes":1000,"tokens_learned":10},
                "to":{"id":"session","bytes":2000,"tokens_learned":2000},
                "sites":[{"site":"features","count":{"from":1,"to":3},
                "norm":{"from":1,"to":2,"change":1.5},"added":2,"removed":0,"changed":1}],
                "latents":[],"contexts":[],
                "tokens":[{"token":1,"text":"x","bias":-1,"features":0,"sequences":2,"total":3}],
                "bits_per_byte":{"tokens":40,"bytes":99,"frozen":3,"from":2.5,"to":2}}
                """.utf8), path: "diff")
        let text = CheckpointCommand.Diff.text(diff, isStyled: false)
        for expected in [
            "From ckpt-1 (10 tokens, 1.0 KB) to session (2,000 tokens, 2.0 KB)",
            "2.500 → 2.000 bits/byte (frozen 3.000)", "features", "\"x\"", "-1.00", "+2.00",
        ] {
            #expect(text.contains(expected), "\(expected)")
        }
    }
}
