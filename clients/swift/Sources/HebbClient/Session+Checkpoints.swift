import Foundation

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

extension Session {
    /// Keeps what was learned as the person's own.
    public func checkpoint(
        _ name: String? = nil, note: String? = nil, ifMatch: Int? = nil
    ) async throws -> Checkpoint {
        let json = JSON.object(given: [
            "name": name.map(JSON.string), "note": note.map(JSON.string),
        ])
        return Checkpoint(
            json: try await send("POST", "/checkpoints", json, ifMatch: ifMatch, repeats: false))
    }

    public func checkpoints() async throws -> [Checkpoint] {
        try await transport.list(path + "/checkpoints").map(Checkpoint.init)
    }

    public func describeCheckpoint(
        _ id: String, name: String? = nil, note: String? = nil
    ) async throws -> Checkpoint {
        let json = JSON.object(given: [
            "name": name.map(JSON.string), "note": note.map(JSON.string),
        ])
        return Checkpoint(json: try await send("PATCH", at(id), json))
    }

    public func restore(_ checkpoint: String, ifMatch: Int? = nil) async throws -> SessionState {
        SessionState(
            json: try await send(
                "POST", at(checkpoint) + "/restore", ifMatch: ifMatch, repeats: false))
    }

    public func deleteCheckpoint(_ id: String) async throws {
        _ = try await send("DELETE", at(id), repeats: false)
    }

    /// What changed from a checkpoint to another, to `session` or to `frozen`.
    public func diff(
        _ checkpoint: String, with other: String = "session", top: Int = 20
    ) async throws -> Report {
        Report(json: try await get(at(checkpoint) + "/diff", [("with", other), ("top", "\(top)")]))
    }

    /// Drops what came since the head, or goes to `frozen` or a checkpoint.
    public func reset(to target: String = "head", ifMatch: Int? = nil) async throws
        -> SessionState
    {
        let json: JSON = ["to": .string(target)]
        return SessionState(
            json: try await send("POST", "/reset", json, ifMatch: ifMatch, repeats: false))
    }

    // MARK: files

    /// What was learned as a file.
    public func export(
        scope: String = "total", format: String = "engram", bits: Int? = nil,
        partial: Bool = false, without: [String] = []
    ) async throws -> Export {
        let query: [(String, String?)] = [
            ("scope", scope), ("format", format), ("bits", bits.map { "\($0)" }),
            ("partial", partial ? "true" : nil),
            ("without", without.isEmpty ? nil : without.joined(separator: ",")),
        ]
        let (data, head) = try await transport.response(
            Call(method: "GET", path: path + "/delta", query: query))
        func header(_ name: String) -> String { head.value(forHTTPHeaderField: name) ?? "" }
        let name = header("Content-Disposition").split(separator: "\"")
        return Export(
            data: data, name: name.count > 1 ? String(name[1]) : "delta.engram",
            sha256: header("X-Content-SHA256"),
            revision: Int(header("ETag").filter { $0 != "\"" }) ?? 0,
            fidelity: header("X-Fidelity"), ownersWords: header("X-Owners-Words"))
    }

    /// Puts a file in the session's place: an engram, or a tar of a PEFT LoRA.
    public func load(
        _ data: Data, force: Bool = false, ifMatch: Int? = nil
    ) async throws -> SessionState {
        SessionState(
            json: try await send(
                "PUT", "/delta", body: data, query: [("force", force ? "true" : nil)],
                ifMatch: ifMatch, repeats: false))
    }

    /// Puts a scaled sum of checkpoints and sessions in the session's place, or adds it (`add`).
    public func merge(
        _ terms: [JSON], mode: String = "replace", without: [String] = [], ifMatch: Int? = nil
    ) async throws -> Report {
        let json: JSON = ["terms": .array(terms), "mode": .string(mode)]
        let left = without.isEmpty ? nil : without.joined(separator: ",")
        return Report(
            json: try await send(
                "POST", "/merge", json, query: [("without", left)], ifMatch: ifMatch,
                repeats: false))
    }

    private func at(_ checkpoint: String) -> String {
        "/checkpoints/\(Transport.escaped(checkpoint))"
    }
}
