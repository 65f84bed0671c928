import Foundation

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// Takes a history's steps on one server, each exactly once even when the server dies on the way.
///
/// A lesson is repeated under its idempotency key; every other step says by `If-Match` from which
/// revision it starts, so that a repetition after an unheard answer is refused with 409 and the
/// revision has moved by one.
struct Walker: Sendable {
    var history: History
    /// How many steps are known to be done.
    private(set) var done = 0
    /// Whether the answer to the next step was lost.
    private(set) var isUnsure = false
    /// What the server called what a step made: an event or a checkpoint.
    private(set) var names: [Int: String] = [:]
    /// The status of steps that were refused; another server must refuse the same ones.
    private(set) var refusals: [Int: Int] = [:]
    private var revisions: [String: Double] = [:]
    /// Whose revisions are not certain.
    private var staleSessions: Set<String> = []

    init(_ history: History) { self.history = history }

    /// The steps so far, for the report of a failure.
    var log: String {
        "\(history.user):\n" + history.steps.map { "  \($0)" }.joined(separator: "\n")
    }

    private func path(_ session: String) -> String { "/v1/sessions/\(history.user)/\(session)" }

    /// Makes the sessions, where they are not there.
    mutating func begin(on client: TestClient) async throws {
        for session in History.sessions {
            let made = try await client.post(
                "/v1/sessions", ["user": .string(history.user), "id": .string(session)])
            guard made.status == 201 || made.status == 409 else {
                throw TestFailure("\(history.user) could not begin: \(made.text)")
            }
            revisions[session] = try await client.get(path(session))["revision"].number
        }
    }

    /// Takes the next step.
    /// - Throws: What the connection throws when the server dies; the step is then unsure.
    mutating func advance(on client: TestClient) async throws {
        let step = history.step(done)
        let wasUnsure = isUnsure
        isUnsure = true
        for session in staleSessions {
            revisions[session] = try await client.get(path(session))["revision"].number
        }
        staleSessions = []
        let answer = try await send(step, to: client)
        switch answer.status {
        case 200..<300:
            names[step.number] = try name(of: step, in: answer)
            staleSessions = Set(History.sessions)
        case 409 where wasUnsure && step.isGuarded:
            try await recover(step, from: answer, on: client)
        case 404, 409, 422:
            refusals[step.number] = answer.status
        default:
            throw TestFailure("\(history.user) \(step): \(answer.status) \(answer.text)")
        }
        isUnsure = false
        done += 1
    }

    private func send(
        _ step: History.Step, to client: TestClient
    ) async throws -> TestClient.Answer {
        let path = path(step.session)
        let match = ["If-Match": "\"\(Int(revisions[step.session] ?? 0))\""]
        switch step.action {
        case .observe(let text):
            return try await client.post(
                "\(path)/observe", ["text": .string(text)],
                headers: ["Idempotency-Key": "step-\(step.number)"])
        case .checkpoint:
            return try await client.post(
                "\(path)/checkpoints", ["name": .string("step \(step.number)")], headers: match)
        case .merge(let scale):
            let other = History.sessions.first { $0 != step.session } ?? ""
            return try await client.post(
                "\(path)/merge",
                [
                    "mode": "add",
                    "terms": [["session": .string(other), "scale": .number(scale)]],
                ], headers: match)
        case .restore(let made):
            return try await client.send(
                "POST", "\(path)/checkpoints/\(names[made] ?? "ckpt-none")/restore",
                headers: match)
        case .reset:
            return try await client.post("\(path)/reset", ["to": "head"], headers: match)
        case .forget(let taught):
            let session = history.steps[taught].session
            return try await client.send(
                "DELETE", "\(self.path(session))/events/\(names[taught] ?? "evt-none")")
        }
    }

    private func name(of step: History.Step, in answer: TestClient.Answer) throws -> String? {
        switch step.action {
        case .observe: try answer["event"].string
        case .checkpoint: try answer["id"].string
        default: nil
        }
    }

    /// A guarded step whose answer was lost and whose repetition is refused: it was done if the
    /// revision moved by one.
    private mutating func recover(
        _ step: History.Step, from answer: TestClient.Answer, on client: TestClient
    ) async throws {
        let revision = try await client.get(path(step.session))["revision"].number
        let before = revisions[step.session] ?? 0
        guard revision == before + 1 else {
            if revision == before {
                refusals[step.number] = answer.status
                return
            }
            throw TestFailure(
                "\(history.user) \(step): revision \(before) became \(revision) by half a step")
        }
        if step.action == .checkpoint {
            let listed = try await client.get("\(path(step.session))/checkpoints?limit=1000")
            let wanted = JSON.string("step \(step.number)")
            names[step.number] = try listed["data"].array
                .first { try $0["name"] == wanted }.map { try $0["id"].string }
        }
        staleSessions = Set(History.sessions)
    }

    /// Everything that can be seen of the user's engrams: the hash of each session's export, and
    /// of each checkpoint in the order they were made.
    func hashes(on client: TestClient) async throws -> [String: String] {
        var hashes: [String: String] = [:]
        for session in History.sessions {
            let exported = try await client.get("\(path(session))/delta?scope=total")
            hashes[session] = exported.headers["x-content-sha256"]
            guard exported.status == 200, hashes[session] != nil else {
                throw TestFailure("\(history.user)/\(session): \(exported.text)")
            }
        }
        var after = ""
        repeat {
            let listed = try await client.get(
                "\(path("default"))/checkpoints?limit=100\(after)")
            for checkpoint in try listed["data"].array {
                hashes["checkpoint \(hashes.count)"] = try checkpoint["hash"].string
                after = "&after=\(try checkpoint["id"].string)"
            }
            guard try listed["has_more"] == true else { break }
        } while true
        return hashes
    }

    /// Lessons whose event the server lists, of all that were acknowledged.
    func missingEvents(on client: TestClient) async throws -> [String] {
        var listed: Set<String> = []
        for session in History.sessions {
            var after = ""
            while true {
                let page = try await client.get("\(path(session))/events?limit=100\(after)")
                guard page.status == 200 else {
                    throw TestFailure("events of \(history.user): \(page.text)")
                }
                for event in try page["data"].array {
                    let id = try event["id"].string
                    guard listed.insert(id).inserted else {
                        throw TestFailure("\(history.user): event \(id) is there twice")
                    }
                    after = "&after=\(id)"
                }
                guard try page["has_more"] == true else { break }
            }
        }
        return names.values.filter { $0.hasPrefix("evt-") && !listed.contains($0) }
    }
}

extension History.Step {
    /// Whether it is sent with `If-Match`.
    fileprivate var isGuarded: Bool {
        switch action {
        case .observe, .forget: false
        default: true
        }
    }
}
