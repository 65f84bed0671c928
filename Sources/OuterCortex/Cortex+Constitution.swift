public import Engrams
import InnerCortex
import ModelFormats

extension Cortex {
    /// The tokens of a probe's prompt or continuation. Names of control tokens in it are text.
    func probeTokens(_ text: String) -> [TokenID] { tokenizer.encode(text) }

    /// Throws unless this core has the tokens, latents and room for the probes that a constitution
    /// names. Hashes of files are `CoreSeal`'s matter.
    func checkFit(of constitution: Constitution) throws(ConstitutionError) {
        for token in constitution.protectedTokens {
            let item = "protected token \(token.id)"
            guard token.id < inner.config.vocabularySize else {
                throw .unfit(
                    item: item,
                    reason: "the vocabulary ends at \(inner.config.vocabularySize - 1)")
            }
            // Byte by byte: "é" and "e\u{301}" are two tokens.
            guard text(of: TokenID(rawValue: token.id)).utf8.elementsEqual(token.text.utf8) else {
                throw .unfit(
                    item: item,
                    reason: "its text here is another than the constitution's: one of both, id or "
                        + "text, is wrong")
            }
        }
        let latents = max(identity.latentCount, identity.layerLatentCount)
        for latent in constitution.protectedLatents where latent >= latents {
            throw .unfit(
                item: "protected latent \(latent)", reason: "the SAE has \(latents) latents")
        }
        let limit = inner.config.contextLength
        for probe in constitution.probes {
            let item = "probe '\(probe.name)'"
            let prompt = probeTokens(probe.prompt).count
            for continuation in [probe.required, probe.forbidden].compactMap(\.self) {
                let count = probeTokens(continuation).count
                guard count > 0 else {
                    throw .unfit(item: item, reason: "it has an empty continuation")
                }
                guard opening.count + prompt + count <= limit else {
                    throw .unfit(
                        item: item,
                        reason: "prompt and continuation have \(prompt + count) tokens, the "
                            + "context \(limit) with its start token")
                }
            }
        }
    }

    /// What a token adds to a text; bytes that are no whole character are shown as U+FFFD.
    private func text(of token: TokenID) -> String {
        String(decoding: tokenizer.bytes(of: token), as: UTF8.self)
    }

    /// The one token that a text is; control tokens go by their names.
    /// - Throws: `ConstitutionError.unfit` when it is several, or when the token's text is another.
    func protectedToken(_ text: String) throws(ConstitutionError) -> Constitution.Token {
        let tokens = tokenizer.encode(text, parsingSpecialTokens: true)
        guard tokens.count == 1, self.text(of: tokens[0]) == text else {
            let pieces = tokens.map { YAMLText.string(self.text(of: $0)) }.joined(separator: " ")
            throw .unfit(
                item: "protected token \(YAMLText.string(text))",
                reason: "it is \(tokens.count) tokens here (\(pieces)); name one token, with its "
                    + "leading space where it has one")
        }
        return Constitution.Token(text: text, id: tokens[0].rawValue)
    }

    /// Makes the constitution of this core from what a person decided, and has the frozen core
    /// asked its probes.
    ///
    /// - Parameters:
    ///   - draft: probes, protections, and the numbers in which the zone differs from the rule's.
    ///   - tokens: further tokens to protect, as text.
    ///   - latents: further latents to protect.
    /// - Returns: It, and what each probe measures of the frozen core.
    /// - Throws: `ConstitutionError` when a part does not fit or the core fails a probe,
    ///   `EngramError` for a number outside its range.
    public func constitution(
        from draft: ConstitutionDraft, protectingTokens tokens: [String] = [],
        latents: [Int32] = []
    ) throws -> (constitution: Constitution, readings: [ProbeReading]) {
        var protected = draft.protectedTokens
        for text in tokens {
            let token = try protectedToken(text)
            if !protected.contains(token) { protected.append(token) }
        }
        let constitution = Constitution(
            files: seal.files, zone: try rule.safeZone.with(draft.zone),
            protectedTokens: protected,
            protectedLatents: ProtectedSites(latents: draft.protectedLatents + latents).latents,
            probes: draft.probes)
        let sealed = try with(constitution: constitution)
        let task = ProbeAuditor(cortex: sealed).startAudit(of: sealed.emptyEngram())
        while !task.advance() {}
        for reading in task.result where !reading.passes {
            throw ConstitutionError.failsProbe(reading)
        }
        return (constitution, task.result)
    }
}
