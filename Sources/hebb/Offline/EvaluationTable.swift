import Foundation
import MetaLearning

/// An evaluation's report as tables of text.
struct EvaluationTable {
    private let report: EvaluationReport

    init(_ report: EvaluationReport) { self.report = report }

    /// Systems, users under the rule as it is, the comparison, poison, facts; what was not measured
    /// is left out.
    var text: String {
        [
            systems, users, comparison, poison, facts(\.alone, "each in a model of its own"),
            facts(\.together, "all in one model"),
        ].filter { !$0.isEmpty }.joined(separator: "\n\n")
    }

    private static let figureTitles = [
        "stream", "next", "second", "fresh", "ratio", "oth256", "oth1024", "gen256", "gen1024",
        "KB",
    ]

    private func cells(_ figures: PersonalizationFigures) -> [String] {
        [figures.streamGain, figures.nextGain, figures.secondGain, figures.freshGain]
            .map { Figure.fixed($0, 2) }
            + [figures.secondRatio.map { Figure.fixed($0, 2) } ?? "-"]
            + [
                figures.othersRise256, figures.othersRise1024, figures.genericRise256,
                figures.genericRise1024,
            ].map { $0.map { Figure.fixed($0, 3) } ?? "-" }
            + [Figure.fixed(Double(figures.savedBytes) / 1_000, 0)]
    }

    private var systems: String {
        let timings = report.timings
        var lines = [
            line(
                "mean over users, %",
                Self.figureTitles + (timings == nil ? [] : ["learn", "score"]))
        ]
        for (index, system) in report.systems.enumerated() {
            let times = timings.map { [$0[index].learning, $0[index].scoring] } ?? []
            lines.append(line(system.name, cells(system.mean) + times.map { Figure.fixed($0, 0) }))
        }
        if timings != nil { lines.append("(learn, score: microseconds a token)") }
        return lines.joined(separator: "\n")
    }

    private var users: String {
        guard let all = report.system(EvaluatedSystem.whole) else { return "" }
        var lines = [line("\(all.name), by user", ["frozen"] + Self.figureTitles)]
        for user in all.users {
            lines.append(
                line(user.user, [Figure.fixed(user.frozenStream, 3)] + cells(user.figures)))
        }
        return lines.joined(separator: "\n")
    }

    private var comparison: String {
        guard let comparison = report.comparison, !comparison.isEmpty else { return "" }
        func signed(_ value: Double) -> String { (value > 0 ? "+" : "") + Figure.fixed(value, 2) }
        var lines = [line("all less compared", ["stream", "next", "second"])]
        for user in comparison {
            lines.append(line(user.user, [user.stream, user.next, user.second].map(signed)))
        }
        func mean(_ value: (RuleComparison) -> Double) -> Double {
            comparison.reduce(0) { $0 + value($1) } / Double(comparison.count)
        }
        lines.append(line("mean", [mean(\.stream), mean(\.next), mean(\.second)].map(signed)))
        return lines.joined(separator: "\n")
    }

    /// For each poison: rise on generic text (of which by the poison), change of the next session.
    private var poison: String {
        let poisoned = report.systems.compactMap { row in row.poison.map { (row.name, $0) } }
        guard let first = poisoned.first else { return "" }
        let titles = first.1.flatMap { [$0.poison, "change", "next"] }
        var lines = [line("after poison, %", titles)]
        for (name, figures) in poisoned {
            let values = figures.flatMap { [$0.genericRise, $0.genericChange, $0.nextChange] }
            lines.append(line(name, values.map { Figure.fixed($0, 3) }))
        }
        lines.append("(rise on generic text in contexts of 256; how much of it is the poison's; ")
        lines.append(" change of the gain in the user's next session, points)")
        return lines.joined(separator: "\n")
    }

    private func facts(_ part: KeyPath<FactRecall, [ExposureRecall]>, _ how: String) -> String {
        let recalled = report.systems.compactMap { row in
            row.facts.map { (row.name, $0[keyPath: part]) }
        }
        guard let first = recalled.first else { return "" }
        let titles = first.1.flatMap { recall in
            ["same", "para", "apart"].map { "\($0) x\(recall.exposures)" }
        }
        var lines = ["facts, \(how)", line("", titles, width: 12)]
        for (name, recalls) in recalled {
            let cells = recalls.flatMap { [$0.same, $0.paraphrase, $0.apart] }.map {
                "\(Figure.fixed($0.probability, 3)) (\(Figure.fixed($0.perToken, 2)))"
            }
            lines.append(line(name, cells, width: 12))
        }
        return lines.joined(separator: "\n")
    }

    private func line(_ name: String, _ cells: [String], width: Int = 8) -> String {
        let columns = cells.map { cell in
            String(repeating: " ", count: max(1, width - cell.count)) + cell
        }
        let title = name.padding(toLength: max(20, name.count), withPad: " ", startingAt: 0)
        return title + columns.joined()
    }
}
