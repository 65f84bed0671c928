import ModelFormats

extension Constitution {
    /// The file's text: the same constitution gives the same bytes, which its hash is of.
    public func yaml() -> String {
        var lines = [
            "# The constitution of a core (README, \"A constitution\"). Made by `hebb seal`; a change",
            "# to any byte makes it another one, under which engrams of this one are refused.",
            "format: \(Self.formatName)",
            "format_version: \(Self.formatVersion)",
            "",
            "# SHA-256 of every file that is served. A core that differs is refused.",
            "files:",
        ]
        for (path, digest) in files.sorted(by: { $0.key < $1.key }) {
            lines.append("  \(path): \"\(digest)\"")
        }
        lines += ["", "# The bounds that act, in place of those in rule.json.", "safe_zone:"]
        for number in SafeZone.numbers {
            lines.append("  \(number.name): \(number.text(zone))  # \(number.note)")
        }
        lines += ["", "# What plasticity may not push.", "protected:"]
        lines.append(protectedTokens.isEmpty ? "  tokens: []" : "  tokens:")
        for token in protectedTokens.sorted(by: { $0.id < $1.id }) {
            lines.append("    - text: \(YAMLText.string(token.text))")
            lines.append("      id: \(token.id)")
        }
        lines.append(protectedLatents.isEmpty ? "  latents: []" : "  latents:")
        for latent in protectedLatents.sorted() { lines.append("    - \(latent)") }
        lines += [
            "", "# What every engram that is kept must still pass. Margins are nats of the whole",
            "# continuation's log-probability.", probes.isEmpty ? "probes: []" : "probes:",
        ]
        for probe in probes {
            lines.append("  - name: \(YAMLText.string(probe.name))")
            lines.append("    prompt: \(YAMLText.string(probe.prompt))")
            for (key, text) in [("required", probe.required), ("forbidden", probe.forbidden)] {
                if let text { lines.append("    \(key): \(YAMLText.string(text))") }
            }
            lines.append("    margin: \(probe.margin)")
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
