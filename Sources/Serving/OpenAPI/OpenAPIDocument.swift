/// The OpenAPI 3.1 description of a set of routes. It is made from the very routes that answer, so
/// that it lists exactly what is there.
enum OpenAPIDocument {
    static func make(routes: [Route]) -> JSONValue {
        var paths: [JSONValue.Member] = []
        for route in routes {
            let member = JSONValue.Member(
                name: route.method.lowercased(), value: operation(of: route))
            if let index = paths.firstIndex(where: { $0.name == route.pattern }),
                case .object(let members) = paths[index].value
            {
                paths[index].value = .object(members + [member])
            } else {
                paths.append(.init(name: route.pattern, value: .object([member])))
            }
        }
        return [
            "openapi": "3.1.0",
            "info": [
                "title": "Hebb", "version": "0.1.0", "license": ["name": "Apache-2.0"],
                "description":
                    "An inference server whose model learns per user. OpenAI's API, and sessions.",
            ],
            "paths": .object(paths),
            "components": [
                "schemas": OpenAPISchemas.all,
                "securitySchemes": [
                    "key": [
                        "type": "http", "scheme": "bearer",
                        "description":
                            "An API key. A server that has none needs none, on its own machine.",
                    ]
                ],
            ],
        ]
    }

    private static func operation(of route: Route) -> JSONValue {
        let operation = route.operation
        var responses: [JSONValue.Member] = [
            .init(
                name: String(operation.status),
                value: .object(compact: [
                    "description": "Done.", "content": content(operation.response),
                ]))
        ]
        // Any caller may be turned away, for its manners or for want of room, and anything may
        // break.
        let perhaps = route.access == .anybody ? [] : [401, 429]
        for status in Set(operation.errors + perhaps).union([400, 403, 413, 500, 503, 504]).sorted()
        {
            responses.append(
                .init(
                    name: String(status),
                    value: [
                        "description": .string(meaning(of: status)),
                        "content": content(
                            operation.errorBodies[status] ?? .schema("Error")) ?? [:],
                    ]))
        }
        let parameters = pathParameters(of: route) + operation.parameters.map(parameter)
        // Where there are no keys, none is needed.
        let security: JSONValue = route.access == .anybody ? [] : [["key": []], [:]]
        return .object(compact: [
            "operationId": .string(operation.id),
            "tags": [.string(operation.tag)],
            "summary": .string(operation.summary),
            "description": route.access == .admin ? "With keys: an admin's." : nil,
            "security": security,
            "parameters": parameters.isEmpty ? nil : .array(parameters),
            "requestBody": content(operation.request).map {
                ["required": .bool(operation.requestIsRequired), "content": $0]
            },
            "responses": .object(responses),
        ])
    }

    private static func pathParameters(of route: Route) -> [JSONValue] {
        route.segments.compactMap { segment in
            guard case .parameter(let name) = segment else { return nil }
            return [
                "name": .string(name), "in": "path", "required": true,
                "schema": ["type": "string"],
            ]
        }
    }

    private static func parameter(_ parameter: Operation.Parameter) -> JSONValue {
        [
            "name": .string(parameter.name), "in": .string(parameter.location),
            "description": .string(parameter.description), "schema": parameter.schema,
        ]
    }

    private static func content(_ content: Operation.Content) -> JSONValue? {
        switch content {
        case .schema(let name): ["application/json": ["schema": reference(name)]]
        case .list(let name): ["application/json": ["schema": list(of: name)]]
        case .files(let mediaTypes):
            .object(
                mediaTypes.map { .init(name: $0, value: ["schema": ["type": "string"]]) })
        case .text(let mediaType):
            .object([.init(name: mediaType, value: ["schema": ["type": "string"]])])
        case .schemaOrEvents(let name, let events):
            [
                "application/json": ["schema": reference(name)],
                "text/event-stream": ["schema": reference(events)],
            ]
        case .none: nil
        }
    }

    private static func list(of name: String) -> JSONValue {
        [
            "type": "object", "required": ["object", "data", "has_more"],
            "properties": [
                "object": ["const": "list"],
                "data": ["type": "array", "items": reference(name)],
                "has_more": ["type": "boolean"],
            ],
        ]
    }

    private static func reference(_ name: String) -> JSONValue {
        ["$ref": .string("#/components/schemas/\(name)")]
    }

    private static func meaning(of status: Int) -> String {
        switch status {
        case 304: "What the client has is what is there."
        case 400: "Malformed; the error names the parameter."
        case 401: "No key, or one that is none of this server's."
        case 403:
            "A caller on another machine or a page of another site or port, where that is not "
                + "allowed; or what needs an admin's key."
        case 404: "Not there, or somebody else's."
        case 409: "In conflict with what is there, e.g. another revision."
        case 413: "Larger than allowed."
        case 422: "Understood but refused; nothing changed."
        case 429:
            "The queue is full or the key's quota used up, see Retry-After; or the user has no more "
                + "sessions to make."
        case 504: "Not done within X-Request-Timeout."
        case 503:
            "Loading, shutting down, out of memory for requests, or unable to store; see "
                + "Retry-After."
        default: "The server failed."
        }
    }
}
