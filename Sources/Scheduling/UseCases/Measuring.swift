import Engrams
import ModelFormats
import OuterCortex

/// Measures texts; never learns.
struct Measuring {
    let engine: Engine
    let host: SessionHost
}

@SchedulerActor
extension Measuring {
    /// Measures a text under the session's engram as it is now.
    func score(_ id: SessionID, _ request: ScoreRequest) async throws -> ScoreResult {
        // First of all: who comes beside a writer sees the engram as it is now.
        let session = try await host.present(id)
        let tokens = try await engine.encoded(
            .text(request.text), parsingSpecialTokens: request.parsesSpecialTokens, for: id.user
        ).tokens
        try engine.requirePredictions(tokens)
        let engram = request.frozenOnly ? engine.cortex.emptyEngram() : session.engram
        let scoring = try await engine.score(tokens, with: engram, for: id)
        engine.count { $0.scoredTokens += scoring.tokens }
        RequestContext.current.spend(tokens: scoring.tokens)
        var perToken: [TokenScore]?
        if request.perToken {
            perToken = try await engine.offload(for: id.user) { [engine] in
                scoring.perToken.map {
                    TokenScore(
                        token: $0.token, text: engine.text(of: $0.token), frozen: $0.frozen,
                        adapted: request.frozenOnly ? $0.frozen : $0.adapted)
                }
            }
        }
        var bits = BitsPerByte(scoring.bits, bytes: scoring.bytes)
        if request.frozenOnly { bits.adapted = bits.frozen }
        return ScoreResult(
            tokens: scoring.tokens, bytes: scoring.bytes, bitsPerByte: bits,
            revision: session.revision, perToken: perToken)
    }
}
