import Scheduling
import Synchronization
import Testing

@testable import Serving

@Suite("What the server says of itself")
struct DocumentationTests {
    /// API.md's calls of this version.
    private static let promised: Set<String> = [
        "GET /", "GET /console/{file}", "GET /health", "GET /metrics", "GET /openapi.json",
        "GET /v1/constitution",
        "GET /v1/models", "GET /v1/models/{model}", "POST /v1/completions",
        "POST /v1/chat/completions", "POST /v1/sessions",
        "GET /v1/sessions",
        "GET /v1/sessions/{user}/{name}", "DELETE /v1/sessions/{user}/{name}",
        "POST /v1/sessions/{user}/{name}/observe", "POST /v1/sessions/{user}/{name}/score",
        "POST /v1/sessions/{user}/{name}/feedback",
        "POST /v1/sessions/{user}/{name}/reset", "POST /v1/sessions/{user}/{name}/checkpoints",
        "GET /v1/sessions/{user}/{name}/checkpoints",
        "POST /v1/sessions/{user}/{name}/checkpoints/{checkpoint}/restore",
        "DELETE /v1/sessions/{user}/{name}/checkpoints/{checkpoint}",
        "GET /v1/sessions/{user}/{name}/events", "GET /v1/sessions/{user}/{name}/events/{event}",
        "DELETE /v1/sessions/{user}/{name}/events/{event}",
        "GET /v1/sessions/{user}/{name}/checkpoints/{checkpoint}",
        "PATCH /v1/sessions/{user}/{name}/checkpoints/{checkpoint}",
        "GET /v1/sessions/{user}/{name}/checkpoints/{checkpoint}/diff",
        "GET /v1/sessions/{user}/{name}/features",
        "GET /v1/sessions/{user}/{name}/safety",
        "GET /v1/sessions/{user}/{name}/delta", "POST /v1/sessions/{user}/{name}/merge",
        "PUT /v1/sessions/{user}/{name}/delta", "DELETE /v1/users/{user}",
        "POST /v1/keys", "GET /v1/keys", "GET /v1/keys/{key}", "PATCH /v1/keys/{key}",
        "DELETE /v1/keys/{key}",
    ]

    @Test(
        "The document, the router and the promise name the same calls",
        arguments: Transport.allCases)
    func parity(transport: Transport) async throws {
        try await withClient(transport) { client in
            let document = try await client.send("GET", "/openapi.json").json()
            #expect(document["openapi"] == "3.1.0")
            let paths = try #require(document["paths"])
            let described = paths.names.flatMap { path in
                paths[path]!.names.map { "\($0.uppercased()) \(path)" }
            }
            let routed = client.application.router.routes.map { "\($0.method) \($0.pattern)" }
            #expect(Set(described).count == described.count)
            #expect(Set(described) == Set(routed))
            #expect(Set(described) == Self.promised)
        }
    }

