import Scheduling

/// `safety` of a session.
struct SafetyEndpoints: Sendable {
    let models: any PersonalModels

    var routes: [Route] {
        [
            Route(
                "GET", SessionEndpoints.path + "/safety",
                Operation(
                    id: "getSafety", tag: "safety",
                    summary: "Norms and divergence against their bounds, what the gain is "
                        + "certified to be, and the collapse monitors.",
                    response: .schema("Safety"), errors: [404, 503])
            ) { _, path in
                let report = try await models.safety(path.session())
                return .json(.safety(report), headers: ["ETag": EntityTag.text(report.revision)])
            }
        ]
    }
}
