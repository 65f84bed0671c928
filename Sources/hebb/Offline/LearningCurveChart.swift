import Foundation
import MetaLearning

/// The learning curves of an evaluation as an SVG picture: cumulative gain in percent over tokens
/// learned, the mean over users, a line for each system.
struct LearningCurveChart {
    private let curves: [(name: String, points: [CurvePoint])]
    /// What the axes reach to: tokens, and percent.
    private let tokenLimit: Double
    private let gains: ClosedRange<Double>

    /// Okabe and Ito's colours (2008), which people with any colour vision can tell apart; a second
    /// turn through them is dashed.
    private static let colours = [
        "#000000", "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8C6D1F",
    ]
    private static let size = (width: 860.0, height: 460.0)
    private static let plot = (left: 64.0, top: 44.0, right: 640.0, bottom: 400.0)

    init(_ report: EvaluationReport) {
        curves = report.systems.map { ($0.name, $0.curve) }
        let points = curves.flatMap(\.points)
        tokenLimit = max(1, points.map { Double($0.tokens) }.max() ?? 1)
        let low = min(0, points.map(\.gain).min() ?? 0)
        let high = max(1, points.map(\.gain).max() ?? 1)
        // A little room above the highest line.
        gains = low...(high + 0.05 * (high - low))
    }

    var svg: String {
        let (width, height) = (Self.number(Self.size.width), Self.number(Self.size.height))
        var parts = [
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(width) \(height)\" "
                + "font-family=\"sans-serif\" font-size=\"13\">",
            "<title>Learning curves</title>",
            "<rect width=\"\(width)\" height=\"\(height)\" fill=\"#ffffff\"/>",
            Self.text(
                "Gain over the frozen core, mean over users", x: Self.plot.left, y: 24, size: 16),
        ]
        parts += axes + lines + legend
        parts.append("</svg>\n")
        return parts.joined(separator: "\n")
    }

    private var axes: [String] {
        let plot = Self.plot
        var parts: [String] = []
        for gain in Self.ticks(gains) {
            let y = place(gain: gain)
            let colour = gain == 0 ? "#666666" : "#dddddd"
            parts.append(Self.line(plot.left, y, plot.right, y, colour: colour))
            parts.append(
                Self.text(Self.number(gain), x: plot.left - 8, y: y + 4, anchor: "end"))
        }
        for tokens in Self.ticks(0...tokenLimit) {
            let x = place(tokens: tokens)
            parts.append(Self.line(x, plot.bottom, x, plot.bottom + 5, colour: "#666666"))
            parts.append(
                Self.text(
                    Figure.grouped(Int(tokens)), x: x, y: plot.bottom + 20, anchor: "middle"))
        }
        parts.append(Self.line(plot.left, plot.bottom, plot.right, plot.bottom, colour: "#666666"))
        parts.append(Self.line(plot.left, plot.top, plot.left, plot.bottom, colour: "#666666"))
        parts.append(
            Self.text(
                "tokens learned", x: (plot.left + plot.right) / 2, y: plot.bottom + 44,
                anchor: "middle"))
        let middle = Self.number((plot.top + plot.bottom) / 2)
        parts.append(
            "<text x=\"18\" y=\"\(middle)\" text-anchor=\"middle\" "
                + "transform=\"rotate(-90 18 \(middle))\">cumulative gain, %</text>")
        return parts
    }

    private var lines: [String] {
        curves.enumerated().filter { !$1.points.isEmpty }.map { index, curve in
            let points = curve.points.map {
                "\(Self.number(place(tokens: Double($0.tokens)))),"
                    + Self.number(place(gain: $0.gain))
            }
            return "<polyline points=\"\(points.joined(separator: " "))\" fill=\"none\" "
                + "\(Self.stroke(index))/>"
        }
    }

    /// Names with the gain at the end, in the order of that gain.
    private var legend: [String] {
        let order = curves.indices.sorted {
            let (a, b) = (curves[$0].points.last?.gain ?? 0, curves[$1].points.last?.gain ?? 0)
            return a == b ? $0 < $1 : a > b
        }
        let left = Self.plot.right + 20
        return order.enumerated().flatMap { row, index in
            let y = Self.plot.top + 10 + 22 * Double(row)
            let gain = curves[index].points.last.map { "  \(Figure.fixed($0.gain, 1)) %" } ?? ""
            let (x1, x2, line) = (Self.number(left), Self.number(left + 26), Self.number(y - 4))
            return [
                "<line x1=\"\(x1)\" y1=\"\(line)\" x2=\"\(x2)\" y2=\"\(line)\" "
                    + "\(Self.stroke(index))/>",
                Self.text(curves[index].name + gain, x: left + 34, y: y),
            ]
        }
    }

    private func place(tokens: Double) -> Double {
        Self.plot.left + (Self.plot.right - Self.plot.left) * tokens / tokenLimit
    }

    private func place(gain: Double) -> Double {
        let share = (gain - gains.lowerBound) / (gains.upperBound - gains.lowerBound)
        return Self.plot.bottom - (Self.plot.bottom - Self.plot.top) * share
    }

    private static func stroke(_ index: Int) -> String {
        let dash = (index / colours.count) % 2 == 1 ? " stroke-dasharray=\"6 4\"" : ""
        return "stroke=\"\(colours[index % colours.count])\" stroke-width=\"2\"\(dash)"
    }

    /// Multiples of 1, 2 or 5 times a power of ten within a range, about five of them.
    static func ticks(_ range: ClosedRange<Double>) -> [Double] {
        let rough = (range.upperBound - range.lowerBound) / 5
        let power = pow(10, floor(log10(rough)))
        let step = [1, 2, 5, 10].map { $0 * power }.first { $0 >= rough * 0.999 } ?? rough
        let first = Int((range.lowerBound / step).rounded(.up))
        let last = Int((range.upperBound / step).rounded(.down))
        return first <= last ? (first...last).map { Double($0) * step } : []
    }

    private static func line(
        _ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, colour: String
    ) -> String {
        "<line x1=\"\(number(x1))\" y1=\"\(number(y1))\" x2=\"\(number(x2))\" "
            + "y2=\"\(number(y2))\" stroke=\"\(colour)\"/>"
    }

    private static func text(
        _ text: String, x: Double, y: Double, anchor: String = "start", size: Int = 13
    ) -> String {
        let escaped = text.replacing("&", with: "&amp;").replacing("<", with: "&lt;")
            .replacing(">", with: "&gt;")
        return "<text x=\"\(number(x))\" y=\"\(number(y))\" text-anchor=\"\(anchor)\" "
            + "font-size=\"\(size)\">\(escaped)</text>"
    }

    /// With two decimals at most.
    private static func number(_ value: Double) -> String {
        let rounded = (value * 100).rounded() / 100
        return rounded == rounded.rounded() ? String(Int(rounded)) : Figure.fixed(rounded, 2)
    }
}
