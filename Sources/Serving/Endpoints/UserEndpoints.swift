import Engrams
import Scheduling

/// `/v1/users`: leaving.
struct UserEndpoints: Sendable {
    let models: any PersonalModels
    let keys: KeyRing

    var routes: [Route] {
        [
            Route(
                "DELETE", "/v1/users/{user}",
                Operation(
                    id: "deleteUser", tag: "users",
                    summary:
                        "Delete a user: all sessions, checkpoints, events and keys, off the disk too. "
                        + "There is no way back. Asked again, it answers 404, or 401 to who asks "
                        + "with a key that is gone.",
                    response: .schema("DepartureReceipt"), errors: [404, 429, 503])
            ) { _, path in
                .json(.departure(try await delete(path.user())))
            }
        ]
    }

    private func delete(_ user: UserID) async throws -> DepartureReceipt {
        let outcome: Result<DepartureReceipt, any Error>
        do { outcome = .success(try await models.deleteUser(user)) } catch {
            outcome = .failure(error)
        }
        // Also after a failure: what failed may have been the erasing alone.
        await keys.refresh()
        return try outcome.get()
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
