import Engrams
import Foundation
import Kernels
import ModelFormats
import Testing
import TinyCore

@testable import Engrams
@testable import OuterCortex

/// A core folder with every kind of file, and every site of its rule on.
private func makeFolder() throws -> String {
    let folder = try TinyCore.make(seed: 5, withLayerAutoencoder: true)
    var rule = fullRule(identity: try Cortex(folder: folder).identity)
    rule.safeZone.learningGate = 1000
    try rule.write(folder: folder)
    return folder
}

/// Seals a folder as `hebb seal` does.
@discardableResult
private func seal(
    _ folder: String, _ draft: ConstitutionDraft = .init(), tokens: [String] = [],
    latents: [Int32] = [], key: SigningKey? = nil
) throws -> Constitution {
    let (constitution, _) = try Cortex(folder: folder, policy: .ignore).constitution(
        from: draft, protectingTokens: tokens, latents: latents)
    let bytes = Array(constitution.yaml().utf8)
    try Data(bytes).write(to: URL(fileURLWithPath: "\(folder)/\(Constitution.fileName)"))
    if let key {
        try Data(try key.sign(bytes).text.utf8).write(
            to: URL(fileURLWithPath: "\(folder)/\(ConstitutionSignature.fileName)"))
    }
    return constitution
}

@Suite("A sealed core")
final class SealedCoreTests {
    let folder: String

    init() throws { folder = try makeFolder() }

    deinit { TinyCore.remove(folder) }

    @Test("lists every file that is served, with its SHA-256, and is served as it was sealed")
    func files() throws {
        let before = try Cortex(folder: folder)
        #expect(before.seal.constitution == nil)
        #expect(before.identity.constitution == ContentDigest.none)
        let constitution = try seal(folder)
        let names = [
            "config.json", "model.safetensors", "rule.json", "rule.safetensors",
            "sae-layer/cfg.json", "sae-layer/sae_weights.safetensors", "sae/cfg.json",
            "sae/sae_weights.safetensors", "tokenizer.json",
        ]
        #expect(constitution.files.keys.sorted() == names)
        #expect(before.seal.files == constitution.files)
        for (name, hash) in constitution.files {
            let data = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(name)"))
            #expect(ContentDigest.of(Array(data)) == hash)
        }
        let cortex = try Cortex(folder: folder)
        #expect(cortex.seal.constitution == constitution)
        let yaml = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/constitution.yaml"))
        #expect(cortex.identity.constitution == ContentDigest.of(Array(yaml)))
        // Everything else about it is what it was, and so are engrams' other names for it.
        var identity = cortex.identity
        identity.constitution = ContentDigest.none
        #expect(identity == before.identity)
        let core = ["model.safetensors", "config.json", "tokenizer.json"].map { "\(folder)/\($0)" }
        #expect(try identity.core == ContentDigest.ofFiles(core))
        let autoencoders = ["sae", "sae-layer"].flatMap { name in
            SparseAutoencoder.fileNames.map { "\(folder)/\(name)/\($0)" }
        }
        #expect(try identity.sparseAutoencoder == ContentDigest.ofFiles(autoencoders))
    }

