import Foundation
import MetaLearning

/// A report on people as tables of text.
struct PeopleTable {
    private let report: PeopleReport

    init(_ report: PeopleReport) { self.report = report }

    var text: String {
        let head =
            "\(report.people) people, \(Figure.fixed(report.facts, 0)) facts each, "
            + "told once to \(report.core)"
        return [
            head, answers, "(P of the whole answer with its lead; share of first tokens right)",
            rest,
        ].joined(separator: "\n")
    }

    private var answers: String {
        let lines = report.rows.map { row in
            line(
                row.name,
                PeopleReport.kinds.map { kind in
                    row.answers[kind].map {
                        "\(Figure.fixed($0.probability, 3))/\(Figure.fixed($0.first, 2))"
                    } ?? "-"
                } + [Self.fixed(row.answers["reworded"]?.greedy, 2)])
        }
        return ([line("", PeopleReport.kinds + ["greedy"])] + lines).joined(separator: "\n")
    }

    private var rest: String {
        let titles = [
            "replaced", "leak", "gen256 %", "gen1024 %", "KB", "tell ms", "ask ms",
        ]
        let lines = report.rows.map { row in
            line(
                row.name,
                [
                    Self.fixed(row.replaced, 2), row.leak.map { "\($0)" } ?? "-",
                    Self.fixed(row.genericRise256, 3), Self.fixed(row.genericRise1024, 3),
                    Self.fixed(row.savedBytes.map { $0 / 1_000 }, 1),
                    Self.fixed(row.tellMilliseconds, 0), Self.fixed(row.askMilliseconds, 0),
                ])
        }
        return ([line("", titles)] + lines).joined(separator: "\n")
    }

    private static func fixed(_ value: Double?, _ digits: Int) -> String {
        value.map { Figure.fixed($0, digits) } ?? "-"
    }

    private func line(_ name: String, _ cells: [String]) -> String {
        let columns = cells.map { cell in
            String(repeating: " ", count: max(1, 16 - cell.count)) + cell
        }
        return name.padding(toLength: max(14, name.count), withPad: " ", startingAt: 0)
            + columns.joined()
    }
}
