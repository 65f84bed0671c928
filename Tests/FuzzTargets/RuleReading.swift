import Foundation
import Kernels
import ModelFormats
import OuterCortex

enum RuleReading {
    static let cortex = Result { try SmallCortex.make(rule: PlasticityRule()) }

    static func read(_ input: [UInt8]) throws -> Bool {
        let (json, weights) = parts(of: input)
        var tensors = RuleTensors()
        if let weights {
            guard let file = try? SafetensorsFile(bytes: weights, name: "tensors"),
                let read = try? RuleTensors(file: file)
            else { return false }
            tensors = read
        }
        guard let rule = try? PlasticityRule(json: Data(json), tensors: tensors, name: "rule")
        else { return false }
        let written = try must("writing") { try rule.json() }
        let again = try must("reading back") {
            try PlasticityRule(json: written, tensors: tensors, name: "again")
        }
        try expect(again == rule, "the rule changes")
        if !tensors.isEmpty {
            let bytes = try must("writing tensors") { try tensors.serialized() }
            let copy = try must("reading tensors back") {
                try RuleTensors(file: SafetensorsFile(bytes: bytes, name: "again"))
            }
            try expect(copy == tensors, "the tensors change")
        }
        try learn(by: rule)
        return true
    }

    /// Learning under any rule that is accepted either is refused or stays within its safe zone.
    private static func learn(by rule: PlasticityRule) throws {
        guard let cortex = try? cortex.get().with(rule: rule) else { return }
        var engram = cortex.emptyEngram()
        try? SmallCortex.observe(into: &engram, on: cortex)
        try SmallCortex.checkScore(engram, on: cortex)
    }

    static func seeds() throws -> [[UInt8]] {
        let plain = Array(try PlasticityRule().json())
        var full = SmallCortex.fullRule
        var generator = SeededGenerator(seed: 7)
        full.tensors.neuromodulator = .neutral(
            statisticCount: full.statisticCount,
            siteCount: full.siteCount, hidden: 3, readout: 2, generator: &generator)
        let brief = #"{"format":"hebb.rule","format_version":2,"order_rates":[1]}"#
        return [
            plain, Array(brief.utf8),
            Array(try full.json()) + [0] + (try full.tensors.serialized()),
        ]
    }
}
