import Engrams
import Scheduling

/// A session's revision as an HTTP entity tag, e.g. `"12"`.
enum EntityTag {
    static func text(_ revision: Revision) -> String { "\"\(revision.rawValue)\"" }
}

extension HTTPRequest {
    /// The revision that `If-Match` asks for; nil for none and for `*`. A bare number is taken too.
    func ifMatch() throws(RequestError) -> Revision? {
        guard let text = headers["If-Match"], text != "*" else { return nil }
        let bare =
            text.hasPrefix("\"") && text.hasSuffix("\"") && text.count > 2
            ? String(text.dropFirst().dropLast()) : text
        guard let number = UInt64(bare), !bare.hasPrefix("+") else {
            throw .invalidHeader(
                name: "If-Match", reason: "expected one revision as an ETag gives it, e.g. \"12\"")
        }
        return Revision(rawValue: number)
    }

    func idempotencyKey() throws(RequestError) -> String? {
        guard let key = headers["Idempotency-Key"] else { return nil }
        // Of bytes that are no text all look the same here, and of two keys one would be lost.
        guard (1...255).contains(key.utf8.count),
            key.utf8.allSatisfy({ (0x20...0x7E).contains($0) }),
            headers.fields.count(where: { $0.name.lowercased() == "idempotency-key" }) == 1
        else {
            throw .invalidHeader(
                name: "Idempotency-Key",
                reason: "expected one, of 1 to 255 printable ASCII characters")
        }
        return key
    }

    /// A query parameter that is true or false; absent: false.
    func flag(_ name: String) throws(RequestError) -> Bool {
        switch queryValue(name) {
        case nil, "false": return false
        case "true": return true
        default:
            throw .outOfRange(
                parameter: name, found: "another word", allowed: "true or false")
        }
    }

    /// Refuses a query parameter that is nearly one of the operation's: the answer would be to
    /// another question than was asked. Any other is let pass, as servers do.
    func refuseMisspelledQuery(of operation: Operation) throws(RequestError) {
        let known = operation.parameters.filter { $0.location == "query" }.map(\.name)
        for (name, _) in query where !known.contains(name) {
            guard let nearest = NearName.nearest(to: name, among: known) else { continue }
            throw .unknown(parameter: name, nearest: nearest, known: known)
        }
    }

    /// A query parameter that lists sites, with commas between them.
    func sites(_ name: String) throws(RequestError) -> Set<PlasticSite> {
        try PlasticSite.list(queryValue(name) ?? "", parameter: name)
    }

    func page() throws(RequestError) -> Page {
        var page = Page()
        if let text = queryValue("limit") {
            guard let limit = Int(text), (1...1000).contains(limit) else {
                throw .outOfRange(parameter: "limit", found: "another value", allowed: "1 to 1000")
            }
            page.limit = limit
        }
        page.after = queryValue("after")
        return page
    }
}

extension PlasticSite {
    /// The sites of a text with commas.
    fileprivate static func list(
        _ text: String, parameter: String
    ) throws(RequestError) -> Set<PlasticSite> {
        var sites: Set<PlasticSite> = []
        for name in text.split(separator: ",") {
            guard let site = PlasticSite(rawValue: String(name)) else {
                throw .outOfRange(
                    parameter: parameter, found: "another word",
                    allowed: allCases.map(\.rawValue).joined(separator: ", "))
            }
            sites.insert(site)
        }
        return sites
    }
}

extension PathParameters {
    func user() throws(RequestError) -> UserID {
        guard let user = UserID(rawValue: self["user"]) else { throw .pathNotFound }
        return user
    }

    /// The session of a path's `{user}` and `{name}`. One that no session can have is simply not
    /// there.
    func session() throws(RequestError) -> SessionID {
        guard let user = UserID(rawValue: self["user"]),
            let name = SessionName(rawValue: self["name"])
        else { throw .pathNotFound }
        return SessionID(user: user, name: name)
    }
}

extension JSONFields {
    /// An empty text is nobody in particular: OpenAI's clients fill in every field.
    /// - Throws: `.userNotFound` for a user whom the caller may not act for. Not ignored: the name
    ///   says whose model is meant, and the words would teach another person's.
    func user(_ name: String) throws(RequestError) -> UserID? {
        guard let text = try string(name), !text.isEmpty else { return nil }
        guard let user = UserID(rawValue: text) else {
            throw .outOfRange(
                parameter: path(name), found: "another text", allowed: UserID.allowed)
        }
        guard RequestContext.current.mayAct(for: user) else {
            throw .refused(.userNotFound(user))
        }
        return user
    }

    func resetTarget(_ name: String) throws(RequestError) -> ResetTarget {
        switch try string(name) {
        case nil, "head": return .head
        case "frozen": return .frozen
        case _?: return .checkpoint(try checkpoint(name, allowed: "head, frozen or "))
        }
    }

    /// The id of a checkpoint. No id is empty or holds U+0000, at which a store's texts end.
    /// - Parameter allowed: what else may stand in its place.
    func checkpoint(_ name: String, allowed: String = "") throws(RequestError) -> CheckpointID {
        guard let id = try string(name), !id.isEmpty, !id.utf8.contains(0) else {
            throw .outOfRange(
                parameter: path(name), found: "another text",
                allowed: allowed + "a checkpoint's id")
        }
        return CheckpointID(rawValue: id)
    }

    /// A list of sites: an array, or one text with commas.
    func sites(_ name: String) throws(RequestError) -> Set<PlasticSite> {
        if case .string(let text) = value(name) {
            return try PlasticSite.list(text, parameter: path(name))
        }
        var sites: Set<PlasticSite> = []
        for element in try array(name) ?? [] {
            guard case .string(let text) = element else {
                throw wrongType(name, expected: "a list of sites", found: element)
            }
            sites.formUnion(try PlasticSite.list(text, parameter: path(name)))
        }
        return sites
    }

    func learnMode(_ name: String) throws(RequestError) -> LearnMode? {
        try choice(
            name, of: LearnMode.self, allowed: LearnMode.allCases.map(\.rawValue))
    }
}
