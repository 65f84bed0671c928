import Foundation
import Testing

/// Reads write nothing: every one that the server says it has, on an empty data folder.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct ReadTests {
    private func files(_ folder: TemporaryFolder) throws -> [String: Data] {
        var files: [String: Data] = [:]
        for name in try FileManager.default.contentsOfDirectory(atPath: folder.path) {
            // SQLite's index of its log, in shared memory: who reads marks his place in it.
            guard !name.hasSuffix("-shm") else { continue }
            files[name] = try Data(contentsOf: folder.url.appendingPathComponent(name))
        }
        return files
    }

    @Test("No GET, no score and no completion that learns nothing changes a byte on disk")
    func readsWriteNothing() async throws {
        let data = try TemporaryFolder()
        let server = try await ServerProcess(data: data)
        let client = server.client
        let before = try files(data)
        guard case .object(let paths) = try await client.get("/openapi.json")["paths"] else {
            throw TestFailure("no paths")
        }
        var walked = 0
        for (pattern, operations) in paths {
            guard case .object(let methods) = operations, methods["get"] != nil else { continue }
            for user in ["alice", "anonymous"] {
                var path = pattern
                for (name, value) in [
                    ("user", user), ("name", "default"), ("checkpoint", "ckpt-1"),
                    ("event", "evt-1"), ("model", "folio-5m"), ("id", "folio-5m"),
                    ("file", "app.js"), ("key", "key-1"),
                ] { path = path.replacingOccurrences(of: "{\(name)}", with: value) }
                #expect(!path.contains("{"), "what is \(path)?")
                let queries =
                    path.hasSuffix("/delta")
                    ? ["", "?scope=session", "?scope=user", "?bits=8", "?format=peft&partial=true"]
                    : ["", "?with=session", "?text=true"]
                for query in queries {
                    let answer = try await client.get(path + query)
                    #expect(answer.status < 500, "\(path): \(answer.text)")
                    walked += 1
                }
            }
        }
        #expect(walked > 50)
        let session = try await client.get("/v1/sessions/alice/default")
        #expect(session.status == 200)
        #expect(try session["revision"] == 0)
        #expect(try await client.score("alice/default", "The tarn is full.").frozen > 0)
        for mode in ["adapted", "frozen", "compare"] {
            for fields in [["plasticity": ["mode": .string(mode)]], [:]] as [[String: JSON]] {
                let request = JSON.object(
                    fields.merging(["user": "alice", "prompt": "The tarn", "max_tokens": 3]) { $1 })
                let answer = try await client.post("/v1/completions", request)
                #expect(answer.status == 200, "\(answer.text)")
            }
        }
        #expect(try await client.get("/v1/sessions")["data"].array.isEmpty)
        let after = try files(data)
        #expect(after.keys == before.keys)
        for (name, bytes) in after { #expect(bytes == before[name], "\(name) has changed") }

        // The first to learn makes it, at the revision that was read.
        let tag = try #require(session.headers["etag"])
        let learned = try await client.post(
            "/v1/sessions/alice/default/observe", ["text": "The tarn is full."],
            headers: ["If-Match": tag])
        #expect(learned.status == 200, "\(learned.text)")
        #expect(try await client.get("/v1/sessions")["data"].array.count == 1)
    }
}
