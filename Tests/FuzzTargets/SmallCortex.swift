import Engrams
import Foundation
import Kernels
import ModelFormats
import OuterCortex
import TinyCore

/// A tiny random core and what the fuzz targets do with it.
enum SmallCortex {
    private static let lesson = "the heron on the pier. the heron on the pier is an old one."
    private static let question = "the heron on the other pier"

    /// On disk while the program runs: another rule may have its layer site read an SAE from there.
    private static let folder = Result {
        let folder = try TinyCore.make(seed: 5, withLayerAutoencoder: true)
        atexit { SmallCortex.removeFolder() }
        return folder
    }

    static func make(rule: PlasticityRule) throws -> Cortex {
        try Cortex(folder: folder.get(), rule: rule)
    }

    static func configPath() throws -> String { try folder.get() + "/config.json" }

    private static func removeFolder() {
        if let folder = try? folder.get() { TinyCore.remove(folder) }
    }

    /// A rule under which every site learns and is heard.
    static var fullRule: PlasticityRule {
        var rule = PlasticityRule()
        rule.matrix.rate = 1
        rule.episode.capacity = 16
        rule.episode.sharedLatents = 1
        rule.layer.dense.rate = 1
        rule.layer.decoder.rate = 1
        rule.tensors = RuleTensors(
            whitening: .identity(size: TinyCore.hiddenSize),
            keyProjection: .identity(size: TinyCore.hiddenSize))
        return rule
    }

    /// Learns a short text.
    static func observe(into engram: inout Engram, on cortex: Cortex) throws {
        let task = cortex.startObserving(tokens(of: lesson, on: cortex), from: engram)
        while !task.advance() {}
        try engram.commit(task.result.proposal, within: cortex.zone)
    }

    /// Scores a short text: whatever the engram holds, no token moves past the bound.
    static func checkScore(_ engram: Engram, on cortex: Cortex) throws {
        let task = cortex.startScoring(tokens(of: question, on: cortex), with: engram)
        while !task.advance() {}
        let scored = task.result
        let limit = cortex.zone.maximumDivergence
        try expect(
            scored.adaptation.klMax <= limit,
            "a token moves by \(scored.adaptation.klMax) nats, the bound is \(limit)")
        try expect(
            scored.perToken.allSatisfy { $0.frozen.isFinite && $0.adapted.isFinite },
            "a surprise is not finite")
    }

    private static func tokens(of text: String, on cortex: Cortex) -> [TokenID] {
        cortex.tokenizer.encode(text)
    }
}
