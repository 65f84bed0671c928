import EngramStorage
import Engrams
import Foundation
import InnerCortex
import ModelFormats
import OuterCortex

/// Hands out what other programs can run of an engram.
struct Adapting {
    let engine: Engine
    let archive: Archive
    let host: SessionHost
    let exporting: Exporting
}

@SchedulerActor
extension Adapting {
    /// Tokens of the session's text that an adapter's fidelity is measured on, and of what the core
    /// writes itself where the journal has no text.
    private static let measuredTokens = 2048
    private static let ownTokens = 256

    /// What other programs can run of an engram, with its measured fidelity.
    ///
    /// - Throws: `.refused` where the format can hold nothing of the engram, or, unless a part is
    ///   asked for, not all of it; it says which sites are left out and what they are worth.
    func export(_ id: SessionID, _ request: AdapterRequest) async throws -> ExportedAdapter {
        let session = try await host.present(id)
        let engram = try await exporting.engram(of: session, scope: request.scope)
            .without(request.without)
        var texts = try await archive.ownTexts(of: id, limit: Self.measuredTokens)
        let kind: AdapterFidelity.Text = texts.isEmpty ? .core : .session
        if texts.isEmpty { texts = [try await ownText(for: id)] }
        let cortex = engine.cortex
        // Nobody's name: such files are made to be given away.
        let name = "\(cortex.modelName)-learned"
        // Each text is read twice side by side, and once more where the rest is fitted.
        let memory = 3 * cortex.contextBytes(of: texts, with: engram)
        let export: AdapterExport = try await engine.thread.run(for: id, memory: memory) {
            [texts] in
            cortex.startExporting(
                engram, as: request.format, measuredOn: texts, kind: kind,
                fitsRest: request.allowsPartial)
        } output: {
            try $0.result(name: name)
        }
        guard let file = export.file, request.allowsPartial || export.missingSites.isEmpty
        else { throw ServiceError.refused(reason: Self.refusal(of: export, request.format)) }
        let hash = try await engine.offload(for: id.user) { ContentDigest.of(file) }
        return ExportedAdapter(
            file: file, revision: session.revision, hash: hash,
            fidelity: export.fidelity.summary)
    }

    /// A text that the frozen core writes when nothing is asked of it: for figures where there is
    /// no other text, the same on every machine of one kernel class.
    private func ownText(for id: SessionID) async throws -> [TokenID] {
        var text: [TokenID] = []
        // An end of text begins the next one.
        for seed in 1...8 where text.count < Self.ownTokens {
            let request = GenerationRequest(
                prompt: [], maxTokens: Self.ownTokens - text.count, sampling: SamplingOptions(),
                seed: UInt64(seed), mode: .frozen)
            let memory = engine.cortex.contextBytes(
                tokens: Self.ownTokens, with: engine.cortex.emptyEngram())
            text += try await engine.thread.run(for: id, memory: memory) {
                [cortex = engine.cortex] in
                cortex.startGenerating(request, with: cortex.emptyEngram())
            } output: {
                $0.result.tokens
            }
        }
        return text
    }

    private static func refusal(of export: AdapterExport, _ format: AdapterFormat) -> String {
        let what =
            switch format {
            case .peft, .ggufLoRA: "a LoRA holds changes of weights"
            case .controlVector: "a control vector holds one direction, of the layer site's decoder"
            }
        let sites = export.missingSites.joined(separator: ", ")
        guard export.file != nil else {
            let rest =
                sites.isEmpty ? "the engram has none" : "the engram has none, but \(sites)"
            let fit = format == .peft ? ", and partial=true what can be fitted onto lm_head" : ""
            return "\(what), and \(rest). The format engram exports everything\(fit)."
        }
        var worth = "there is no gain on \(export.fidelity.tokens) tokens to share out"
        if let kept = export.fidelity.gainKept {
            worth = String(
                format: "without them %.1f %% of the gain is left on %d tokens of %@", 100 * kept,
                export.fidelity.tokens,
                export.fidelity.text == .session
                    ? "the session's own text" : "the core's own text")
        }
        return "\(what), and the engram has more: \(sites); \(worth). partial=true exports the "
            + "rest, and the format engram everything."
    }
}
