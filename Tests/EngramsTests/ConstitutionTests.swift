import Foundation
import Kernels
import ModelFormats
import Testing

@testable import Engrams

private let digest = String(repeating: "0123456789abcdef", count: 4)

/// Every part that a constitution can have.
private let full: Constitution = {
    var zone = SafeZone()
    zone.maximumDivergence = 0.1
    zone.minimumGain = 0.3
    zone.synapseBudget = 123
    return Constitution(
        files: ["config.json": digest, "sae/cfg.json": String(digest.reversed())], zone: zone,
        protectedTokens: [.init(text: " \"né\\\n", id: 7), .init(text: "<|end|>", id: 0)],
        protectedLatents: [3, 1],
        probes: [
            Probe(name: "one", prompt: "Dear", required: " Sir", margin: 1.5),
            Probe(name: "two", prompt: "", forbidden: "x: \"y\" # z", margin: 0),
            Probe(name: "both", prompt: "a\nb", required: " c", forbidden: " d", margin: -0.25),
        ])
}()

@Suite("A constitution")
struct ConstitutionTests {
    private func read(_ text: String) throws -> Constitution {
        try Constitution(yaml: Array(text.utf8), name: "constitution.yaml")
    }

    @Test("is read back as it was written, and the same one gives the same bytes")
    func roundTrip() throws {
        let text = full.yaml()
        let again = try read(text)
        #expect(again.yaml() == text)
        #expect(again.files == full.files)
        #expect(again.probes == full.probes)
        #expect(Set(again.protectedTokens.map(\.id)) == [0, 7])
        #expect(again.protectedTokens.contains(full.protectedTokens[0]))
        #expect(again.zone == full.zone)
        #expect(again.zone.protected == ProtectedSites(tokens: [0, 7], latents: [1, 3]))
        // Lists in another order are the same constitution.
        var turned = full
        turned.protectedLatents.reverse()
        turned.protectedTokens.reverse()
        #expect(turned.yaml() == text)
    }

    @Test("is read back as it was written, whatever it holds", arguments: 0..<60 as Range<UInt64>)
    func anything(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        func text(_ count: ClosedRange<Int>) -> String {
            let edges: [Unicode.Scalar] = [
                "\0", "\u{1}", "\n", "\r", "\t", " ", "\"", "'", "\\", "#", ":", "-", "\u{7f}",
                "\u{85}", "\u{a0}", "e", "\u{301}", "\u{e9}", "\u{2028}", "\u{feff}", "\u{fffe}",
                "\u{d7ff}", "\u{e000}", "\u{1f600}", "\u{10ffff}",
            ]
            let scalars = (0..<Int.random(in: count, using: &generator)).map { _ in
                Bool.random(using: &generator)
                    ? edges.randomElement(using: &generator)!
                    : Unicode.Scalar(UInt32.random(in: 0..<0x2_0000, using: &generator)) ?? "a"
            }
            return String(String.UnicodeScalarView(scalars))
        }
        func float(_ range: ClosedRange<Float>) -> Float {
            [range.lowerBound, range.upperBound, .random(in: range, using: &generator)]
                .randomElement(using: &generator)!
        }
        var zone = SafeZone()
        zone.maximumDivergence = Double(float(0...100))
        zone.initialTrust = Double.random(in: 0...0.999, using: &generator)
        zone.trustShare = [0, 1, .leastNonzeroMagnitude, 1e-7].randomElement(using: &generator)!
        zone.weightBound = float(0.001...100)
        zone.matrixBound = float(0.001...10_000)
        zone.minimumGain = float(0...1)
        zone.maximumGain = float(1...10)
        zone.learningGate = float(0...1000)
        zone.synapseBudget = Int.random(in: 0...100_000_000, using: &generator)
        let files = (0..<4).map { _ in
            let name = text(0...9).unicodeScalars.filter { ("a"..."z").contains($0) }
            return ("sae/f\(String(String.UnicodeScalarView(name))).safetensors", digest)
        }
        let margins = [0, -1000, 1000, 1e-300, Double.random(in: 0...9, using: &generator)]
        let written = Constitution(
            files: Dictionary(files) { $1 }, zone: zone,
            protectedTokens: (0..<3).map { .init(text: text(0...40), id: .max - Int32($0)) },
            protectedLatents: [.max, 0],
            probes: (0..<3).map { index in
                let required = "r" + text(0...40)
                return Probe(
                    name: "probe \(index)", prompt: text(0...200), required: required,
                    forbidden: "f" + text(0...40), margin: margins.randomElement(using: &generator)!
                )
            })
        let yaml = written.yaml()
        let again = try read(yaml)
        #expect(again == written)
        #expect(again.zone == written.zone)
        // `==` takes "é" and "e\u{301}" for one.
        #expect(again.yaml().utf8.elementsEqual(yaml.utf8))
        for (probe, other) in zip(again.probes, written.probes) {
            #expect(probe.prompt.utf8.elementsEqual(other.prompt.utf8))
            #expect(probe.margin == other.margin)
        }
    }

