import Engrams
import Scheduling

/// `/v1/users`: leaving.
struct UserEndpoints: Sendable {
    let models: any PersonalModels

    var routes: [Route] {
        [
            Route(
                "DELETE", "/v1/users/{user}",
                Operation(
                    id: "deleteUser", tag: "users",
                    summary:
                        "Delete a user: all sessions, checkpoints and events, off the disk too. "
                        + "There is no way back. Asked again, it answers 404.",
                    response: .schema("DepartureReceipt"), errors: [404, 429, 503])
            ) { _, path in
                .json(.departure(try await models.deleteUser(path.user())))
            }
        ]
    }
}

extension JSONValue {
    fileprivate static func departure(_ receipt: DepartureReceipt) -> JSONValue {
        [
            "id": .string(receipt.user.rawValue), "object": "user.deleted", "deleted": true,
            "time": .string(RFC3339.text(receipt.deleted)),
            "sessions": .integer(receipt.sessions), "checkpoints": .integer(receipt.checkpoints),
            "events": .integer(receipt.events), "bytes": .integer(receipt.bytes),
            // Else it had thrown.
            "erased": true,
        ]
    }
}
