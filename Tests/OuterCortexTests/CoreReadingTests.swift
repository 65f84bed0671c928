import Engrams
import InnerCortex
import ModelFormats
import Testing
import TinyCore

@testable import OuterCortex

@Suite("What tasks ask of the core")
final class CoreReadingTests {
    let folder: String

    init() throws { folder = try TinyCore.make() }

    deinit { TinyCore.remove(folder) }

    private func cortex(tapping blocks: [Int]) throws -> Cortex {
        try Cortex(at: CoreLocation(folder), tappedBlocks: blocks)
    }

    private func readings(
        _ cortex: Cortex, _ texts: [[TokenID]], of range: Range<Int>
    ) -> [CoreReading] {
        texts.map { tokens in
            let reading = CoreReading(
                cortex: cortex, cache: cortex.inner.makeCache(capacity: tokens.count))
            reading.ask(for: range, of: tokens, layer: LayerSynapses(), [.logits, .features])
            return reading
        }
    }

    @Test("The tapped states come with each row, the same bits whoever shares the pass")
    func streams() throws {
        let cortex = try cortex(tapping: [1, 0])
        let texts = ["The heron eats eels.", "Ottoline waits on the pier.", "Nobody else came by."]
            .map(cortex.encode)
        let alone = readings(cortex, texts, of: 0..<9)
        let shared = readings(cortex, texts, of: 0..<9)
        for reading in alone { reading.take() }
        var reader = CoreReader(cortex: cortex)
        reader.read(shared)
        for (index, (one, other)) in zip(alone, shared).enumerated() {
            other.take()
            let (one, other) = (one.slice, other.slice)
            var (hidden, taps): ([Float], _) = ([], ForwardTaps(residualsBefore: [0, 1]))
            cortex.inner.forward(
                texts[index][0..<9], cache: cortex.inner.makeCache(capacity: 9), taps: &taps,
                hidden: &hidden)
            let width = cortex.inner.config.hiddenSize
            for row in 0..<9 {
                let expected = [1, 0].flatMap {
                    taps.residual(before: $0)[row * width..<(row + 1) * width]
                }
                #expect(one.streams(row).map(\.bitPattern) == expected.map(\.bitPattern))
                #expect(other.streams(row).map(\.bitPattern) == expected.map(\.bitPattern))
            }
            #expect(one.hidden.map(\.bitPattern) == other.hidden.map(\.bitPattern))
            #expect(one.logits.map(\.bitPattern) == other.logits.map(\.bitPattern))
        }
    }

    @Test("Without taps nothing is kept; another rule keeps them")
    func none() throws {
        let plain = try cortex(tapping: [])
        let text = plain.encode("The heron eats.")
        let reading = try #require(readings(plain, [text], of: 0..<5).first)
        reading.take()
        #expect(reading.slice.streams.isEmpty && reading.slice.taps == ForwardTaps())
        let tapped = try cortex(tapping: [1]).with(rule: PlasticityRule())
        #expect(tapped.tappedBlocks == [1])
    }
}