    @Test(
        "is refused with the key and the line that are wrong",
        arguments: [
            ("format: hebb.constitution", "format: other", "format"),
            ("format_version: 1", "format_version: 2", "version"),
            ("format_version: 1", "format_version: 1\nextra: 1", "extra"),
            ("  maximum_divergence: 0.1", "  maximum_divergence: 101.0", "maximum_divergence"),
            ("  maximum_divergence: 0.1", "  maximum_divergence: nan", "maximum_divergence"),
            ("  maximum_divergence: 0.1", "  maximum_divergence: \"0.1\"", "maximum_divergence"),
            ("  maximum_divergence: 0.1", "  divergence: 0.1", "divergence"),
            ("  synapse_budget: 123", "  synapse_budget: 12.5", "synapse_budget"),
            ("  synapse_budget: 123", "  synapse_budget: -1", "synapse_budget"),
            ("  synapse_budget: 123", "  # gone", "safe_zone.synapse_budget"),
            ("config.json: \"0", "config.json: \"G", "files.config.json"),
            ("config.json: \"0", "config.json: \"00", "files.config.json"),
            ("  config.json:", "  ../config.json:", "../config.json"),
            ("  config.json:", "  /etc/passwd:", "/etc/passwd"),
            ("  config.json:", "  a/b/c:", "a/b/c"),
            ("      id: 7", "      id: 0", "tokens[1]"),
            ("      id: 7", "      id: -7", "tokens[1].id"),
            ("      id: 7", "      other: 7", "tokens[1].id"),
            ("    - 3", "    - 1", "latents[1]"), ("    - 3", "    - x", "latents[1]"),
            ("  - name: \"two\"", "  - name: \"one\"", "probes[1].name"),
            ("  - name: \"two\"", "  - name: \"two\\n\"", "probes[1].name"),
            ("  - name: \"two\"", "  - name: true", "probes[1].name"),
            ("    margin: 1.5", "    margin: -1.5", "probes[0].margin"),
            ("    margin: 1.5", "    margin: 1e9", "probes[0].margin"),
            ("    margin: 1.5", "    margin: 0x10", "probes[0].margin"),
            ("    margin: 1.5", "    # none", "probes[0].margin"),
            ("    required: \" Sir\"", "    # none", "probes[0].required"),
            ("    required: \" Sir\"", "    wanted: \" Sir\"", "probes[0]"),
            ("    required: \" c\"", "    required: \" d\"", "probes[2]"),
            ("protected:", "protected: 3\nx:", "protected"),
            ("probes:", "probes: &a", "anchor"),
        ])
    func refusals(of part: String, as wrong: String, naming key: String) throws {
        let text = full.yaml()
        let range = try #require(text.range(of: part))
        let error = #expect(throws: ModelFormatError.self) {
            try read(text.replacingCharacters(in: range, with: wrong))
        }
        let message = error?.description ?? ""
        #expect(message.contains(key), "\(message)")
        #expect(message.hasPrefix("constitution.yaml"))
    }

    @Test("has bounds on its size, its probes and its texts")
    func limits() throws {
        #expect(throws: ModelFormatError.self) {
            try Constitution(
                yaml: [UInt8](repeating: 0x23, count: Constitution.Limit.bytes + 1), name: "c")
        }
        func probes(_ count: Int, prompt: String) -> Constitution {
            Constitution(
                files: full.files, zone: SafeZone(),
                probes: (0..<count).map {
                    Probe(name: "p\($0)", prompt: prompt, required: " x", margin: 1)
                })
        }
        _ = try read(probes(Constitution.Limit.probes, prompt: "a").yaml())
        #expect(throws: ModelFormatError.self) {
            try read(probes(Constitution.Limit.probes + 1, prompt: "a").yaml())
        }
        let long = String(repeating: "a", count: Constitution.Limit.textBytes)
        _ = try read(probes(1, prompt: long).yaml())
        #expect(throws: ModelFormatError.self) { try read(probes(1, prompt: long + "a").yaml()) }
    }

    @Test("torn, cut or changed anywhere, it is read as something or refused, and never crashes")
    func survives() {
        let whole = Array(full.yaml().utf8)
        for count in 0..<whole.count {
            _ = try? Constitution(yaml: Array(whole.prefix(count)), name: "cut")
        }
        var generator = SeededGenerator(seed: 5)
        for _ in 0..<5000 {
            var bytes = whole
            for _ in 0..<(1 + generator.next() % 4) {
                let at = Int(generator.next() % UInt64(bytes.count))
                switch generator.next() % 3 {
                case 0: bytes[at] = UInt8(generator.next() % 256)
                case 1: bytes.remove(at: at)
                default: bytes.insert(contentsOf: bytes[at..<min(bytes.count, at + 40)], at: at)
                }
            }
            guard let read = try? Constitution(yaml: bytes, name: "changed") else { continue }
            // What is accepted is within every bound.
            #expect(throws: Never.self) { try read.zone.validate() }
            #expect(read.probes.count <= Constitution.Limit.probes)
        }
    }

    @Test("A draft needs neither files nor every number, and a constitution is one")
    func drafts() throws {
        let short = "format: hebb.constitution\nformat_version: 1\nsafe_zone:\n  weight_bound: 2\n"
        let draft = try ConstitutionDraft(yaml: Array(short.utf8), name: "d")
        #expect(draft.zone == ["weight_bound": 2])
        #expect(try SafeZone().with(draft.zone).weightBound == 2)
        let whole = try ConstitutionDraft(yaml: Array(full.yaml().utf8), name: "d")
        #expect(whole.probes == full.probes)
        #expect(try SafeZone().with(whole.zone).maximumDivergence == 0.1)
        #expect(throws: ModelFormatError.self) { try read(short) }
    }

    @Test("names every file that is not as it was sealed, with both hashes")
    func files() throws {
        let other = String(repeating: "f", count: 64)
        try full.verify(files: full.files, in: "core")
        var changed = full.files
        changed["config.json"] = other
        #expect(
            throws: ConstitutionError.mismatch(
                file: "core/config.json", found: other, sealed: digest)
        ) { try full.verify(files: changed, in: "core") }
        let message = ConstitutionError.mismatch(
            file: "core/config.json", found: other, sealed: digest
        ).description
        #expect(message.contains(other) && message.contains(digest))
        var fewer = full.files
        fewer["config.json"] = nil
        #expect(throws: ConstitutionError.missing(file: "core/config.json", sealed: digest)) {
            try full.verify(files: fewer, in: "core")
        }
        var more = full.files
        more["rule.json"] = other
        #expect(throws: ConstitutionError.unlisted(file: "core/rule.json", found: other)) {
            try full.verify(files: more, in: "core")
        }
    }
}