    @Test("is refused when any file changes, by its name and both hashes")
    func tampering() throws {
        let constitution = try seal(folder)
        for (name, sealed) in constitution.files.sorted(by: { $0.key < $1.key }) {
            let url = URL(fileURLWithPath: "\(folder)/\(name)")
            let original = try Data(contentsOf: url)
            var changed = original
            changed[changed.count / 2] ^= 1
            for wrong in [changed, original + Data([0x20]), original.prefix(7)] {
                try wrong.write(to: url)
                #expect(
                    throws: ConstitutionError.mismatch(
                        file: url.path, found: ContentDigest.of(Array(wrong)), sealed: sealed)
                ) { try Cortex(folder: self.folder) }
            }
            try FileManager.default.removeItem(at: url)
            if name == "model.safetensors" {
                #expect(throws: ModelFormatError.self) { try Cortex(folder: self.folder) }
            } else {
                #expect(throws: ConstitutionError.missing(file: url.path, sealed: sealed)) {
                    try Cortex(folder: self.folder)
                }
            }
            try original.write(to: url)
        }
        _ = try Cortex(folder: folder)
    }

    @Test("is refused when a file is served that was not sealed")
    func unlisted() throws {
        try FileManager.default.removeItem(atPath: "\(folder)/rule.safetensors")
        try FileManager.default.removeItem(atPath: "\(folder)/rule.json")
        try seal(folder)
        _ = try Cortex(folder: folder)
        // What is not read does not count.
        try Data("notes".utf8).write(to: URL(fileURLWithPath: "\(folder)/README.md"))
        _ = try Cortex(folder: folder)
        let rule = URL(fileURLWithPath: "\(folder)/rule.json")
        try PlasticityRule().json().write(to: rule)
        let error = #expect(throws: ConstitutionError.self) { try Cortex(folder: self.folder) }
        guard case .unlisted(rule.path, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test("is served under the constitution's numbers, and the rule's when another is tried")
    func zone() throws {
        var draft = ConstitutionDraft()
        draft.zone = ["maximum_divergence": 0.01, "synapse_budget": 5]
        try seal(folder, draft)
        let cortex = try Cortex(folder: folder)
        #expect(cortex.zone.maximumDivergence == 0.01)
        #expect(cortex.rule.safeZone.maximumDivergence == 4)
        var engram = cortex.emptyEngram()
        _ = try cortex.observe(lesson, into: &engram)
        let scored = cortex.score(lesson, with: engram)
        #expect(scored.adaptation.klMax <= 0.01 && scored.adaptation.klMax > 0.009)
        #expect(engram.sites.features.count == 5)
        // A constitution is of the rule that it sealed.
        let tried = try cortex.with(rule: PlasticityRule())
        #expect(tried.seal.constitution == nil && tried.zone == SafeZone())
        #expect(tried.identity.constitution == ContentDigest.none)
        #expect(try cortex.with(rule: cortex.rule).identity == cortex.identity)
        #expect(throws: EngramError.self) { try tried.admit(engram) }
    }

    @Test("Its signature must hold where there is one, and be there where a key is demanded")
    func signatures() throws {
        let key = SigningKey()
        func load(_ policy: CoreSeal.Policy) throws -> Cortex {
            try Cortex(folder: folder, policy: policy)
        }
        #expect(throws: ConstitutionError.self) { try load(.trust(key.verifyingKey)) }
        try seal(folder)
        #expect(throws: ConstitutionError.self) { try load(.trust(key.verifyingKey)) }
        try seal(folder, key: key)
        #expect(try load(.trust(key.verifyingKey)).seal.signer == key.verifyingKey)
        #expect(try load(.verify).seal.signer == key.verifyingKey)
        #expect(throws: ConstitutionError.self) { try load(.trust(SigningKey().verifyingKey)) }
        // A constitution that was changed after it was signed, though it fits every file.
        var draft = ConstitutionDraft()
        draft.zone = ["weight_bound": 1]
        try seal(folder, draft)
        #expect(throws: ConstitutionError.self) { try load(.verify) }
        _ = try load(.ignore)
        try FileManager.default.removeItem(atPath: "\(folder)/constitution.yaml")
        #expect(throws: ConstitutionError.self) { try load(.verify) }
    }

    @Test("What a core cannot have is not sealed, and not served")
    func unfit() throws {
        let cortex = try Cortex(folder: folder)
        func refused(_ draft: ConstitutionDraft, _ words: String) {
            let error = #expect(throws: ConstitutionError.self) {
                try cortex.constitution(from: draft)
            }
            #expect(error?.description.contains(words) == true, "\(String(describing: error))")
        }
        func probe(_ prompt: String, _ required: String) -> ConstitutionDraft {
            var draft = ConstitutionDraft()
            draft.probes = [Probe(name: "p", prompt: prompt, required: required, margin: 1)]
            return draft
        }
        refused(probe("a", ""), "empty")
        refused(probe(String(repeating: "x", count: 63), "x"), "64 tokens")
        _ = try cortex.constitution(from: probe(String(repeating: "x", count: 62), "x"))
        var draft = ConstitutionDraft()
        draft.protectedTokens = [.init(text: "x", id: 100_000)]
        refused(draft, "vocabulary")
        draft.protectedTokens = [.init(text: "x", id: 0)]
        refused(draft, "text")
        draft.protectedTokens = []
        draft.protectedLatents = [40]
        refused(draft, "40 latents")
        #expect(throws: ConstitutionError.self) {
            try cortex.constitution(from: .init(), protectingTokens: ["several tokens"])
        }
        // A bound that the frozen core itself breaks.
        var wrong = ConstitutionDraft()
        wrong.probes = [
            Probe(name: "p", prompt: "a", required: "x", forbidden: "y", margin: 500)
        ]
        let error = #expect(throws: ConstitutionError.self) {
            try cortex.constitution(from: wrong)
        }
        guard case .failsProbe = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }
}

