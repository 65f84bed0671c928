import Engrams
import Scheduling

/// `merge` of a session: arithmetic on the user's engrams.
struct MergeEndpoints: Sendable {
    let models: any PersonalModels

    var routes: [Route] {
        [
            Route(
                "POST", SessionEndpoints.path + "/merge",
                Operation(
                    id: "merge", tag: "delta",
                    summary: "Put a scaled sum of the user's engrams in the session's place.",
                    parameters: [.ifMatch, .without], request: .schema("Merge"),
                    response: .schema("Session"), errors: [400, 404, 409, 422, 429, 503])
            ) { request, path in
                let id = try path.session()
                let fields = try JSONFields(body: request.body, as: "Merge")
                let result = try await models.merge(
                    id,
                    MergeRequest(
                        terms: try Self.terms(fields, of: id.user),
                        mode: try fields.choice(
                            "mode", of: MergeRequest.Mode.self, allowed: ["replace", "add"])
                            ?? .replace,
                        rescale: try fields.choice(
                            "rescale", of: MergeRescale.self,
                            allowed: MergeRescale.allCases.map(\.rawValue)) ?? .sqrt,
                        without: try request.sites("without").union(fields.sites("without")),
                        ifMatch: request.ifMatch()))
                var answer = JSONValue.session(result.session).with(
                    "event", .string(result.event.rawValue))
                if let fit = result.fit { answer = answer.with("fitted", .fit(fit)) }
                return .json(
                    answer,
                    headers: ["ETag": EntityTag.text(result.session.revision)])
            }
        ]
    }

    private static func terms(
        _ fields: JSONFields, of user: UserID
    ) throws(RequestError) -> [MergeRequest.Term] {
        guard let given = try fields.objects("terms") else { throw .missing(parameter: "terms") }
        let limit = MergeRequest.termsMaximum
        guard (1...limit).contains(given.count) else {
            throw .outOfRange(
                parameter: "terms", found: "\(given.count) terms", allowed: "1 to \(limit)")
        }
        var terms: [MergeRequest.Term] = []
        for term in given { terms.append(try self.term(term, of: user)) }
        return terms
    }

    private static func term(
        _ fields: JSONFields, of user: UserID
    ) throws(RequestError) -> MergeRequest.Term {
        let range = Double(MergeRequest.scaleMaximum)
        let scale = try fields.number("scale", in: -range...range) ?? 1
        guard Float(scale) != 0 else {
            throw .outOfRange(parameter: fields.path("scale"), found: "0", allowed: "not 0")
        }
        let scope = try fields.choice(
            "scope", of: MergeRequest.Scope.self, allowed: ["total", "delta"])
        return MergeRequest.Term(
            try source(fields, of: user), scale: Float(scale), scope: scope ?? .total)
    }

    private static func source(
        _ fields: JSONFields, of user: UserID
    ) throws(RequestError) -> MergeRequest.Term.Source {
        switch (try fields.string("checkpoint"), try fields.string("session")) {
        case (_?, nil): return .checkpoint(try fields.checkpoint("checkpoint"))
        case (nil, let text?):
            let id = text.contains("/") ? SessionID(text) : nil
            // Another user's session is as good as none: names must not be probed.
            guard let name = id?.name ?? SessionName(rawValue: text), id == nil || id?.user == user
            else {
                throw .outOfRange(
                    parameter: fields.path("session"), found: "another text",
                    allowed: "a session of \(user), as its name or as \(user)/name")
            }
            return .session(name)
        case (nil, nil): throw .missing(parameter: fields.path("checkpoint"))
        case (_?, _?):
            throw .unsupported(
                parameter: fields.path("session"), reason: "give a checkpoint or a session")
        }
    }
}
