import Engrams
import Foundation
import ModelFormats
import OuterCortex

/// The core: that it loads, what it is, and that it computes.
enum CoreCheck {
    /// - Parameter location: the core's, or why none was found.
    static func findings(at location: Result<CoreLocation, any Error>) -> [Finding] {
        let remedy =
            "a core is a GGUF file, or a folder with config.json, model.safetensors and "
            + "tokenizer.json"
        do {
            let location = try location.get()
            let start = ContinuousClock.now
            let cortex = try Cortex(at: location)
            let seconds = Figure.fixed((ContinuousClock.now - start) / .seconds(1), 2)
            return [
                Finding("core", .ok, "\(location.model), loaded in \(seconds) s"),
                Finding("core hash", .ok, cortex.identity.core),
            ] + cortex.notices.map { Finding("core files", .warn, $0) } + [
                autoencoder(cortex), rule(cortex, folder: location.folder), constitution(cortex),
                prediction(cortex),
            ]
        } catch let error as ConstitutionError {
            return [
                Finding(
                    "seal", .fail, "\(error)",
                    remedy: "a core is served as it was sealed, or not at all")
            ]
        } catch {
            return [Finding("core", .fail, "\(error)", remedy: remedy)]
        }
    }

    private static func autoencoder(_ cortex: Cortex) -> Finding {
        guard cortex.autoencoder != nil else {
            return Finding(
                "sae", .warn, "none beside the core: latent synapses are off",
                remedy: "train one with `hebb train-sae`")
        }
        return Finding(
            "sae", .ok,
            "\(cortex.identity.latentCount) latents, \(cortex.identity.sparseAutoencoder)")
    }

    private static func rule(_ cortex: Cortex, folder: String) -> Finding {
        let path = folder + "/" + PlasticityRule.fileName
        guard FileManager.default.fileExists(atPath: path) else {
            return Finding(
                "rule", .warn, "no \(PlasticityRule.fileName): the built-in coefficients are used")
        }
        return Finding("rule", .ok, cortex.identity.rule)
    }

    /// That it is sealed, and that the frozen core passes its own probes.
    private static func constitution(_ cortex: Cortex) -> Finding {
        guard let constitution = cortex.seal.constitution else {
            return Finding(
                "seal", .warn, "none: any change of the core's files goes unseen",
                remedy: "seal it with `hebb seal`")
        }
        let auditor = ProbeAuditor(cortex: cortex)
        let start = ContinuousClock.now
        let task = auditor.startAudit(of: cortex.emptyEngram())
        task.runToEnd()
        let milliseconds = (ContinuousClock.now - start) / .milliseconds(1)
        if let failing = task.result.first(where: { !$0.passes }) {
            return Finding(
                "seal", .fail,
                "the core itself fails the \(ConstitutionError.text(failing))",
                remedy: "seal it again with another margin: no engram could be kept")
        }
        let signed = cortex.seal.signer.map { "signed by \($0)" } ?? "not signed"
        return Finding(
            "seal", .ok,
            "\(constitution.files.count) files as sealed, \(signed); \(task.result.count) probes "
                + "pass, audited in \(Figure.fixed(milliseconds, 1)) ms")
    }

    /// A few words must cost a sane number of bits.
    private static func prediction(_ cortex: Cortex) -> Finding {
        let text = "The sea was calm, and the ship came home."
        let task = cortex.startScoring(
            cortex.tokenizer.encode(text), with: cortex.emptyEngram())
        task.runToEnd()
        let bits = task.result.bits.frozen / Double(max(1, task.result.bytes))
        let detail = "\(Figure.fixed(bits, 2)) bits/byte on a plain sentence"
        guard bits.isFinite, bits > 0, bits < 20 else {
            return Finding(
                "prediction", .fail, detail,
                remedy: "the weights or the tokenizer are damaged: fetch the core anew")
        }
        // A byte has 8 bits: above that the model is worse than no model.
        return bits < 8
            ? Finding("prediction", .ok, detail)
            : Finding(
                "prediction", .warn, detail,
                remedy: "worse than no model at all: is this a trained core, in English?")
    }
}
