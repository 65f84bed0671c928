import Engrams
import Scheduling

/// `/v1/keys`: who may use the server. Admins see, make, change and revoke all keys; a user's key
/// sees those of its user, and can revoke them: who finds a key lost need not find an admin.
struct KeyEndpoints: Sendable {
    let keys: KeyRing

    private static let path = "/v1/keys/{key}"

    var routes: [Route] {
        [
            Route(
                "POST", "/v1/keys",
                Operation(
                    id: "createKey", tag: "keys",
                    summary:
                        "Make a key. Its text is in this answer and never again. The first one "
                        + "must be an admin's; from then on every request needs one.",
                    request: .schema("CreateKey"), status: 201, response: .schema("NewKey"),
                    errors: [400, 409, 503]), access: .admin
            ) { request, _ in try await create(request) },
            Route(
                "GET", "/v1/keys",
                Operation(
                    id: "listKeys", tag: "keys",
                    summary: "The keys there are, without their texts: all, or a user's own.",
                    parameters: [.user, .limit, .after], response: .list(of: "Key"),
                    errors: [400, 404])
            ) { request, _ in try list(request) },
            Route(
                "GET", Self.path,
                Operation(
                    id: "getKey", tag: "keys", summary: "A key, with what it has used.",
                    response: .schema("Key"), errors: [404])
            ) { _, path in .json(json(try find(path["key"]))) },
            Route(
                "PATCH", Self.path,
                Operation(
                    id: "changeKey", tag: "keys",
                    summary: "Give a key another quota, or another default of learning.",
                    request: .schema("ChangeKey"), response: .schema("Key"),
                    errors: [400, 404, 503]), access: .admin
            ) { request, path in try await change(request, try find(path["key"])) },
            Route(
                "DELETE", Self.path,
                Operation(
                    id: "revokeKey", tag: "keys",
                    summary: "Revoke a key, from the next request on.",
                    response: .schema("Deleted"), errors: [404, 409, 503])
            ) { _, path in
                let id = try find(path["key"]).id
                try await keys.revoke(id)
                return .json(["id": .string(id), "object": "key.deleted", "deleted": true])
            },
        ]
    }

    private func create(_ request: HTTPRequest) async throws -> HTTPResponse {
        let fields = try JSONFields(body: request.body, as: "CreateKey")
        guard let user = try fields.user("user") else {
            throw RequestError.missing(parameter: "user")
        }
        request.trace.user = user
        let role = try fields.choice(
            "role", of: AccessKey.Role.self, allowed: AccessKey.Role.allCases.map(\.rawValue))
        let (key, text) = try await keys.add(
            for: user, role: role ?? .user, quota: try Self.quota(fields) ?? Quota(),
            learn: try fields.learnMode("learn"))
        return .json(
            json(key).with("key", .string(text)), status: 201,
            headers: ["Cache-Control": "no-store", "Location": "/v1/keys/\(key.id)"])
    }

    private func list(_ request: HTTPRequest) throws -> HTTPResponse {
        let page = try request.page()
        var found = keys.keys.filter { RequestContext.current.mayAct(for: $0.user) }
        if let text = request.queryValue("user") {
            found.removeAll { $0.user.rawValue != text }
        }
        if let after = page.after {
            guard let index = found.firstIndex(where: { $0.id == after }) else {
                throw ServiceError.keyNotFound(after)
            }
            found.removeFirst(index + 1)
        }
        let listing = Listing(
            items: Array(found.prefix(page.limit)), hasMore: found.count > page.limit)
        return .json(.list(listing) { json($0) })
    }

    private func change(_ request: HTTPRequest, _ key: AccessKey) async throws -> HTTPResponse {
        let fields = try JSONFields(body: request.body, as: "ChangeKey")
        let given = (quota: try Self.quota(fields), learn: try fields.learnMode("learn"))
        return .json(
            json(
                try await keys.change(key.id) { quota, learn in
                    quota = given.quota ?? quota
                    learn = given.learn ?? learn
                }))
    }

    /// Another person's key is not there.
    private func find(_ id: String) throws(ServiceError) -> AccessKey {
        guard let key = keys.keys.first(where: { $0.id == id }),
            RequestContext.current.mayAct(for: key.user)
        else { throw .keyNotFound(id) }
        return key
    }

    private static func quota(_ fields: JSONFields) throws(RequestError) -> Quota? {
        guard let object = try fields.object("quota") else { return nil }
        var limits: [Quota.Limit: Int] = [:]
        for limit in Quota.Limit.allCases {
            limits[limit] = try object.integer(limit.rawValue, in: Quota.allowed)
        }
        return Quota(limits)
    }

    private func json(_ key: AccessKey) -> JSONValue {
        let used = keys.used(of: key.id) ?? [:]
        func limits(_ amount: (Quota.Limit) -> Int?) -> JSONValue {
            .object(
                Quota.Limit.allCases.compactMap { limit in
                    amount(limit).map { .init(name: limit.rawValue, value: .integer($0)) }
                })
        }
        return [
            "id": .string(key.id), "object": "key", "user": .string(key.user.rawValue),
            "role": .string(key.role.rawValue), "quota": limits { key.quota[$0] },
            "used": limits { used[$0] }, "learn": .optional(key.learn?.rawValue),
            "created": .string(RFC3339.text(key.created)),
            "last_used": .optional(key.lastUsed.map(RFC3339.text)),
        ]
    }
}
