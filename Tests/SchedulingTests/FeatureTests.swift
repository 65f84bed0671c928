import EngramStorage
import Engrams
import ModelFormats
import OuterCortex
import Testing

@testable import Scheduling

@Suite struct FeatureTests {
    @Test("A report shows what was learned, with the user's own text behind it")
    func report() async throws {
        let scheduler = makeScheduler()
        try await scheduler.observe(alice, lesson)
        let report = try await scheduler.features(alice, top: 7)
        #expect(report.revision == Revision(rawValue: 1))
        #expect(report.tokensLearned > 0)
        #expect(report.latents.count == 7)
        let norms = report.latents.map(\.norm)
        #expect(norms == norms.sorted(by: >))
        let learned = try await scheduler.resident(alice).engram
        for latent in report.latents {
            #expect(latent.activations == Int(learned.sites.familiarity[latent.latent]))
            #expect(latent.activations > 0)
            let example = try #require(latent.examples?.first)
            #expect(lesson.contains(example.before + example.token + example.after))
            #expect(example.activity > 0)
            let activities = latent.examples?.map(\.activity) ?? []
            #expect(activities == activities.sorted(by: >) && activities.count <= 3)
            for push in latent.pushes {
                let weight = push.weight
                #expect(weight != 0 && push.change == weight)
                #expect(push.text == scheduler.engine.text(of: push.token))
            }
        }
        #expect(report.contexts.count == 7)
        for context in report.contexts {
            let text = try #require(context.text)
            #expect(lesson.contains(text) || text.contains("<"))
        }
        #expect(report.searchedTokens == cortex.tokenizer.encode(lesson).count)
        let site = try #require(report.sites.first { $0.name == "features" })
        #expect(site.count == learned.sites.features.count)
        #expect(site.gain == learned.sites.gains.feature)
    }

    @Test("A session that learned nothing has nothing to show")
    func empty() async throws {
        let scheduler = makeScheduler()
        let report = try await scheduler.features(alice, top: 20)
        #expect(report.latents.isEmpty && report.contexts.isEmpty && report.biases.isEmpty)
        #expect(report.searchedTokens == nil)
        for top in [0, -1, FeatureReport.topMaximum + 1] {
            await #expect {
                _ = try await scheduler.features(alice, top: top)
            } throws: { error in
                guard case ServiceError.invalidParameter("top", _) = error else { return false }
                return true
            }
        }
    }

    @Test("Without text in the journal the report has no examples, and says so")
    func withoutText() async throws {
        let scheduler = makeScheduler()
        try await scheduler.observe(alice, lesson)
        let file = try await scheduler.exportDelta(alice, scope: .total).file
        _ = try await scheduler.importDelta(bob, file: file, ifMatch: nil)
        let report = try await scheduler.features(bob, top: 3)
        #expect(report.latents.count == 3)
        #expect(report.latents.allSatisfy { $0.examples == nil })
        #expect(report.contexts.allSatisfy { $0.text == nil })
        #expect(report.searchedTokens == nil)
    }

    @Test("A diff says what changed on the way, and what it did to the session's own text")
    func diff() async throws {
        let scheduler = makeScheduler()
        try await scheduler.observe(alice, lesson)
        let first = try await scheduler.checkpoint(
            alice, name: nil, note: "after the heron", ifMatch: nil)
        try await scheduler.observe(alice, "zebra xylophone zebra xylophone zebra")
        let diff = try await scheduler.diff(
            alice, from: .checkpoint(first.id), to: .session, top: 9)
        #expect(diff.from.side == .checkpoint(first.id))
        #expect(diff.from.bytes == first.bytes)
        #expect(diff.to.tokensLearned > diff.from.tokensLearned)
        #expect(!diff.latents.isEmpty && !diff.contexts.isEmpty && !diff.tokens.isEmpty)
        let features = try #require(diff.sites.first { $0.name == "features" })
        #expect(features.added > 0 && features.countAfter > features.countBefore)
        let measured = try #require(diff.measured)
        #expect(measured.to < measured.from)
        #expect(measured.to < measured.frozen)
        let back = try await scheduler.diff(
            alice, from: .session, to: .checkpoint(first.id), top: 9)
        #expect(back.measured?.from == measured.to)
        #expect(back.measured?.to == measured.from)
        #expect(back.latents.map(\.latent) == diff.latents.map(\.latent))

        let whole = try await scheduler.diff(alice, from: .frozen, to: .session, top: 4)
        let report = try await scheduler.features(alice, top: 4)
        #expect(whole.latents.map(\.latent) == report.latents.map(\.latent))
        #expect(whole.measured?.from == measured.frozen)
        let none = try await scheduler.diff(alice, from: .session, to: .session, top: 4)
        #expect(none.latents.isEmpty && none.tokens.isEmpty)
        #expect(none.measured?.from == none.measured?.to)
    }

    @Test("A diff with a checkpoint that is not there, or is another user's, is refused")
    func unknownSides() async throws {
        let scheduler = makeScheduler()
        try await scheduler.observe(bob, lesson)
        let other = try await scheduler.checkpoint(bob, name: nil, ifMatch: nil)
        _ = try await scheduler.session(alice)
        // The first checkpoints of two users may have one name.
        let unknown = CheckpointID(rawValue: other.id.rawValue + "0")
        for id in [unknown, CheckpointID(rawValue: "")] {
            await #expect(throws: ServiceError.checkpointNotFound(id)) {
                _ = try await scheduler.diff(alice, from: .checkpoint(id), to: .session, top: 4)
            }
        }
        await #expect(throws: ServiceError.checkpointNotFound(other.id)) {
            _ = try await scheduler.diff(alice, from: .frozen, to: .checkpoint(other.id), top: 4)
        }
    }

    @Test("An export of 8 bits a weight says what it lost, and is a quarter as long")
    func rounded() async throws {
        let scheduler = makeScheduler()
        try await scheduler.observe(alice, lesson)
        let exact = try await scheduler.exportDelta(alice, scope: .total)
        #expect(exact.fidelity == "exact")
        for scope in [DeltaScope.total, .session] {
            let rounded = try await scheduler.exportRounded(alice, scope: scope)
            #expect(rounded.file.count < exact.file.count)
            #expect(rounded.hash == ContentDigest.of(rounded.file))
            let file = try SafetensorsFile(bytes: rounded.file, name: "rounded")
            #expect(try file.tensor("feature.weight").type == .i8)
            #expect(file.metadata["fidelity"] == rounded.fidelity)
            let figures = Self.figures(rounded.fidelity)
            #expect(figures["bits"] == 8)
            let error = try #require(figures["weight_error"])
            #expect(error > 0 && error < 0.03)
            #expect((figures["bits_per_byte"] != nil) == (scope == .total))
            if let bits = figures["bits_per_byte"], let exact = figures["bits_per_byte_exact"] {
                #expect(abs(bits / exact - 1) < 0.01)
            }
        }
        // What a checkpoint holds is rounded already.
        _ = try await scheduler.checkpoint(alice, name: nil, ifMatch: nil)
        let figures = Self.figures(try await scheduler.exportRounded(alice, scope: .user).fidelity)
        #expect(figures["weight_error"] == 0 && figures["dropped"] == 0)
    }

    private static func figures(_ fidelity: String) -> [String: Double] {
        fidelity.split(separator: ";").reduce(into: [:]) { figures, part in
            let pair = part.split(separator: "=").map { $0.filter { $0 != " " } }
            figures[String(pair[0])] = Double(pair[1])
        }
    }
}
