import ArgumentParser
import Foundation
import Testing

@testable import MetaLearning
@testable import hebb

/// How an evaluation is shown, from a report made by hand.
struct EvaluationOutputTests {
    private static let figures = PersonalizationFigures(
        streamGain: 8.125, nextGain: 11.375, secondGain: 12, freshGain: 4, othersRise256: 0.0714,
        othersRise1024: nil, genericRise256: 0.25, genericRise1024: 0.094, savedBytes: 540_321)

    private static func curve(to gain: Double) -> [CurvePoint] {
        (1...4).map { CurvePoint(tokens: 2_000 * $0, gain: gain * Double($0) / 4) }
    }

    private static func recall(_ p: Double) -> [ExposureRecall] {
        [1, 3].map { exposures in
            let cue = CueRecall(probability: p * Double(exposures), perToken: 0.5)
            return ExposureRecall(exposures: exposures, same: cue, paraphrase: cue, apart: cue)
        }
    }

    private static func system(_ name: String, gain: Double) -> SystemReport {
        let poison = [
            PoisonFigures(
                poison: "noise", genericRise: 0.31, genericChange: 0.02, nextChange: -0.125)
        ]
        return SystemReport(
            name: name,
            users: [
                UserReport(
                    user: "exim", bytes: 34_000, frozenStream: 1.4286, frozenNext: 1.4,
                    figures: figures, poison: poison)
            ], mean: figures, curve: curve(to: gain), poison: poison,
            facts: FactRecall(alone: recall(0.2), together: recall(0.1), facts: []))
    }

    private static var report: EvaluationReport {
        EvaluationReport(
            core: "folio", rule: "abc", genericBytes: 40_000,
            systems: [
                system("frozen", gain: 0), system("bias & more <alone>", gain: -2),
                system("all", gain: 8),
            ],
            timings: ["frozen", "bias & more <alone>", "all"].map {
                SystemTiming(name: $0, learning: 170.4, scoring: 161)
            },
            comparison: [
                RuleComparison(user: "exim", stream: 2.5, next: -1, second: 0),
                RuleComparison(user: "sbcl", stream: 0.5, next: 2, second: 1),
            ])
    }

    @Test("The table has a line for each system with its figures, and a dash for what is not there")
    func table() throws {
        let text = EvaluationTable(Self.report).text
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let all = try #require(lines.first { $0.hasPrefix("all  ") })
        #expect(
            all.split(separator: " ").map(String.init) == [
                "all", "8.12", "11.38", "12.00", "4.00", "3.00", "0.071", "-", "0.250", "0.094",
                "540",
                "170", "161",
            ])
        #expect(lines.count { $0.hasPrefix("bias & more <alone>") } == 4)
        let user = try #require(lines.first { $0.hasPrefix("exim") })
        #expect(user.contains("1.429"))
        let compared = lines.filter { $0.hasPrefix("sbcl") || $0.hasPrefix("mean ") }
        #expect(compared.contains { $0.hasSuffix("+0.50   +2.00   +1.00") })
        #expect(compared.contains { $0.hasSuffix("+1.50   +0.50   +0.50") })
        #expect(text.contains("0.310   0.020  -0.125"))
        #expect(text.contains("0.600 (0.50)"))
        #expect(text.contains("0.300 (0.50)"))
    }

    @Test("Without timings nothing of them is left in table and JSON")
    func timings() throws {
        var report = Self.report
        let encoder = JSONEncoder()
        #expect(String(decoding: try encoder.encode(report), as: UTF8.self).contains("timings"))
        report.timings = nil
        #expect(!String(decoding: try encoder.encode(report), as: UTF8.self).contains("timings"))
        let table = EvaluationTable(report).text
        #expect(!table.contains("170") && !table.contains("microseconds"))
    }

    @Test("What was not measured leaves no empty table behind")
    func leftOut() {
        var report = Self.report
        report.comparison = nil
        for index in report.systems.indices {
            report.systems[index].poison = nil
            report.systems[index].facts = nil
        }
        let table = EvaluationTable(report).text
        #expect(table.components(separatedBy: "\n\n").count == 2)
        #expect(!table.contains("poison") && !table.contains("facts"))
    }

    @Test("The picture has a line and a name for each system, and axes that reach all of them")
    func chart() throws {
        let svg = LearningCurveChart(Self.report).svg
        #expect(svg.hasPrefix("<svg xmlns=\"http://www.w3.org/2000/svg\""))
        #expect(svg.hasSuffix("</svg>\n"))
        let lines = svg.matches(of: /<polyline points="([^"]+)"[^>]*stroke="(#[0-9A-F]{6})"/)
        #expect(lines.count == 3)
        #expect(Set(lines.map { String($0.output.2) }).count == 3)
        for line in lines {
            let points = line.output.1.split(separator: " ").map { pair in
                pair.split(separator: ",").compactMap { Double($0) }
            }
            #expect(points.count == 4)
            #expect(points.allSatisfy { (64...640).contains($0[0]) && (44...400).contains($0[1]) })
            #expect(zip(points, points.dropFirst()).allSatisfy { $0[0] < $1[0] })
        }
        for label in ["tokens learned", "cumulative gain, %", "8,000", "all  8.0 %"] {
            #expect(svg.contains(label), "\(label)")
        }
        #expect(svg.contains("bias &amp; more &lt;alone&gt;  -2.0 %"))
        // The legend is in the order in which the lines end.
        let best = try #require(svg.range(of: ">all ")?.lowerBound)
        let worst = try #require(svg.range(of: ">bias &amp;")?.lowerBound)
        #expect(best < worst)
    }

    @Test("A picture of nothing is still a picture")
    func emptyChart() {
        let report = EvaluationReport(core: "folio", rule: "abc", genericBytes: 0, systems: [])
        let svg = LearningCurveChart(report).svg
        #expect(svg.contains("tokens learned") && !svg.contains("polyline"))
        #expect(!svg.contains("nan") && !svg.contains("inf"))
    }

    @Test(
        "Ticks are round numbers inside their range",
        arguments: [0.0...1.0, -3.2...17.5, 0...9_377, 0...0.4, -30...(-0.5)])
    func ticks(range: ClosedRange<Double>) {
        let ticks = LearningCurveChart.ticks(range)
        #expect((2...12).contains(ticks.count))
        #expect(ticks.allSatisfy { range.contains($0) })
        let steps = zip(ticks, ticks.dropFirst()).map { $1 - $0 }
        #expect(steps.allSatisfy { abs($0 - steps[0]) < 1e-9 * abs($0) })
    }

    @Test("Too little text is refused", arguments: ["--bytes", "--generic-bytes"])
    func tooLittle(option: String) {
        #expect(throws: (any Error).self) {
            try EvaluateCommand.parse(["--users", "a", "--generic", "b", option, "999"])
        }
    }
}
