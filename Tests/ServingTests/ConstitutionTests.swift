import Testing

@testable import Serving

@Suite("The constitution, by router and by socket")
struct ConstitutionTests {
    @Test("Everything that is sealed is told, and described", arguments: Transport.allCases)
    func sealed(transport: Transport) async throws {
        try await withClient(transport) { client in
            let answer = try await client.send("GET", "/v1/constitution")
            #expect(answer.status == 200)
            let body = try answer.json()
            #expect(body["object"] == "constitution")
            #expect(body["sealed"] == true)
            #expect(body["sha256"] == "c0de")
            #expect(body["signed_by"] == .null)
            #expect(body["files"]?.elements[1] == ["path": "model.safetensors", "sha256": "c2"])
            #expect(body["safe_zone"]?["maximum_divergence"] == 4.0)
            #expect(body["safe_zone"]?["synapse_budget"] == 20_000)
            #expect(
                body["protected"] == ["tokens": [["text": "ok", "id": 7]], "latents": [3]])
            #expect(
                body["probes"]?.elements[0] == [
                    "name": "polite", "prompt": "Dear", "required": " Sir", "forbidden": .null,
                    "margin": 1.5,
                ])
            let document = try await client.send("GET", "/openapi.json").json()
            let schema = try #require(document["components"]?["schemas"]?["Constitution"])
            func compare(_ value: JSONValue, _ schema: JSONValue, _ place: String) {
                if let items = schema["items"] {
                    for element in value.elements { compare(element, items, place + "[]") }
                }
                guard let known = schema["properties"] else { return }
                #expect(Set(value.names) == Set(known.names), "\(place)")
                for name in value.names {
                    compare(value[name] ?? .null, known[name] ?? .null, place + "." + name)
                }
            }
            compare(body, schema, "constitution")
        }
    }

    @Test("A failed probe answers 422 with its name and figures", arguments: Transport.allCases)
    func probeFailed(transport: Transport) async throws {
        try await withClient(transport) { client in
            let answer = try await client.send(
                "POST", "/v1/sessions/alice/default/checkpoints", body: #"{"name":"BROKEN"}"#)
            #expect(answer.status == 422)
            let error = try #require(try answer.json()["error"])
            #expect(error["code"] == "probe_failed")
            #expect(error["type"] == "invalid_request_error")
            #expect(error["message"]?.text?.contains("'polite'") == true)
            #expect(
                error["probe"] == [
                    "name": "polite", "measured": -4.5, "bound": "at_least", "required": -3.0,
                    "slack": -1.5,
                ])
        }
    }

    @Test("The last audit is in a session's safety, and in the metrics without a name")
    func audits() async throws {
        try await withClient(.router) { client in
            let path = "/v1/sessions/alice/default"
            #expect(try await client.send("GET", path + "/safety").json()["last_audit"] == .null)
            _ = try await client.send("POST", path + "/observe", body: #"{"text":"x"}"#)
            let audit = try await client.send("GET", path + "/safety").json()["last_audit"]
            #expect(audit?["passed"] == false)
            #expect(audit?["for"] == "checkpoint")
            #expect(audit?["worst"]?["slack"] == -1.5)
            let page = try await client.send("GET", "/metrics").text
            #expect(page.contains("\nhebb_audits_total 0\n"))
            #expect(page.contains("\nhebb_failed_audits_total 0\n"))
        }
    }
}
