import Engrams
import Foundation
import OuterCortex

/// Which coefficients of a rule are searched, and what a choice of them is worth.
struct RuleSearch: Sendable {
    /// One coefficient: where it stands in a rule, and the range that is searched.
    struct Coefficient: Sendable {
        var name: String
        var path: any WritableKeyPath<PlasticityRule, Float> & Sendable
        var coordinate: SearchCoordinate
    }

    /// The coefficients of the sites that the rule has on.
    static func coefficients(of rule: PlasticityRule) -> [Coefficient] {
        func rate(
            _ name: String, _ path: any WritableKeyPath<PlasticityRule, Float> & Sendable,
            _ value: Float
        ) -> Coefficient {
            let centre = Double(max(value, 1e-4))
            return Coefficient(
                name: name, path: path,
                coordinate: SearchCoordinate((centre / 4)...(centre * 4), .logarithmic))
        }
        var all: [Coefficient] = [rate("gain_rate", \.gainRate, rule.gainRate)]
        if rule.bias.isOn { all.append(rate("bias.rate", \.bias.rate, rule.bias.rate)) }
        if rule.sequence.isOn {
            for order in rule.orderRates.indices where rule.orderRates[order] > 0 {
                all.append(
                    rate(
                        "order_rates.\(order + 1)", \.orderRates[order], rule.orderRates[order]))
            }
            all.append(
                rate(
                    "sequence.visit_slowing", \.sequence.visitSlowing,
                    rule.sequence.visitSlowing))
        }
        if rule.feature.isOn {
            all.append(rate("feature.rate", \.feature.rate, rule.feature.rate))
            all.append(
                rate("feature.usage_scale", \.feature.usageScale, rule.feature.usageScale))
        }
        if rule.matrix.isOn { all.append(rate("matrix.rate", \.matrix.rate, rule.matrix.rate)) }
        if rule.episode.isOn {
            all.append(rate("episode.strength", \.episode.strength, rule.episode.strength))
            all.append(rate("episode.sharpness", \.episode.sharpness, rule.episode.sharpness))
            all.append(
                Coefficient(
                    name: "episode.confidence", path: \.episode.confidence,
                    coordinate: SearchCoordinate(0...8)))
        }
        return all
    }

    let corpus: MetaCorpus
    let cortex: Cortex
    let coefficients: [Coefficient]
    /// Users and pieces of each that a value is measured on.
    let users: Int
    let pieces: Int

    /// The rule with these coefficients in place of its own.
    func rule(_ values: [Double], from rule: PlasticityRule) -> PlasticityRule {
        var changed = rule
        for (coefficient, value) in zip(coefficients, values) {
            changed[keyPath: coefficient.path] = Float(value)
        }
        return changed
    }

    /// Mean over users of the gain while streaming plus the gain on their next text without
    /// learning, percent of the frozen bits.
    func value(of rule: PlasticityRule, threads: Int) throws -> Double {
        let cortex = try cortex.with(rule: rule)
        // Evenly over the list, which a folder's order groups by kind of text.
        let count = min(users, corpus.users.count)
        let gains = try parallelMap(count, threads: threads) { index in
            try gain(of: corpus.users[index * corpus.users.count / count], cortex)
        }
        return gains.reduce(0, +) / Double(max(1, gains.count))
    }

    private func gain(of user: MetaCorpus.User, _ cortex: Cortex) throws -> Double {
        var engram = cortex.emptyEngram()
        var (stream, next) = (GainSum(), GainSum())
        for piece in user.stream.prefix(pieces) {
            let task = cortex.startObserving(piece, from: engram)
            while !task.advance() {}
            try engram.commit(task.result.proposal, within: cortex.zone)
            stream.add(task.result.bits)
        }
        engram = engram.consolidated(within: cortex.zone)
        for text in user.shortNext {
            let task = cortex.startScoring(text, with: engram)
            while !task.advance() {}
            next.add(task.result.bits)
        }
        return stream.percent + next.percent
    }
}

/// Frozen and adapted bits, added up.
struct GainSum {
    var (frozen, adapted) = (0.0, 0.0)

    mutating func add(_ bits: TextBits) {
        frozen += bits.frozen
        adapted += bits.adapted
    }

    /// Percent of the frozen bits that adaptation saved.
    var percent: Double { frozen > 0 ? 100 * (1 - adapted / frozen) : 0 }
}
