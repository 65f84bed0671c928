import Foundation

/// Says on stderr how far something is: on a terminal as a bar that is redrawn in place, elsewhere
/// (a log, a pipe) as a line now and then.
struct ProgressBar {
    enum Style { case bar, lines }

    /// Between two lines where there is no terminal.
    static let secondsBetweenLines = 10.0

    /// What it is about now; may change as the work goes on.
    var label: String
    let total: Int
    /// Whether `total` counts bytes: the line then says how many a second.
    let countsBytes: Bool
    private let style: Style
    /// Where the work that is being measured began.
    private var origin: (done: Int, at: ContinuousClock.Instant)
    private var lastShown: ContinuousClock.Instant?

    init(
        label: String, total: Int, countsBytes: Bool = false,
        style: Style = Terminal.showsProgress ? .bar : .lines
    ) {
        self.label = label
        self.total = total
        self.countsBytes = countsBytes
        self.style = style
        origin = (0, .now)
    }

    /// What is done so far was done before, or took no time: speed is measured from here on.
    mutating func begin(at done: Int) { origin = (done, .now) }

    /// Redraws the bar at most ten times a second but always at the end; writes a line when the
    /// last one is long enough ago, so that what is quickly done needs none.
    mutating func show(done: Int, note: String) {
        let now = ContinuousClock.now
        switch style {
        case .bar:
            if let lastShown, done < total, now - lastShown < .milliseconds(100) { return }
        case .lines:
            guard now - (lastShown ?? origin.at) >= .seconds(Self.secondsBetweenLines) else {
                return
            }
        }
        lastShown = now
        let seconds = (now - origin.at) / .seconds(1)
        switch style {
        case .bar:
            // A line that wraps could not be redrawn in place.
            let text = line(done: done, seconds: seconds, note: note).prefix(Terminal.columns - 1)
            Terminal.remark("\r\u{1B}[K" + text, terminator: "")
        case .lines: Terminal.remark(line(done: done, seconds: seconds, note: note))
        }
    }

    /// Clears the bar; lines stay.
    func finish() {
        guard style == .bar, lastShown != nil else { return }
        Terminal.remark("\r\u{1B}[K", terminator: "")
    }

    /// `notes.txt [#####-----] 50 %  1.2 KB/s, 4 min left  note`; without a terminal no bar.
    ///
    /// - Parameter seconds: since the work that is being measured began.
    func line(done: Int, seconds: Double, note: String) -> String {
        let share = total > 0 ? min(max(Double(done) / Double(total), 0), 1) : 1
        var parts = [
            label + (style == .bar ? " " + Self.bar(share) : ":") + " \(Int(share * 100)) %"
        ]
        let here = done - origin.done
        if here > 0, seconds > 0.5 {
            let rate = Double(here) / seconds
            parts.append(
                (countsBytes ? "\(Figure.bytes(Int(rate)))/s, " : "")
                    + "\(Figure.duration(Double(max(0, total - done)) / rate)) left")
        }
        if !note.isEmpty { parts.append(note) }
        return parts.joined(separator: style == .bar ? "  " : ", ")
    }

    private static func bar(_ share: Double) -> String {
        let width = 24
        let filled = Int(share * Double(width))
        return "[" + String(repeating: "#", count: filled)
            + String(repeating: "-", count: width - filled) + "]"
    }
}
