import Foundation

/// Every operation of the served document, as a request about somebody: what the isolation walk
/// sends. An operation that is not in the table fails the walk: say here how it is asked for
/// another person's, and who may have it.
struct IsolationWalk {
    /// Whose things an operation is about.
    enum Matter {
        /// Nobody's: whoever asks gets the same.
        case nothing
        /// Of anybody with a key, and of nobody in particular.
        case server
        /// A user's, named in the path, the query or the body. Another's is 404.
        case person
        /// As `person`, and a listing: another's is not in it.
        case listing
        /// An admin's: 403 for a user.
        case administration
    }

    struct Step {
        let matter: Matter
        var query = ""
        var body: JSON?
        var file: Data?
        /// Steps that end what others need come later, in this order.
        var turn = 0
    }

    /// Somebody with something to hide.
    struct Target {
        var user: String
        var checkpoint: String
        var event: String
        var key: String
        var completion: String
        var model: String
        var engram: Data
    }

    static func step(_ operation: String, about target: Target) -> Step? {
        let user = JSON.string(target.user)
        switch operation {
        case "health", "openAPI", "frontPage", "getConsoleFile": return Step(matter: .nothing)
        case "listModels", "getModel", "getConstitution": return Step(matter: .server)
        case "metrics": return Step(matter: .administration)
        case "createKey":
            return Step(matter: .administration, body: ["user": user])
        case "changeKey":
            return Step(matter: .administration, body: ["quota": ["requests_per_day": 1000]])
        case "listKeys": return Step(matter: .listing)
        case "getKey": return Step(matter: .person)
        case "listSessions": return Step(matter: .person, query: "?user=\(target.user)")
        case "createSession": return Step(matter: .person, body: ["user": user, "id": "new"])
        case "createCompletion":
            return Step(
                matter: .person,
                body: ["prompt": "The heron", "max_tokens": 2, "user": user])
        case "createChatCompletion":
            return Step(
                matter: .person,
                body: [
                    "messages": [["role": "user", "content": "The heron"]], "max_tokens": 2,
                    "user": user,
                ])
        case "observe": return Step(matter: .person, body: ["text": "The heron stood there."])
        case "score": return Step(matter: .person, body: ["text": "The heron stood there."])
        case "feedback":
            return Step(
                matter: .person, body: ["completion": .string(target.completion), "reward": 1])
        case "createCheckpoint", "resetSession": return Step(matter: .person, body: [:], turn: 1)
        case "describeCheckpoint": return Step(matter: .person, body: ["note": "walked"])
        case "restoreCheckpoint": return Step(matter: .person, body: [:], turn: 2)
        case "diffCheckpoints": return Step(matter: .person, query: "?with=session")
        case "merge":
            return Step(
                matter: .person,
                body: [
                    "terms": [["checkpoint": .string(target.checkpoint), "scale": 1]],
                    "mode": "replace",
                ], turn: 1)
        case "importDelta": return Step(matter: .person, file: target.engram, turn: 1)
        case "forgetEvent": return Step(matter: .person, turn: 3)
        case "deleteCheckpoint": return Step(matter: .person, turn: 4)
        case "deleteSession": return Step(matter: .person, turn: 5)
        case "revokeKey": return Step(matter: .person, turn: 6)
        case "deleteUser": return Step(matter: .person, turn: 7)
        case "getSession", "getSafety", "getFeatures", "listCheckpoints", "getCheckpoint",
            "exportDelta", "listEvents", "getEvent":
            return Step(matter: .person)
        default: return nil
        }
    }

    /// One operation, ready to be sent.
    struct Call {
        let id: String
        let method: String
        let pattern: String
        let step: Step

        func path(about target: Target) -> String {
            [
                "{user}": target.user, "{name}": "default", "{checkpoint}": target.checkpoint,
                "{event}": target.event, "{key}": target.key, "{model}": target.model,
                "{file}": "main.js",
            ].reduce(pattern) { $0.replacingOccurrences(of: $1.key, with: $1.value) } + step.query
        }

        func send(
            _ client: TestClient, about target: Target, key: String?
        ) async throws -> TestClient.Answer {
            var headers: [String: String] = [:]
            if let key { headers["Authorization"] = "Bearer \(key)" }
            let body = try step.file ?? step.body.map { try JSONEncoder().encode($0) }
            return try await client.send(
                method, path(about: target), body: body, headers: headers)
        }
    }

    /// The calls of a document in the order they can be made in, and the operations that the table
    /// does not know.
    static func calls(
        of document: JSON, about target: Target
    ) throws -> (calls: [Call], unknown: [String]) {
        var calls: [Call] = []
        var unknown: [String] = []
        guard case .object(let paths) = try document["paths"] else { return ([], ["paths"]) }
        for (pattern, methods) in paths.sorted(by: { $0.key < $1.key }) {
            guard case .object(let methods) = methods else { continue }
            for (method, operation) in methods.sorted(by: { $0.key < $1.key }) {
                let id = try operation["operationId"].string
                guard let step = step(id, about: target) else {
                    unknown.append("\(method.uppercased()) \(pattern) (\(id))")
                    continue
                }
                calls.append(
                    Call(id: id, method: method.uppercased(), pattern: pattern, step: step))
            }
        }
        return (calls.sorted { $0.step.turn < $1.step.turn }, unknown)
    }
}
