/// Reports on what was learned, laid out for a terminal.
struct FeatureText {
    /// Whether the terminal shows bold and reversed characters.
    var isStyled = false
    private(set) var lines: [String] = []

    init(isStyled: Bool) { self.isStyled = isStyled }

    var text: String { lines.joined(separator: "\n") }

    mutating func heading(_ text: String) {
        if !lines.isEmpty { lines.append("") }
        lines.append(styled(text, "1"))
    }

    mutating func line(_ text: String) { lines.append(text) }

    /// Columns, the first to the left and the others to the right.
    mutating func table(_ rows: [[String]]) {
        guard let columns = rows.map(\.count).max() else { return }
        let widths = (0..<columns).map { column in
            rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
        }
        for row in rows {
            let cells = row.enumerated().map { column, cell in
                let gap = String(repeating: " ", count: widths[column] - cell.count)
                return column == 0 ? cell + gap : gap + cell
            }
            lines.append("  " + cells.joined(separator: "  "))
        }
    }

    mutating func latents(_ latents: [WireFeatures.Latent]) {
        for latent in latents {
            var parts = ["norm \(Figure.fixed(latent.norm, 2))"]
            if let change = latent.change { parts = ["changed by \(Figure.fixed(change, 2))"] }
            parts.append("at work \(Figure.grouped(latent.activations)) times")
            line("  latent \(latent.latent): \(parts.joined(separator: ", "))")
            if !latent.up.isEmpty { line("    up    \(pushes(latent.up))") }
            if !latent.down.isEmpty { line("    down  \(pushes(latent.down))") }
            for example in latent.examples ?? [] { line("    in    \(self.example(example))") }
        }
    }

    mutating func contexts(_ contexts: [WireFeatures.Context]) {
        for context in contexts {
            let name = context.text.map(Self.quoted) ?? "(\(context.order) tokens)"
            line("  \(name) → \(pushes(context.targets))")
        }
    }

    mutating func biases(_ biases: [WireFeatures.Push]) {
        line("  \(pushes(biases))")
    }

    private func pushes(_ pushes: [WireFeatures.Push]) -> String {
        pushes.map { push in
            let value = push.change ?? push.weight
            return Self.quoted(push.text) + " " + Self.signed(value)
        }.joined(separator: "  ")
    }

    private func example(_ example: WireFeatures.Example) -> String {
        let token = Self.printable(example.token)
        return Self.printable(example.before) + (isStyled ? styled(token, "7") : "⟦\(token)⟧")
            + Self.printable(example.after)
    }

    private func styled(_ text: String, _ code: String) -> String {
        isStyled ? "\u{1b}[\(code)m\(text)\u{1b}[0m" : text
    }

    static func signed(_ value: Double) -> String {
        (value < 0 ? "-" : "+") + Figure.fixed(abs(value), 2)
    }

    static func quoted(_ text: String) -> String { "\"\(printable(text))\"" }

    /// A text on one line; control characters would do to the terminal what a stranger's text says.
    static func printable(_ text: String) -> String {
        text.unicodeScalars.reduce(into: "") { result, scalar in
            switch scalar {
            case "\n": result += "↵"
            case "\t": result += "⇥"
            case _
            where scalar.properties.generalCategory == .control
                || scalar.properties.generalCategory == .format:
                result += "·"
            default: result.unicodeScalars.append(scalar)
            }
        }
    }
}