@Suite("Protected tokens and latents")
final class ProtectionTests {
    let folder: String
    let open: Cortex
    /// Common letters of the lesson, one at a time, so that they are targets and errors both.
    let tokens = ["e", "t", " th"]
    let latents: [Int32] = Array(0..<20)

    init() throws {
        folder = try makeFolder()
        open = try Cortex(folder: folder)
    }

    deinit { TinyCore.remove(folder) }

    private func guarded(
        _ tokens: [String], _ latents: [Int32] = []
    ) throws -> (cortex: Cortex, sites: ProtectedSites) {
        let (constitution, _) = try open.constitution(
            from: .init(), protectingTokens: tokens, latents: latents)
        return (try open.with(constitution: constitution), constitution.zone.protected)
    }

    private func expectUntouched(_ sites: PlasticSites, _ cortex: Cortex) {
        #expect(throws: Never.self) {
            try sites.check(identity: cortex.identity, zone: cortex.zone)
        }
        // Of every site something was learned, so that the check had something to look at.
        #expect(!sites.bias.allSatisfy { $0 == 0 } && !sites.episodes.isEmpty)
        #expect(!sites.features.isEmpty && !sites.sequences.isEmpty && !sites.matrix.isEmpty)
        #expect(!sites.layer.dense.isEmpty)
    }

    @Test("learn nothing at any site, from text or from verdicts")
    func learning() throws {
        let (cortex, protected) = try guarded(tokens, latents)
        #expect(protected.tokens.count == 3)
        var engram = cortex.emptyEngram()
        let seen = try cortex.observe(lesson, into: &engram)
        expectUntouched(engram.sites, cortex)
        let targets = cortex.encode(lesson).count { protected.hasToken($0.rawValue) }
        #expect(targets > 50)
        #expect(seen.learnedTokens == seen.tokens - targets)
        #expect(!engram.sites.layer.decoder.isEmpty)
        // Without protection the same text does write them.
        var free = open.emptyEngram()
        _ = try open.observe(lesson, into: &free)
        let error = #expect(throws: EngramError.self) {
            try free.sites.check(identity: cortex.identity, zone: cortex.zone)
        }
        guard case .protected("token bias", "token", _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }

        let answer = JudgedAnswer(
            prompt: cortex.encode("The heron"), answer: cortex.encode(" eats the eels there."),
            drive: 2)
        for drive in [2.0, -2.0] {
            var judged = answer
            judged.drive = drive
            let task = cortex.startFeedback([judged], from: engram)
            task.run()
            #expect(task.result.learnedTokens < judged.answer.count)
            try engram.commit(task.result.proposal, within: cortex.zone)
            expectUntouched(engram.sites, cortex)
        }
    }

    @Test("get no personal term at readout, whatever an engram holds")
    func readout() throws {
        let (cortex, protected) = try guarded(tokens)
        var engram = open.emptyEngram()
        _ = try open.observe(lesson, into: &engram)
        func shifts(_ cortex: Cortex) -> [[Float]] {
            let text = cortex.encode(lesson).prefix(60)
            var pass = TextPass(cortex: cortex, tokens: Array(text))
            var all: [[Float]] = []
            while var slice = pass.source.nextSlice(layer: engram.sites.layer) {
                pass.source.readLayer(
                    &slice, rows: 0..<slice.positions.count, synapses: engram.sites.layer)
                for position in slice.positions {
                    _ = pass.step(
                        slice, position: position, sites: engram.sites, tokensLearned: 100)
                    all.append(pass.predictor.readout.shift)
                    for site in pass.predictor.readout.terms.dense where !site.isEmpty {
                        for token in protected.tokens where cortex !== open {
                            #expect(site[Int(token)] == 0)
                        }
                    }
                }
            }
            return all
        }
        let (masked, plain) = (shifts(cortex), shifts(open))
        #expect(masked.count == 60)
        for token in protected.tokens {
            #expect(masked.allSatisfy { $0[Int(token)] == 0 })
            #expect(plain.contains { $0[Int(token)] != 0 })
        }
        #expect(masked.allSatisfy { $0.contains { $0 != 0 } })
    }

    @Test("Where none is named, the same bytes are learned as without a constitution")
    func unchanged() throws {
        let (cortex, protected) = try guarded([])
        #expect(protected.isEmpty)
        var (sealed, free) = (cortex.emptyEngram(), open.emptyEngram())
        let one = try cortex.observe(lesson, into: &sealed)
        let two = try open.observe(lesson, into: &free)
        #expect(one.bits == two.bits && one.adaptation == two.adaptation)
        #expect(sealed.sites == free.sites)
        #expect(sealed.sites.gains == free.sites.gains)
    }
}

