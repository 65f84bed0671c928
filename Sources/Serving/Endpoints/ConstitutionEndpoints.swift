import Scheduling

/// `/v1/constitution`.
struct ConstitutionEndpoints: Sendable {
    let models: any PersonalModels

    var routes: [Route] {
        [
            Route(
                "GET", "/v1/constitution",
                Operation(
                    id: "getConstitution", tag: "safety",
                    summary: "The sealed rules that are served under, and the files' hashes.",
                    response: .schema("Constitution"))
            ) { _, _ in
                .json(.constitution(models.seal))
            }
        ]
    }
}
