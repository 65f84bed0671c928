/// One method on one path, with what the OpenAPI document says of it.
struct Route: Sendable {
    typealias Handler = @Sendable (HTTPRequest, PathParameters) async throws -> HTTPResponse

    /// What a route's body may be, which bounds how long it may be.
    enum Body: Sendable {
        /// A few named fields, or nothing.
        case fields
        /// Fields with texts or token ids that a user writes.
        case text
        /// A file, which is no JSON.
        case file
    }

    /// Who may have it, where a server has keys.
    enum Access: Sendable {
        /// Whoever reaches the server: nothing of anybody's is in it.
        case anybody
        /// Whoever has a key; of what has an owner, the owner.
        case user
        case admin
    }

    enum Segment: Sendable, Equatable {
        case literal(String)
        case parameter(String)
    }

    let method: String
    /// E.g. `/v1/sessions/{user}/{name}`.
    let pattern: String
    let segments: [Segment]
    let operation: Operation
    let body: Body
    let access: Access
    /// Whether it is a page for people, which a link on another site may open.
    let opensFromLinks: Bool
    /// Whether it answers while the server drains.
    let tellsOfTheServer: Bool
    let handler: Handler

    init(
        _ method: String, _ pattern: String, _ operation: Operation, body: Body = .fields,
        access: Access = .user, opensFromLinks: Bool = false, tellsOfTheServer: Bool = false,
        handler: @escaping Handler
    ) {
        self.method = method
        self.pattern = pattern
        segments = pattern.split(separator: "/").map { part in
            part.hasPrefix("{")
                ? .parameter(String(part.dropFirst().dropLast())) : .literal("\(part)")
        }
        self.operation = operation
        self.body = body
        self.access = access
        self.opensFromLinks = opensFromLinks
        self.tellsOfTheServer = tellsOfTheServer
        self.handler = handler
    }

    /// The values of the pattern's parameters, or nil where the path is another one.
    ///
    /// - Parameter path: decoded segments.
    func match(_ path: [String]) -> PathParameters? {
        guard path.count == segments.count else { return nil }
        var values: [String: String] = [:]
        for (segment, text) in zip(segments, path) {
            switch segment {
            case .literal(let literal): guard literal == text else { return nil }
            case .parameter(let name): values[name] = text
            }
        }
        return PathParameters(values: values)
    }
}

/// The decoded values of a pattern's parameters.
struct PathParameters: Sendable {
    let values: [String: String]

    /// - Precondition: the route's pattern has this parameter.
    subscript(name: String) -> String { values[name]! }
}
