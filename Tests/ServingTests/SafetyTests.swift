import Scheduling
import Testing

@testable import Serving

@Suite("Safety, by router and by socket")
struct SafetyTests {
    private let path = "/v1/sessions/alice/default"

    @Test("A session tells how it stands against its bounds", arguments: Transport.allCases)
    func report(transport: Transport) async throws {
        try await withClient(transport) { client in
            let body = #"{"text":"\#(String(repeating: "x", count: 600))"}"#
            let empty = try await client.send("GET", path + "/safety").json()
            #expect(empty["certificate"]?["tokens"] == 0)
            #expect(empty["certificate"]?["forecast"] == .null)
            #expect(empty["certificate"]?["evidence"]?["tokens_until_evidence"] == .null)
            #expect(empty["learning_from_completions"] == "allowed")
            _ = try await client.send("POST", path + "/observe", body: body)
            _ = try await client.send("POST", path + "/observe", body: body)
            let answer = try await client.send("GET", path + "/safety")
            #expect(answer.status == 200)
            #expect(answer.headers["ETag"] == "\"2\"")
            let report = try answer.json()
            #expect(
                report.names == [
                    "object", "session", "revision", "since_revision", "engram", "bounds",
                    "divergence", "certificate", "monitors", "learning_from_completions",
                    "last_audit",
                ])
            #expect(report["object"] == "safety")
            #expect(report["session"] == "alice/default")
            #expect(report["bounds"]?["kl_max"] == 4.0)
            #expect(report["bounds"]?["synapses"] == 20_000)
            let certificate = try #require(report["certificate"])
            #expect(certificate["tokens"] == 1200)
            #expect(certificate["evidence"]?["helps"] == true)
            #expect(certificate["forecast"]?["blocks"] == 2)
            #expect(certificate["forecast"]?["block_tokens"] == 512)
            #expect(certificate["confidence"] == 0.95)
            #expect(try #require(certificate["complexity"]?["nats"]).double > 0)
            // Three of four gain 1 nat of 3, the fourth loses half a nat: 20.8 %, 0.9 bits.
            let measured = try #require(certificate["measured_gain_percent"]).double
            #expect(abs(measured - 100 * 0.625 / 3) < 1e-3)
            let bits = try #require(certificate["measured_gain_bits_per_token"]).double
            #expect(abs(bits - 0.625 / 0.6931471805599453) < 1e-4)
            let certified = try #require(certificate["certified_gain_percent"]).double
            #expect(certified > 0 && certified < measured)

            let monitors = try #require(report["monitors"])
            #expect(
                monitors.names == [
                    "repetition", "hidden_similarity", "entropy_drift", "logprob_drift",
                    "divergence", "distribution_rank",
                ])
            #expect(
                monitors["repetition"] == [
                    "value": 0.75, "threshold": 0.5, "fires": "above", "firing": true,
                ])
            #expect(monitors["entropy_drift"]?["fires"] == "outside")
            #expect(monitors["distribution_rank"]?["fires"] == "below")
            #expect(monitors["distribution_rank"]?["value"] == .null)
            #expect(report["learning_from_completions"] == "paused")
            let missing = try await client.send("GET", "/v1/sessions/alice/none/safety")
            #expect(missing.status == 404)
        }
    }

    @Test("Every field of the answer is described, and only those", arguments: Transport.allCases)
    func described(transport: Transport) async throws {
        try await withClient(transport) { client in
            let body = #"{"text":"\#(String(repeating: "x", count: 600))"}"#
            let observed = try await client.send("POST", path + "/observe", body: body).json()
            let report = try await client.send("GET", path + "/safety").json()
            let document = try await client.send("GET", "/openapi.json").json()
            let schemas = try #require(document["components"]?["schemas"])
            func compare(_ value: JSONValue, _ schema: JSONValue, _ place: String) {
                var schema = schema
                if let name = schema["$ref"]?.text?.split(separator: "/").last {
                    schema = schemas[String(name)] ?? .null
                }
                if let choices = schema["oneOf"]?.elements { schema = choices.last ?? .null }
                guard case .object(let members) = value, let known = schema["properties"] else {
                    return
                }
                #expect(Set(members.map(\.name)) == Set(known.names), "\(place)")
                for member in members {
                    compare(member.value, known[member.name] ?? .null, place + "." + member.name)
                }
            }
            compare(report, schemas["Safety"] ?? .null, "safety")
            compare(
                observed["certificate"] ?? .null, schemas["CertificateBrief"] ?? .null, "observe")
        }
    }

    @Test("An observation carries the certificate in short", arguments: Transport.allCases)
    func observation(transport: Transport) async throws {
        try await withClient(transport) { client in
            let answer = try await client.send("POST", path + "/observe", body: #"{"text":"ab"}"#)
            #expect(
                try answer.json()["certificate"] == [
                    "tokens": 2, "certified_gain_percent": -3.5, "measured_gain_percent": 16.0,
                    "confidence": 0.95,
                ])
        }
    }

    @Test("A completion that was not learned from says which monitors fired")
    func paused() async throws {
        try await withClient(.router) { client in
            func plasticity(_ prompt: String) async throws -> JSONValue? {
                let answer = try await client.send(
                    "POST", "/v1/completions", body: #"{"prompt":\#(prompt),"max_tokens":2}"#)
                return try answer.json()["plasticity"]
            }
            let looping = try await plasticity(#""LOOP""#)
            #expect(looping?["paused"]?.elements == ["repetition", "distribution_rank"])
            // Of several prompts each monitor is named once.
            let several = try await plasticity(#"["LOOP","fine","LOOP"]"#)
            #expect(several?["paused"]?.elements == ["repetition", "distribution_rank"])
            #expect(try await plasticity(#""fine""#)?["paused"] == nil)
        }
    }

    @Test("Metrics tell the safety of all sessions together")
    func metrics() async throws {
        try await withClient(.router) { client in
            let page = try await client.send("GET", "/metrics").text
            let lines = Set(page.split(separator: "\n").map(String.init))
            #expect(lines.contains("hebb_observed_frozen_bits_total 40.5"))
            #expect(lines.contains("hebb_paused_completions_total 2"))
            #expect(lines.contains(#"hebb_firing_sessions{monitor="repetition"} 3"#))
            #expect(lines.contains(#"hebb_firing_sessions{monitor="divergence"} 0"#))
            #expect(lines.contains("hebb_certified_sessions 0"))
        }
    }
}