@Suite("A signature")
struct SignatureTests {
    private let text = Array(full.yaml().utf8)

    @Test("holds for its bytes and its key, and for no others")
    func verifies() throws {
        let key = try SigningKey(pem: Array(SigningKey().pem.utf8), name: "k")
        let file = Array(try key.sign(text).text.utf8)
        let signature = try ConstitutionSignature(text: file, name: "s")
        #expect(signature.key == key.verifyingKey)
        try signature.verify(text, trusted: nil, name: "s")
        try signature.verify(text, trusted: key.verifyingKey, name: "s")
        var changed = text
        changed[40] ^= 1
        #expect(throws: ConstitutionError.self) {
            try signature.verify(changed, trusted: nil, name: "s")
        }
        let other = SigningKey().verifyingKey
        #expect(
            throws: ConstitutionError.wrongSigner(
                file: "s", found: key.verifyingKey.description, trusted: other.description)
        ) { try signature.verify(text, trusted: other, name: "s") }
    }

    @Test("and keys are refused when torn, cut or of another kind, without quoting them")
    func refusals() throws {
        let key = SigningKey()
        let file = try key.sign(text).text
        for wrong in ["", "x", file + "more\n", file.replacing("signature:", with: "mark:")] {
            #expect(throws: ConstitutionError.self) {
                try ConstitutionSignature(text: Array(wrong.utf8), name: "s")
            }
        }
        for count in 0..<(file.utf8.count - 1) {
            #expect(throws: ConstitutionError.self) {
                try ConstitutionSignature(text: Array(file.utf8.prefix(count)), name: "s")
            }
        }
        let secret = key.pem.split(separator: "\n")[1]
        for wrong in ["", key.verifyingKey.pem, key.pem.replacing("MC4", with: "MC5")] {
            let error = #expect(throws: ConstitutionError.self) {
                try SigningKey(pem: Array(wrong.utf8), name: "k")
            }
            #expect(error?.description.contains(secret) == false)
        }
        #expect(throws: ConstitutionError.self) {
            try VerifyingKey(pem: Array(key.pem.utf8), name: "k")
        }
    }

    /// The example of RFC 8410, section 10; `openssl pkey -pubout` gives the same public key.
    @Test("Keys of other programs are read, and written as they write them")
    func keyFormat() throws {
        let secret = """
            -----BEGIN PRIVATE KEY-----
            MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC
            -----END PRIVATE KEY-----

            """
        let open = """
            -----BEGIN PUBLIC KEY-----
            MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
            -----END PUBLIC KEY-----

            """
        let key = try SigningKey(pem: Array(secret.utf8), name: "k")
        #expect(key.pem == secret)
        #expect(key.verifyingKey.pem == open)
        #expect(try VerifyingKey(pem: Array(open.utf8), name: "k") == key.verifyingKey)
    }
}

