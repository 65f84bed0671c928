import Engrams
import Foundation
import Kernels
import OuterCortex
import Testing

@testable import Scheduling

/// What the scheduler writes into the store's opaque columns, with values from all over their
/// types: whatever is written must be read again as it was.
@Suite("What is written into the journal is read again as it was") struct StoredFormTests {
    private struct Maker {
        var generator: SeededGenerator
        init(seed: Int) { generator = SeededGenerator(seed: UInt64(seed)) }

        mutating func double() -> Double {
            let pattern = UInt64.random(in: 0...(.max), using: &generator)
            let any = Double(bitPattern: pattern)
            let edges = [
                0, -0.0, 1, -1, 0.1, 1e300, -1e300, .leastNonzeroMagnitude, .leastNormalMagnitude,
                .greatestFiniteMagnitude, 253_402_300_799, 0x1p53 + 2,
            ]
            return Bool.random(using: &generator) && any.isFinite
                ? any : edges.randomElement(using: &generator)!
        }

        mutating func float() -> Float {
            let any = Float(bitPattern: .random(in: 0...(.max), using: &generator))
            let edges: [Float] = [
                0, -0.0, 1, 0.1, -16, .leastNonzeroMagnitude, .greatestFiniteMagnitude,
            ]
            return Bool.random(using: &generator) && any.isFinite
                ? any : edges.randomElement(using: &generator)!
        }

        mutating func int() -> Int {
            [0, 1, -1, .max, .min, 1 << 53 + 1, .random(in: .min ... .max, using: &generator)]
                .randomElement(using: &generator)!
        }

        mutating func text() -> String {
            [
                "", "a", "a\0b", "e\u{301}", "\u{e9}", "\"\\/\u{2028}\u{7f}\r\n", "😀\u{10ffff}",
                "null",
            ]
            .randomElement(using: &generator)!
        }

        mutating func list<Value>(_ make: (inout Maker) -> Value) -> [Value] {
            (0..<Int.random(in: 0...3, using: &generator)).map { _ in make(&self) }
        }

        mutating func revision() -> Revision {
            Revision(
                rawValue: [0, 1, .max, .random(in: 0...(.max), using: &generator)]
                    .randomElement(using: &generator)!)
        }

        mutating func reference() -> MergeRecord.Reference {
            switch Int.random(in: 0..<3, using: &generator) {
            case 0: .checkpoint(CheckpointID(rawValue: text()))
            case 1: .session(work.name, sequence: int())
            default: .base(alice.name, sequence: int())
            }
        }

        mutating func reading() -> ProbeReading {
            ProbeReading(
                probe: text(), measured: double(),
                bound: Bool.random(using: &generator) ? .atLeast(double()) : .atMost(double()))
        }
    }

    /// Writes, reads and writes again: `==` is blind to −0 and to how a text is composed.
    private func expectKept<Value: Codable & Equatable>(_ value: Value) throws {
        // Else `JSONEncoder` orders keys as it likes.
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        let bytes = try encoder.encode(value)
        let again = try JSONDecoder().decode(Value.self, from: bytes)
        #expect(again == value)
        #expect(try encoder.encode(again) == bytes)
    }

