import Foundation
import Kernels
import ModelFormats
import Testing
import TinyCore

@testable import Engrams
@testable import OuterCortex

/// A core folder with every kind of file, and every site of its rule on.
func makeSealableFolder() throws -> String {
    let folder = try TinyCore.make(seed: 5, withLayerAutoencoder: true)
    var rule = fullRule(identity: try Cortex(folder: folder).identity)
    rule.safeZone.learningGate = 1000
    try rule.write(folder: folder)
    return folder
}

/// Seals a folder as `hebb seal` does.
@discardableResult
func seal(
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

    init() throws { folder = try makeSealableFolder() }

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