    @Test("Every reference resolves, every path parameter is described, ids are unique")
    func references() async throws {
        try await withClient(.router) { client in
            let document = try await client.send("GET", "/openapi.json").json()
            let schemas = Set(document["components"]?["schemas"]?.names ?? [])
            var references: [String] = []
            Self.collect("$ref", in: document, into: &references)
            #expect(references.count > 30)
            for reference in references {
                #expect(
                    schemas.contains(String(reference.dropFirst("#/components/schemas/".count))))
            }
            var ids: [String] = []
            Self.collect("operationId", in: document, into: &ids)
            #expect(ids.count == Self.promised.count && Set(ids).count == ids.count)
            let paths = document["paths"]!
            for path in paths.names {
                let count = path.split(separator: "{").count - 1
                for method in paths[path]!.names {
                    let parameters = paths[path]![method]!["parameters"]?.elements ?? []
                    #expect(parameters.filter { $0["in"] == "path" }.count == count)
                }
            }
        }
    }

    @Test("What is described is what is served: statuses, bodies and media types")
    func bodies() async throws {
        try await withClient(.router) { client in
            let document = try await client.send("GET", "/openapi.json").json()
            let paths = try #require(document["paths"])
            for path in paths.names {
                for method in paths[path]!.names {
                    let responses = paths[path]![method]!["responses"]!
                    let statuses = responses.names
                    #expect(Set(statuses).count == statuses.count)
                    #expect(statuses.contains("403") && statuses.contains("500"))
                }
            }
            func content(_ path: String, _ status: String) -> JSONValue? {
                paths[path]?["get"]?["responses"]?[status]?["content"]
            }
            func reference(_ name: String) -> JSONValue {
                ["schema": ["$ref": .string("#/components/schemas/" + name)]]
            }
            #expect(content("/health", "503")?["application/json"] == reference("Health"))
            #expect(content("/v1/models", "500")?["application/json"] == reference("Error"))
            let delta = content("/v1/sessions/{user}/{name}/delta", "200")
            #expect(delta?.names == ["application/octet-stream", "application/x-tar"])

            let answers = paths["/v1/completions"]?["post"]?["responses"]?["200"]?["content"]
            #expect(answers?["text/event-stream"] == reference("CompletionChunk"))
            let schemas = document["components"]?["schemas"]
            let usage = schemas?["CompletionChunk"]?["properties"]?["usage"]
            #expect(usage?["oneOf"]?.elements.last == ["type": "null"])
            #expect(schemas?["Completion"]?["properties"]?["usage"]?["oneOf"] == nil)

            let foreign = try await client.send(
                "GET", "/health", headers: ["Origin": "https://example.org"])
            #expect(foreign.status == 403)
        }
    }

    private static func collect(_ name: String, in value: JSONValue, into found: inout [String]) {
        switch value {
        case .object(let members):
            for member in members {
                if member.name == name, let text = member.value.text { found.append(text) }
                collect(name, in: member.value, into: &found)
            }
        case .array(let elements):
            for element in elements { collect(name, in: element, into: &found) }
        default: break
        }
    }

    @Test("Health is 200 only when ready", arguments: Transport.allCases)
    func health(transport: Transport) async throws {
        try await withClient(transport) { client in
            let ready = try await client.send("GET", "/health")
            #expect(ready.status == 200)
            #expect(try ready.json()["status"] == "ready")
            client.models.state.withLock { $0.health = .loading }
            let loading = try await client.send("GET", "/health")
            #expect(loading.status == 503)
            #expect(loading.headers["Retry-After"] != nil)
            #expect(try loading.json()["status"] == "loading")
        }
    }

    @Test("Models list the core, whose identity it tells", arguments: Transport.allCases)
    func models(transport: Transport) async throws {
        try await withClient(transport) { client in
            let list = try await client.send("GET", "/v1/models").json()
            #expect(list["object"] == "list")
            #expect(list["data"]?.elements.map { $0["id"] } == ["fake-core"])
            let one = try await client.send("GET", "/v1/models/fake-core").json()
            #expect(one == list["data"]?.elements[0])
            #expect(one["identity"]?["core"] == "c0")
            #expect(try await client.send("GET", "/v1/models/other").status == 404)
        }
    }

    @Test("Metrics count by route, never by user", arguments: Transport.allCases)
    func metrics(transport: Transport) async throws {
        try await withClient(transport) { client in
            for user in ["alice", "bob"] {
                _ = try await client.send("GET", "/v1/sessions/\(user)/default")
            }
            _ = try await client.send("GET", "/secret/path")
            let answer = try await client.send("GET", "/metrics")
            #expect(answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8")
            let lines = Set(answer.text.split(separator: "\n").map(String.init))
            let route = #"{method="GET",route="/v1/sessions/{user}/{name}",status="200""#
            #expect(lines.contains("hebb_http_requests_total\(route)} 2"))
            #expect(lines.contains("hebb_http_request_seconds_bucket\(route),le=\"+Inf\"} 2"))
            #expect(lines.contains("hebb_observed_tokens_total 17"))
            for line in [
                #"hebb_first_token_seconds_bucket{le="0.1"} 0"#,
                #"hebb_first_token_seconds_bucket{le="0.3"} 1"#,
                #"hebb_first_token_seconds_bucket{le="30.0"} 1"#,
                #"hebb_first_token_seconds_bucket{le="+Inf"} 2"#,
                "hebb_first_token_seconds_count 2", "hebb_first_token_seconds_sum 99.2",
                "hebb_inter_token_seconds_count 7", "hebb_queue_seconds_count 0",
                "hebb_pass_batch_size_count 0",
            ] {
                #expect(lines.contains(line), "\(line)")
            }
            #expect(!answer.text.contains("alice") && !answer.text.contains("secret"))
            let names = ["process_resident_memory_bytes", "process_start_time_seconds"]
            for name in names {
                let line = try #require(lines.first { $0.hasPrefix(name + " ") })
                #expect(Double(line.split(separator: " ")[1])! > 1_000_000)
            }
        }
    }
}
