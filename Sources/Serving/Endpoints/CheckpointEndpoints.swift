import Engrams
import Scheduling

/// `checkpoints` of a session: consolidate, list, describe, restore, delete.
struct CheckpointEndpoints: Sendable {
    let models: any PersonalModels

    static let path = SessionEndpoints.path + "/checkpoints"

    var routes: [Route] {
        [
            Route(
                "POST", Self.path,
                Operation(
                    id: "createCheckpoint", tag: "checkpoints",
                    summary: "Consolidate the session's delta into the user's engram.",
                    parameters: [.ifMatch], request: .schema("CreateCheckpoint"),
                    requestIsRequired: false, status: 201, response: .schema("Checkpoint"),
                    errors: [400, 404, 409, 422, 429, 503])
            ) { request, path in
                let fields = try JSONFields(body: request.body, as: "CreateCheckpoint")
                let state = try await models.checkpoint(
                    path.session(), name: fields.string("name"), note: fields.string("note"),
                    ifMatch: request.ifMatch())
                return .json(.checkpoint(state), status: 201)
            },
            Route(
                "GET", Self.path,
                Operation(
                    id: "listCheckpoints", tag: "checkpoints",
                    summary: "The user's checkpoints with their lineage.",
                    parameters: [.limit, .after], response: .list(of: "Checkpoint"),
                    errors: [400, 404])
            ) { request, path in
                let listing = try await models.checkpoints(path.session(), page: request.page())
                return .json(.list(listing) { .checkpoint($0) })
            },
            Route(
                "GET", Self.path + "/{checkpoint}",
                Operation(
                    id: "getCheckpoint", tag: "checkpoints", summary: "One checkpoint.",
                    response: .schema("Checkpoint"), errors: [404, 503])
            ) { _, path in
                .json(
                    .checkpoint(
                        try await models.checkpoint(
                            CheckpointID(rawValue: path["checkpoint"]), of: path.session())))
            },
            Route(
                "PATCH", Self.path + "/{checkpoint}",
                Operation(
                    id: "describeCheckpoint", tag: "checkpoints",
                    summary: "Name a checkpoint, or write a note on it. One with either is kept.",
                    request: .schema("DescribeCheckpoint"), response: .schema("Checkpoint"),
                    errors: [400, 404, 503])
            ) { request, path in
                let fields = try JSONFields(body: request.body, as: "DescribeCheckpoint")
                return .json(
                    .checkpoint(
                        try await models.describeCheckpoint(
                            path.session(), checkpoint: CheckpointID(rawValue: path["checkpoint"]),
                            name: fields.string("name"), note: fields.string("note"))))
            },
            Route(
                "POST", Self.path + "/{checkpoint}/restore",
                Operation(
                    id: "restoreCheckpoint", tag: "checkpoints",
                    summary: "Roll the session back to a checkpoint.", parameters: [.ifMatch],
                    response: .schema("Session"), errors: [400, 404, 409, 422, 429, 503])
            ) { request, path in
                .session(
                    try await models.restore(
                        path.session(), checkpoint: CheckpointID(rawValue: path["checkpoint"]),
                        ifMatch: request.ifMatch()))
            },
            Route(
                "DELETE", Self.path + "/{checkpoint}",
                Operation(
                    id: "deleteCheckpoint", tag: "checkpoints", summary: "Delete a checkpoint.",
                    response: .schema("Deleted"), errors: [404, 409, 503])
            ) { _, path in
                let id = CheckpointID(rawValue: path["checkpoint"])
                try await models.deleteCheckpoint(path.session(), checkpoint: id)
                return .json([
                    "id": .string(id.rawValue), "object": "checkpoint.deleted", "deleted": true,
                ])
            },
        ]
    }
}
