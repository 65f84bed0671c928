import Engrams
import ModelFormats

enum ConstitutionReading {
    static func read(_ input: [UInt8]) throws -> Bool {
        let (yaml, signature) = parts(of: input)
        if let signature { try readSignature(signature) }
        _ = try? ConstitutionDraft(yaml: yaml, name: "draft")
        guard let constitution = try? Constitution(yaml: yaml, name: "input") else { return false }
        let written = constitution.yaml()
        let again = try must("reading back") {
            try Constitution(yaml: Array(written.utf8), name: "again")
        }
        try expect(again == constitution, "the constitution changes")
        try expect(again.yaml() == written, "the text changes")
        return true
    }

    private static func readSignature(_ text: [UInt8]) throws {
        guard let signature = try? ConstitutionSignature(text: text, name: "signature") else {
            return
        }
        let again = try must("reading the signature back") {
            try ConstitutionSignature(text: Array(signature.text.utf8), name: "again")
        }
        try expect(again == signature, "the signature changes")
    }

    static func seeds() -> [[UInt8]] {
        let hash = String(repeating: "0a", count: 32)
        let bare = Constitution(files: ["config.json": hash], zone: SafeZone())
        let full = Constitution(
            files: ["config.json": hash, "sae/cfg.json": hash, "rule.json": hash],
            zone: SafeZone(),
            protectedTokens: [.init(text: "a \"b\"\n\u{e9}", id: 7), .init(text: " the", id: 9)],
            protectedLatents: [0, 3],
            probes: [
                Probe(name: "arithmetic", prompt: "1 + 1 =", required: " 2", margin: 0.5),
                Probe(name: "manners", prompt: "You are", forbidden: " a fool", margin: 1),
                Probe(name: "both", prompt: "x", required: "y", forbidden: "z", margin: -2),
            ])
        let zeros = String(repeating: "A", count: 43) + "="
        let signed =
            full.yaml() + "\0hebb.constitution.signature 1\npublic_key: \(zeros)\n"
            + "signature: \(String(repeating: "A", count: 86))==\n"
        return [bare.yaml(), full.yaml(), signed].map { Array($0.utf8) }
    }
}