@Suite("An audit")
final class AuditTests {
    let folder: String

    init() throws { folder = try makeFolder() }

    deinit { TinyCore.remove(folder) }

    private let probes = [
        Probe(name: "required", prompt: "The heron", required: " swims", margin: 0.5),
        Probe(name: "forbidden", prompt: "The heron on the", forbidden: " northern", margin: 0.5),
        Probe(
            name: "both", prompt: "Ottoline", required: " eats", forbidden: " rests",
            margin: -900),
    ]

    /// ln p of a continuation by scoring the whole text, as anybody could.
    private func likelihood(
        _ cortex: Cortex, _ prompt: String, _ continuation: String, _ engram: Engram
    ) -> Probe.Likelihood {
        let count = cortex.probeTokens(prompt).count
        let text = cortex.probeTokens(prompt) + cortex.probeTokens(continuation)
        let task = cortex.startScoring(text, with: engram)
        task.run()
        let tokens = task.result.perToken.dropFirst(count)
        return .init(
            frozen: -log(2) * tokens.reduce(0) { $0 + $1.frozen },
            adapted: -log(2) * tokens.reduce(0) { $0 + $1.adapted })
    }

    /// With the layer site on the probes are read again, and without it from the recording.
    @Test("measures what scoring the probes' texts measures", arguments: [true, false])
    func measures(hasLayer: Bool) throws {
        if !hasLayer {
            var rule = try PlasticityRule(path: folder)
            rule.layer = LayerRule()
            try rule.write(folder: folder)
        }
        var draft = ConstitutionDraft()
        draft.probes = probes
        try seal(folder, draft)
        let cortex = try Cortex(folder: folder)
        let auditor = ProbeAuditor(cortex: cortex)
        var engram = cortex.emptyEngram()
        for isTaught in [false, true] {
            if isTaught { _ = try cortex.observe(lesson, into: &engram) }
            let task = auditor.startAudit(of: engram)
            task.run()
            let readings = task.result
            #expect(readings.map(\.probe) == ["required", "forbidden", "both"])
            for (probe, reading) in zip(probes, readings) {
                func measured(_ text: String?) -> Probe.Likelihood? {
                    text.map { likelihood(cortex, probe.prompt, $0, engram) }
                }
                let expected = probe.reading(
                    required: measured(probe.required), forbidden: measured(probe.forbidden))
                #expect(abs(reading.measured - expected.measured) < 1e-6)
                #expect(abs(reading.slack - expected.slack) < 1e-6)
            }
            // The frozen core has the whole margin; a taught one has broken what it was taught.
            #expect(readings[1].passes == !isTaught)
            if !isTaught { #expect(abs(readings[0].slack - 0.5) < 1e-9) }
            #expect(readings[2].passes)
        }
    }

    @Test("of a constitution without probes is over at once")
    func empty() throws {
        try seal(folder)
        let auditor = ProbeAuditor(cortex: try Cortex(folder: folder))
        #expect(auditor.isEmpty)
        let task = auditor.startAudit(of: auditor.cortex.emptyEngram())
        #expect(task.advance() && task.result.isEmpty)
    }
}