    @Test("Merges, verdicts, answers, receipts, audits and summaries", arguments: 0..<200)
    func records(seed: Int) throws {
        var maker = Maker(seed: seed)
        let terms = maker.list { maker in
            MergeRecord.Term(
                content: maker.reference(),
                base: Bool.random(using: &maker.generator) ? maker.reference() : nil,
                scale: maker.float())
        }
        for mode in [MergeRequest.Mode.replace, .add] {
            for rescale in MergeRescale.allCases {
                try expectKept(MergeRecord(terms: terms, mode: mode, rescale: rescale))
            }
        }
        try expectKept(
            FeedbackRecord(
                answers: maker.list {
                    .init(
                        promptTokens: $0.int(), answerTokens: $0.int(), reward: $0.double(),
                        advantage: $0.double())
                }, streak: maker.int(), gain: maker.double()))
        let adaptation = Adaptation(
            klMean: maker.double(), klMax: maker.double(), strengthMin: maker.double())
        try expectKept(
            ObserveResult(
                event: EventID(rawValue: maker.text()), tokens: maker.int(), bytes: maker.int(),
                bitsPerByte: BitsPerByte(frozen: maker.double(), adapted: maker.double()),
                revision: maker.revision(), adaptation: adaptation,
                certificate: CertificateBrief(
                    tokens: maker.int(), certifiedGainPercent: maker.double(),
                    measuredGainPercent: maker.double(), confidence: maker.double()),
                replayed: false))
        try expectKept(
            FeedbackResult(
                event: EventID(rawValue: maker.text()), tokens: maker.int(),
                learnedTokens: maker.int(), streak: maker.int(), gain: maker.double(),
                revision: maker.revision(), adaptation: adaptation,
                answers: maker.list {
                    .init(
                        id: AnswerID(
                            completion: CompletionID(rawValue: $0.text()), choice: $0.int()),
                        reward: $0.double(), advantage: $0.double(), tokens: $0.int(),
                        logprobBefore: $0.double(), logprobAfter: $0.double())
                }, replayed: true))
        try expectKept(
            ForgetReceipt(
                event: EventID(rawValue: maker.text()), session: work, kind: maker.text(),
                created: maker.double(), forgotten: maker.double(),
                sessions: maker.list {
                    .init(
                        session: alice, revisionBefore: $0.revision(), revisionAfter: $0.revision(),
                        hashBefore: $0.text(), hashAfter: $0.text())
                },
                checkpoints: maker.list {
                    .init(
                        checkpoint: CheckpointID(rawValue: $0.text()), hashBefore: $0.text(),
                        hashAfter: $0.text(), failedProbe: $0.reading())
                }, replayedEvents: maker.int()))
        try expectKept(
            EngramSummary(
                bytes: maker.int(), biases: maker.int(), biasNorm: maker.float(),
                contexts: maker.int(), sequenceNorm: maker.float(), synapses: maker.int(),
                featureNorm: maker.float(), matrixNorm: maker.float(), layerNorm: maker.float(),
                episodes: maker.int()))
    }

    @Test("A ledger, whatever it was fed with: what is no number, too", arguments: 0..<50)
    func ledger(seed: Int) throws {
        var maker = Maker(seed: seed)
        var ledger = SafetyLedger(zone: cortex.zone, start: maker.int())
        let odd: [Float] = [.nan, .infinity, -.infinity, 0, 3, -3, .greatestFiniteMagnitude]
        for _ in 0..<600 {
            var gains: [TokenGain] = []
            for _ in 0..<Int.random(in: 0...3, using: &maker.generator) {
                gains.append(
                    TokenGain(
                        frozenLoss: odd.randomElement(using: &maker.generator)!,
                        gain: odd.randomElement(using: &maker.generator)!))
            }
            func adaptation() -> Double {
                Double(odd.dropLast().randomElement(using: &maker.generator)!)
            }
            ledger.add(
                LearnedText(
                    tokens: gains.count, bytes: 9, bitsPerByte: BitsPerByte(frozen: 1, adapted: 1),
                    adaptation: Adaptation(
                        klMean: adaptation(), klMax: adaptation(), strengthMin: adaptation()),
                    gains: gains, learnedTokens: gains.count, engram: cortex.emptyEngram()))
            var vitals = GenerationVitals.healthy(tokens: 40)
            vitals.divergence = Double(odd.randomElement(using: &maker.generator)!)
            vitals.repetition = Double(odd.randomElement(using: &maker.generator)!)
            ledger.answers.add(vitals)
        }
        ledger.audit = ProbeAudit(
            occasion: .merge, revision: maker.revision(), tokensLearned: maker.int(),
            probes: maker.int(), worst: maker.reading())
        let bytes = try ledger.encoded()
        #expect(SafetyLedger(encoded: bytes) == ledger)
        #expect(bytes.count < 6_000)
    }
}
