import EngramStorage
import Engrams
import InnerCortex
import ModelFormats
import Testing

@testable import OuterCortex
@testable import Scheduling

@Suite("Adapters in and out of sessions")
struct AdapterTests {
    private func archive(scale: Float = 0.2) throws -> [UInt8] {
        let site = ProjectionSite.block(1, .up)
        let size = try #require(cortex.inner.projections.size(of: site))
        let delta = LowRankDelta(
            inputs: size.inputs, outputs: size.outputs, rank: 2,
            a: (0..<2 * size.inputs).map { Float($0 % 5) * scale - 0.3 },
            b: (0..<2 * size.outputs).map { Float($0 % 7) * scale - 0.4 })
        return TapeArchive.archive(
            try PEFTAdapter(deltas: [site: delta]).files(
                shapes: cortex.inner.projections, baseModel: "tiny", metadata: [:]))
    }

    private let peft = AdapterRequest(scope: .total, format: .peft, allowsPartial: false)

    @Test("An import is an event: it acts, survives a restart, and goes out as it came in")
    func importing() async throws {
        let store = InMemoryStore()
        let scheduler = makeScheduler(store)
        let before = try await scheduler.bits(alice)
        let state = try await scheduler.importDelta(alice, file: try archive(), ifMatch: nil)
        #expect(state.revision == Revision(rawValue: 1) && state.engram.layerNorm > 0)
        let after = try await scheduler.bits(alice)
        #expect(after.adapted != before.adapted && after.frozen == before.frozen)

        let again = makeScheduler(store)
        #expect(try await again.bits(alice) == after)
        let export = try await again.exportAdapter(alice, peft)
        let sent = try PEFTAdapter(
            archive: try archive(), shapes: cortex.inner.projections, name: "sent")
        let received = try PEFTAdapter(
            archive: export.file, shapes: cortex.inner.projections, name: "received")
        #expect(received == sent)
        // Nothing was observed here, so that it was measured on what the core writes.
        #expect(export.fidelity.hasPrefix("text=core; fitted=none; tokens=256;"))
    }

    @Test("Learning goes on from an imported adapter, the same after a restart")
    func learningOn() async throws {
        let store = InMemoryStore()
        let scheduler = makeScheduler(store) { $0.snapshotEvents = 100 }
        _ = try await scheduler.importDelta(alice, file: try archive(), ifMatch: nil)
        _ = try await scheduler.observe(alice, lesson)
        let state = try await scheduler.workingState(alice)
        let again = try await makeScheduler(store).workingState(alice)
        #expect(state == again)
        await #expect {
            _ = try await scheduler.exportAdapter(alice, peft)
        } throws: { error in
            guard case .refused(let reason) = error as? ServiceError else { return false }
            return reason.contains("sequence synapses") && reason.contains("the session's own text")
                && reason.contains("partial=true")
        }
        var partial = peft
        partial.allowsPartial = true
        let export = try await scheduler.exportAdapter(alice, partial)
        #expect(export.fidelity.contains("text=session") && export.revision.rawValue == 2)
    }

    @Test("A file that is no adapter of this core is refused, and nothing changes")
    func refusals() async throws {
        let scheduler = makeScheduler()
        _ = try await scheduler.observe(alice, lesson)
        let before = try await scheduler.hash(alice)
        let files = try TapeArchive.files(in: try archive(), name: "it")
        let broken = TapeArchive.archive([
            TapeArchive.File(path: PEFTAdapter.configName, bytes: Array("{\"r\": 2}".utf8)),
            files[1],
        ])
        for (file, word) in [
            (broken, "peft_type"), (try archive(scale: 1e3), "safe zone"),
            (files[1].bytes, "adapter_config.json"), (Array("nonsense".utf8), "not an engram"),
            (TapeArchive.archive([files[0]]), "adapter_model.safetensors"),
        ] {
            await #expect {
                _ = try await scheduler.importDelta(alice, file: file, ifMatch: nil)
            } throws: { error in
                guard case .refused(let reason) = error as? ServiceError else { return false }
                return reason.contains(word)
            }
        }
        #expect(try await scheduler.hash(alice) == before)
        await #expect(throws: ServiceError.self) {
            _ = try await scheduler.exportAdapter(bob, peft)
        }
    }
}
