// Takes the Swift client through a scenario: prints the answer of each step, a line of JSON each.

import Foundation
import HebbClient

struct UnknownStep: Error { var name: String }

let arguments = CommandLine.arguments
let scenario = try JSONDecoder().decode(
    JSON.self, from: Data(contentsOf: URL(fileURLWithPath: arguments[2])))
let hebb = Hebb(url: URL(string: arguments[1])!)
var saved: [String: JSON] = ["lesson": scenario.lesson]
var files: [String: Data] = [:]

@MainActor func filled(_ value: JSON) -> JSON {
    switch value {
    case .string(let text) where text.hasPrefix("$"): saved[String(text.dropFirst())] ?? .null
    case .array(let elements): .array(elements.map { filled($0) })
    case .object(let members): .object(members.mapValues { filled($0) })
    default: value
    }
}

func place(_ value: JSON, _ path: String) -> JSON {
    path.split(separator: ".").reduce(value) { inner, name in
        Int(name).map { inner[$0] } ?? inner[String(name)]
    }
}

func options(_ given: JSON, without own: Set<String>) -> [String: JSON] {
    if case .object(let members) = given { members.filter { !own.contains($0.key) } } else { [:] }
}

@MainActor func answer(_ step: JSON) async throws -> JSON {
    let given = filled(step.args)
    let words = filled(step.options)
    let session = hebb.session(scenario.user.string!, step.session.string ?? "default")
    let (first, second) = (given[0], given[1])
    let asking = options(words, without: ["mode", "learn"])
    switch step.do.string! {
    case "hebb.health": return try await hebb.health().json
    case "hebb.models": return .array(try await hebb.models().map(\.json))
    case "hebb.constitution": return try await hebb.constitution().json
    case "hebb.create_session":
        _ = try await hebb.createSession(first.string!, second.string!, from: words.start.string)
        return .null
    case "hebb.sessions":
        return .array(try await hebb.sessions(of: first.string).map(\.json))
    case "hebb.delete_user": return try await hebb.deleteUser(first.string!).json
    case "state": return try await session.state().json
    case "delete":
        try await session.delete()
        return .null
    case "score":
        return try await session.score(
            first.string!, mode: words.mode.string, perToken: words.per_token.bool ?? false
        ).json
    case "observe":
        let (key, revision) = (words.key.string, words.if_match.int)
        if let text = first.string {
            return try await session.observe(text, key: key, ifMatch: revision).json
        }
        let tokens = first.array.compactMap(\.int)
        return tokens.isEmpty
            ? try await session.observe(messages: first.array).json
            : try await session.observe(tokens: tokens).json
    case "feedback":
        guard let id = first.string else { return try await session.feedback(first.array).json }
        return try await session.feedback(id, second.double!).json
    case "complete":
        return try await session.complete(
            first.string!, asking, mode: words.mode.string, learn: words.learn.string
        ).json
    case "stream":
        var text = ""
        var last = JSON.null
        for try await chunk in session.stream(first.string!, asking) {
            text += chunk.choices.map(\.text).joined()
            last = chunk.plasticity
        }
        return ["text": .string(text), "plasticity": last]
    case "features": return try await session.features(top: words.top.int ?? 20).json
    case "safety": return try await session.safety().json
    case "checkpoint": return try await session.checkpoint(first.string).json
    case "describe_checkpoint":
        return try await session.describeCheckpoint(first.string!, note: words.note.string).json
    case "checkpoints": return .array(try await session.checkpoints().map(\.json))
    case "diff": return try await session.diff(first.string!, top: words.top.int ?? 20).json
    case "restore": return try await session.restore(first.string!).json
    case "delete_checkpoint":
        try await session.deleteCheckpoint(first.string!)
        return .null
    case "reset": return try await session.reset(to: first.string!).json
    case "events":
        return .array(try await session.events(text: words.text.bool ?? false).map(\.json))
    case "event": return try await session.event(first.string!).json
    case "forget": return try await session.forget(first.string!).json
    case "export":
        let file = try await session.export(without: words.without.array.compactMap(\.string))
        if let name = step.save_file.string { files[name] = file.data }
        return [
            "name": .string(file.name), "sha256": .string(file.sha256),
            "revision": .int(file.revision), "fidelity": .string(file.fidelity),
            "owners_words": .string(file.ownersWords), "size": .int(file.data.count),
            // Foundation has no SHA-256; the other clients check it.
            "is_whole": .bool(file.sha256.count == 64),
        ]
    case "load":
        let data = step.file.string.flatMap { files[$0] } ?? Data(step.bytes.string!.utf8)
        return try await session.load(data).json
    case "merge":
        return try await session.merge(first.array, mode: words.mode.string ?? "replace").json
    case let name: throw UnknownStep(name: name)
    }
}

for step in scenario.steps.array {
    var found: JSON
    do {
        found = try await answer(step)
    } catch HebbError.refused(let status, let code, let parameter, _, _) {
        found = [
            "error": [
                "status": .int(status), "code": code.map(JSON.string) ?? .null,
                "parameter": parameter.map(JSON.string) ?? .null,
            ]
        ]
    }
    if case .object(let names) = step.save {
        for (name, path) in names { saved[name] = place(found, path.string!) }
    }
    print(String(decoding: try JSONEncoder().encode(found), as: UTF8.self))
}
