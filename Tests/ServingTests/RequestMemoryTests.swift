import Synchronization
import Testing

@testable import Serving

@Suite("The memory of requests under way")
struct RequestMemoryTests {
    @Test("A budget is never exceeded, and gives back what it took")
    func budget() {
        var random = SystemRandomNumberGenerator()
        var budget = ByteBudget(capacity: 1000)
        var claims = [Int](repeating: 0, count: 8)
        for _ in 0..<10_000 {
            let index = Int.random(in: 0..<8, using: &random)
            let wanted = Int.random(in: 0...600, using: &random)
            let isThere = claims.reduce(0, +) - claims[index] + wanted <= 1000
            // What shrinks is never refused.
            let isTaken = budget.replace(claims[index], by: wanted)
            #expect(isTaken == (isThere || wanted <= claims[index]))
            if isTaken { claims[index] = wanted }
            #expect(budget.used == claims.reduce(0, +))
        }
        let before = budget
        let isTaken = budget.replace(0, by: .max)
        #expect(!isTaken && budget == before)
    }

    @Test("Small requests are served from a full budget; others when one has ended")
    func claims() throws {
        let memory = RequestMemory(capacity: 1_000_000)
        func claim() -> RequestMemory.Claim { RequestMemory.Claim(on: memory) }
        let allowance = RequestMemory.allowanceBytes
        var large: RequestMemory.Claim? = claim()
        try large?.set(.body, to: 900_000 + allowance)
        #expect(memory.claimedBytes == 900_000)
        let small = claim()
        try small.set(.body, to: allowance)
        #expect(memory.claimedBytes == 900_000)
        #expect(throws: RequestError.memoryBusy) { try small.set(.document, to: 100_001) }
        try small.set(.document, to: 100_000)
        #expect(throws: RequestError.memoryBusy) { try claim().expect(allowance + 1) }
        try claim().expect(allowance)
        #expect(throws: RequestError.bodyTooCostly(bytes: 2_000_000, limit: 1_000_000)) {
            try small.set(.answer, to: 2_000_000)
        }
        large = nil
        #expect(memory.claimedBytes == 100_000)
        try small.set(.document, to: 0)
        try small.set(.answer, to: 1_000_000)
        #expect(memory.claimedBytes == 1_000_000)
    }

    @Test("What the system cannot give is refused, and nothing is claimed")
    func notThere() {
        // No machine has so much address space.
        let memory = RequestMemory(capacity: .max)
        let claim = RequestMemory.Claim(on: memory)
        #expect(throws: RequestError.memoryBusy) { try claim.set(.body, to: 1 << 60) }
        #expect(memory.claimedBytes == 0)
    }

    @Test(
        "Reading JSON takes no more memory than is claimed for it",
        arguments: [
            ("[1],", 400_000), ("1,", 900_000), ("[],", 500_000), (#"{"a":1},"#, 200_000),
            (#"{"a":{"b":"c"}},"#, 100_000), (#""\u0061bcdefghijklmnopqrstuvwxyz","#, 200_000),
            (#""a,b,[{:,,\",,,","#, 200_000),
        ])
    func document(piece: String, count: Int) throws {
        let body = Array(
            ("[" + String(repeating: piece, count: count) + "0]").utf8)
        let bound = JSONParser.memoryBound(of: body)
        let before = ProcessFigures.current.residentBytes
        let document = try JSONParser.parse(body)
        let taken = ProcessFigures.current.residentBytes - before
        #expect(document.elements.count == count + 1)
        // Tests beside this one allocate too: the documents are large enough for a margin.
        #expect(taken <= bound + 16 << 20, "\(taken) of \(bound)")
        #expect(bound < 100 * body.count)
    }

    @Test("Prose with commas and braces costs what its bytes cost")
    func prose() {
        let text = String(repeating: #"one, two: {three} [four] \" "#, count: 1000)
        let body = Array(#"{"text":"\#(text)"}"#.utf8)
        #expect(JSONParser.memoryBound(of: body) < 2 * body.count + 2000)
    }

    @Test("Bodies that do not come to their end take no more than the budget")
    func unfinishedBodies() async throws {
        let configuration = ServerConfiguration(
            port: 0, maximumBodyBytes: 1 << 20, requestMemoryBytes: 2 << 20)
        try await withClient(.socket, configuration: configuration) { client in
            let (port, memory) = (client.port!, client.application.memory)
            let head = "PUT /v1/sessions/alice/default/delta HTTP/1.1\r\nHost: localhost\r\n"
            let length = "Content-Length: 1000000\r\n\r\n"
            let sockets = Sockets(count: 12, port: port)
            // One holds so much that none beside it can grow to its end; half of these have begun.
            try await blocking {
                for index in 0..<7 {
                    sockets.send(head + length + String(repeating: "x", count: 10_000), on: index)
                }
                sockets.send(String(repeating: "x", count: 890_000), on: 0)
            }
            #expect(try await eventually { memory.claimedBytes > 800_000 })
            try await blocking {
                for index in 1..<12 {
                    if index >= 7 { sockets.send(head + length, on: index) }
                    let rest = index < 7 ? 990_000 : 1_000_000
                    sockets.send(String(repeating: "x", count: rest), on: index)
                    let answer = String(decoding: sockets.receive(on: index), as: UTF8.self)
                    #expect(answer.hasPrefix("HTTP/1.1 503 "), "\(index)")
                    #expect(answer.contains("memory_busy"))
                    #expect(answer.contains("Retry-After: "))
                    #expect(memory.claimedBytes <= 2 << 20)
                }
                sockets.send(String(repeating: "x", count: 100_000), on: 0)
                let answer = String(decoding: sockets.receive(on: 0), as: UTF8.self)
                #expect(answer.hasPrefix("HTTP/1.1 ") && !answer.contains("memory_busy"))
            }
            #expect(try await eventually { memory.claimedBytes == 0 })
        }
    }

    @Test("Answers that would be too large are refused before anything is computed")
    func answers() async throws {
        try await withClient(.router) { client in
            let prompts = Array(repeating: "\"a\"", count: 64).joined(separator: ",")
            for (fields, status) in [
                (#""n":16,"max_tokens":500,"logprobs":20"#, 413), (#""n":16,"max_tokens":9"#, 200),
                (#""n":1,"max_tokens":5,"logprobs":2"#, 200),
            ] {
                let answer = try await client.send(
                    "POST", "/v1/completions", body: #"{"prompt":[\#(prompts)],\#(fields)}"#)
                #expect(answer.status == status)
                #expect(client.models.state.withLock { $0.started == 0 } == (status == 413))
            }
        }
    }

    @Test("A route that takes no file takes no body of a file's size")
    func routes() async throws {
        try await withClient(.socket) { client in
            let port = client.port!
            let alice = "/v1/sessions/alice/default"
            for (method, path, limit) in [
                ("POST", alice + "/reset", 65_536), ("GET", alice, 65_536),
                ("DELETE", alice, 65_536), ("POST", alice + "/merge", 65_536),
                ("POST", alice + "/observe", 8 << 20), ("POST", "/v1/completions", 8 << 20),
                ("PUT", alice + "/delta", 16 << 20),
            ] {
                let status = try await blocking {
                    let socket = RawSocket(port: port)
                    // More than twice the limit is answered before it comes.
                    socket.send(
                        "\(method) \(path) HTTP/1.1\r\nHost: localhost\r\n"
                            + "Content-Length: \(2 * limit + 1)\r\n\r\n")
                    return try TestResponse(parsing: socket.receiveToEnd())
                }
                #expect(status.status == 413, "\(path)")
                #expect(status.text.contains("\(limit) bytes"), "\(path): \(status.text)")
            }
        }
    }
}