@Suite("A probe")
struct ProbeTests {
    @Test("of a required continuation bounds how far it falls")
    func required() {
        let probe = Probe(name: "p", prompt: "", required: "x", margin: 1)
        func reading(_ adapted: Double) -> ProbeReading {
            probe.reading(required: .init(frozen: -3, adapted: adapted), forbidden: nil)
        }
        #expect(reading(-4).passes && reading(-4).slack == 0)
        #expect(reading(-2).slack == 2)
        #expect(!reading(-4.5).passes && reading(-4.5).slack == -0.5)
        #expect(reading(-4.5).bound == .atLeast(-4))
    }

    @Test("of a forbidden continuation bounds how far it rises")
    func forbidden() {
        let probe = Probe(name: "p", prompt: "", forbidden: "x", margin: 1)
        func reading(_ adapted: Double) -> ProbeReading {
            probe.reading(required: nil, forbidden: .init(frozen: -3, adapted: adapted))
        }
        #expect(reading(-2).passes && reading(-2).slack == 0)
        #expect(!reading(-1.5).passes && reading(-1.5).bound == .atMost(-2))
        #expect(!reading(.nan).passes)
    }

    @Test("of both bounds their difference, whatever the frozen core says")
    func both() {
        let probe = Probe(name: "p", prompt: "", required: "x", forbidden: "y", margin: 2)
        func reading(_ x: Double, _ y: Double) -> ProbeReading {
            probe.reading(
                required: .init(frozen: -9, adapted: x), forbidden: .init(frozen: 0, adapted: y))
        }
        #expect(reading(-1, -3).passes && reading(-1, -3).slack == 0)
        #expect(!reading(-1, -2.5).passes && reading(-1, -2.5).measured == 1.5)
    }
}
