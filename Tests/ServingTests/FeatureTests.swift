import Scheduling
import Testing

@testable import Serving

@Suite("What was learned, by router and by socket")
struct FeatureTests {
    private let path = "/v1/sessions/alice/default"

    @Test("A report lists latents with what they push up and down", arguments: Transport.allCases)
    func features(transport: Transport) async throws {
        try await withClient(transport) { client in
            let answer = try await client.send("GET", path + "/features?top=3")
            #expect(answer.status == 200)
            #expect(answer.headers["ETag"] == "\"0\"")
            let report = try answer.json()
            #expect(report["object"] == "features")
            // A Float's own digits.
            #expect(answer.text.contains(#""norm":0.1,"#))
            #expect(report["sites"]?.elements[0]["count"] == 3)
            let latent = try #require(report["latents"]?.elements.first)
            #expect(latent["change"] == nil)
            #expect(latent["up"]?.elements.map { $0["text"] } == [" eel"])
            #expect(latent["up"]?.elements.first?["weight"] == 1.5)
            #expect(latent["down"]?.elements.map { $0["token"] } == [8])
            #expect(latent["examples"]?.elements.first?["token"] == " eels")
            #expect(report["contexts"]?.elements.first?["text"] == .null)
            #expect(report["searched_tokens"] == .null)
            #expect(
                try await client.send("GET", path + "/features").json()["sites"]?
                    .elements[0]["count"] == 20)
        }
    }

    @Test("A diff names both sides and what changed between them", arguments: Transport.allCases)
    func diff(transport: Transport) async throws {
        try await withClient(transport) { client in
            let made = try await client.send(
                "POST", path + "/checkpoints", body: #"{"name":"one","note":"the first"}"#
            ).json()
            #expect(made["note"] == "the first" && made["automatic"] == false)
            let one = path + "/checkpoints/cp_1"
            let diff = try await client.send("GET", one + "/diff?top=5").json()
            #expect(diff["from"]?["id"] == "cp_1" && diff["to"]?["id"] == "session")
            #expect(diff["to"]?["tokens_learned"] == 5)
            #expect(diff["latents"]?.elements.first?["change"] == 0.75)
            #expect(diff["tokens"]?.elements.first?["sequences"] == -1.0)
            #expect(diff["bits_per_byte"]?["to"] == 2.25)
            #expect(diff["sites"]?.elements.map { $0["site"] }.contains("episodes") == true)
            let other = try await client.send("GET", one + "/diff?with=frozen").json()
            #expect(other["to"]?["id"] == "frozen" && other["bits_per_byte"] == .null)
            let whole = try await client.send("GET", path + "/checkpoints/frozen/diff?with=cp_1")
            #expect(try whole.json()["from"]?["id"] == "frozen")
            #expect(try await client.send("GET", one + "/diff?with=cp_9").status == 404)
        }
    }

    @Test("One checkpoint is read and described", arguments: Transport.allCases)
    func describe(transport: Transport) async throws {
        try await withClient(transport) { client in
            _ = try await client.send("POST", path + "/checkpoints", body: #"{"name":"one"}"#)
            let one = path + "/checkpoints/cp_1"
            #expect(try await client.send("GET", one).json()["name"] == "one")
            #expect(try await client.send("GET", one).json()["note"] == .null)
            let described = try await client.send(
                "PATCH", one, body: #"{"note":"kept","name":null}"#)
            #expect(described.status == 200)
            #expect(try described.json()["name"] == "one")
            #expect(try described.json()["note"] == "kept")
            let cleared = try await client.send("PATCH", one, body: #"{"name":""}"#)
            #expect(try cleared.json()["name"] == .null)
            #expect(try await client.send("PATCH", one, body: #"{"note":7}"#).status == 400)
            let unknown = try await client.send("PATCH", path + "/checkpoints/cp_2", body: "{}")
            #expect(unknown.status == 404)
        }
    }

    @Test(
        "A query that means nothing is refused with the parameter's name",
        arguments: [
            ("/features?top=0", "top"), ("/features?top=201", "top"), ("/features?top=x", "top"),
            ("/checkpoints/frozen/diff?top=", "top"), ("/delta?bits=4", "bits"),
        ])
    func refusals(query: String, parameter: String) async throws {
        try await withClient(.router) { client in
            let answer = try await client.send("GET", path + query)
            #expect(answer.status == 400)
            #expect(try answer.error().parameter == parameter)
        }
    }

    @Test("An export says in a header what it lost", arguments: Transport.allCases)
    func fidelity(transport: Transport) async throws {
        try await withClient(transport) { client in
            let rounded = try await client.send("GET", path + "/delta?bits=8")
            #expect(rounded.headers["X-Fidelity"] == "bits=8; dropped=0")
            #expect(rounded.body == [8])
            let exact = try await client.send("GET", path + "/delta")
            #expect(exact.headers["X-Fidelity"] == "exact")
        }
    }
}
