import Foundation

/// A bar on stderr that is redrawn in place; silent when stderr is no terminal.
struct ProgressBar {
    let label: String
    let total: Int
    /// Whether `total` counts bytes: the line then says how many a second.
    let countsBytes: Bool
    private let isVisible: Bool
    private let start = ContinuousClock.now
    private var lastDrawn: ContinuousClock.Instant?

    init(
        label: String, total: Int, countsBytes: Bool = false,
        isVisible: Bool = Terminal.showsProgress
    ) {
        self.label = label
        self.total = total
        self.countsBytes = countsBytes
        self.isVisible = isVisible
    }

    /// Redraws, at most ten times a second but always at the end.
    mutating func show(done: Int, note: String) {
        guard isVisible else { return }
        let now = ContinuousClock.now
        if let lastDrawn, done < total, now - lastDrawn < .milliseconds(100) { return }
        lastDrawn = now
        let seconds = (now - start) / .seconds(1)
        // A line that wraps could not be redrawn in place.
        let text = line(done: done, seconds: seconds, note: note).prefix(Terminal.columns - 1)
        Terminal.remark("\r\u{1B}[K" + text, terminator: "")
    }

    /// Clears the line.
    func finish() {
        guard isVisible, lastDrawn != nil else { return }
        Terminal.remark("\r\u{1B}[K", terminator: "")
    }

    /// `notes.txt [#####-----] 50 % 1.2 KB/s, 4 s left  note`.
    func line(done: Int, seconds: Double, note: String) -> String {
        let width = 24
        let share = total > 0 ? min(max(Double(done) / Double(total), 0), 1) : 1
        let filled = Int(share * Double(width))
        let bar =
            String(repeating: "#", count: filled)
            + String(repeating: "-", count: width - filled)
        var text = "\(label) [\(bar)] \(Int(share * 100)) %"
        if done > 0, seconds > 0.5 {
            let rate = Double(done) / seconds
            if countsBytes { text += " \(Figure.bytes(Int(rate)))/s," }
            text += " \(Int(Double(total - done) / rate)) s left"
        }
        return text + "  " + note
    }
}
