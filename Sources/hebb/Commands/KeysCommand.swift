import ArgumentParser
import EngramStorage
import Engrams
import Foundation
import Scheduling
import Serving

/// `hebb keys`: who may use a server.
struct KeysCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys",
        abstract: "Make, list and revoke API keys.",
        discussion: """
            Example: hebb keys add alice --role admin
                     export HEBB_API_KEY=hebb_…
                     hebb keys add bob --quota requests/minute=60,learned-tokens/day=50000
                     hebb keys list
                     hebb keys revoke 0f3c…

            A key is its user: whoever sends it has that user's model, and reaches nobody else's. An \
            admin's key acts for any user and makes keys. The first key must be an admin's; from \
            then on every request needs one, and the server may listen on any address.

            The key is shown once. Kept is its SHA-256, which nothing leads back from.

            They ask a running server. With --data they work on the data folder itself, which no \
            server may hold then: that is how the first key is made before a server that listens to \
            others starts, and the way back in for who has lost all admins' keys.
            """,
        subcommands: [List.self, Add.self, Revoke.self], defaultSubcommand: List.self)

    struct Refusal: Error, CustomStringConvertible {
        let description: String
    }

    /// Where the keys are.
    struct Place: ParsableArguments {
        @Option(
            help: "Work on this data folder, which no server holds, and not through a server.",
            completion: .directory)
        var data: String?

        @Option(help: "The file with the data folder's key.", completion: .file())
        var dataKey: String?

        func validate() throws {
            guard dataKey == nil || data != nil else {
                throw ValidationError("--data-key goes with --data")
            }
        }

        /// Does something with the keys of the folder; nil: no folder was named.
        func withFolder<Output>(_ body: (KeyRing) async throws -> Output) async throws -> Output? {
            guard let data else { return nil }
            let store = try await StoreLocation(data).open(
                key: try dataKey.map { try DataKey(contentsOf: $0) })
            do {
                let output = try await body(try await KeyRing(store: store))
                await store.close()
                return output
            } catch let error as ServiceError {
                await store.close()
                throw Refusal(description: error.message)
            } catch {
                await store.close()
                throw error
            }
        }
    }

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a key; it alone is on stdout.",
            discussion: """
                Example: KEY=$(hebb keys add bob --quota requests/minute=60,tokens/day=200000)

                Quotas: requests/minute, requests/day, tokens/minute, tokens/day, \
                learned-tokens/day, bytes/day (of what is sent), sessions.
                """)

        @Argument(help: "The user whose key it is.")
        var user: String

        @Option(help: "user, or admin.")
        var role = "user"

        @Option(help: "What it may use, as name=number; several with commas, or repeated.")
        var quota: [String] = []

        @Option(help: "What its requests teach where neither they nor their session say.")
        var learn: String?

        @OptionGroup var place: Place
        @OptionGroup var server: ServerOptions

        private struct Body: Encodable {
            let user: String
            let role: String
            let quota: [String: Int]
            let learn: String?
        }

        func validate() throws {
            guard UserID(rawValue: user) != nil else {
                throw ValidationError("a user's name is \(UserID.allowed)")
            }
            guard AccessKey.Role(rawValue: role) != nil else {
                throw ValidationError("--role is user or admin")
            }
            if let learn, LearnMode(rawValue: learn) == nil {
                throw ValidationError("--learn is none of what the server knows: '\(learn)'")
            }
            _ = try QuotaText.parse(quota)
        }

        func run() async throws {
            let limits = try QuotaText.parse(quota)
            let made =
                try await place.withFolder { ring in
                    let made = try await ring.add(
                        for: UserID(rawValue: user)!, role: AccessKey.Role(rawValue: role)!,
                        quota: Quota(limits), learn: learn.flatMap(LearnMode.init(rawValue:)))
                    return WireKey(made.key, text: made.text)
                }
            let key: WireKey
            if let made {
                key = made
            } else {
                let named = limits.map { ($0.key.rawValue, $0.value) }
                key = try await server.client().exchange(
                    "POST", "/v1/keys",
                    body: Body(
                        user: user, role: role,
                        quota: Dictionary(uniqueKeysWithValues: named), learn: learn))
            }
            if server.json { return try Terminal.json(key) }
            Terminal.result(key.key ?? "")
            Terminal.remark("\(key.line); the key is shown this once, keep it")
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List keys (the default): an admin's sees all.",
            discussion: "Example: hebb keys list --json")

        @OptionGroup var place: Place
        @OptionGroup var server: ServerOptions

        func run() async throws {
            var keys = try await place.withFolder { ring in ring.keys.map { WireKey($0) } } ?? []
            if place.data == nil {
                let client = try await server.client()
                var more = true
                while more {
                    var query = [("limit", "100")]
                    if let last = keys.last { query.append(("after", last.id)) }
                    let page: WireList<WireKey> = try await client.exchange(
                        "GET", "/v1/keys", query: query)
                    keys += page.data
                    more = page.hasMore == true && !page.data.isEmpty
                }
            }
            if server.json { return try Terminal.json(keys) }
            if keys.isEmpty { return Terminal.remark("no keys") }
            for key in keys { Terminal.result(key.line) }
        }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Revoke a key by its id, from the next request on.",
            discussion: "Example: hebb keys revoke 0f3c9a2b41d7e865")

        @Argument(help: "The key's id, which stands in the key too: hebb_ID_…")
        var id: String

        @OptionGroup var place: Place
        @OptionGroup var server: ServerOptions

        private struct Report: Encodable {
            let id: String
            let revoked = true
        }

        func run() async throws {
            let done: Void? = try await place.withFolder { try await $0.revoke(id) }
            if done == nil {
                _ = try await server.client().send(
                    ServerClient.Call(
                        method: "DELETE", path: "/v1/keys/\(SessionAddress.escaped(id))"))
            }
            if server.json { return try Terminal.json(Report(id: id)) }
            Terminal.result("key \(id) revoked")
        }
    }
}

/// Quotas as people type them: `requests/minute=60,sessions=5`.
enum QuotaText {
    static func parse(_ texts: [String]) throws -> [Quota.Limit: Int] {
        var limits: [Quota.Limit: Int] = [:]
        for text in texts.flatMap({ $0.split(separator: ",").map(String.init) }) {
            let sides = text.split(separator: "=", omittingEmptySubsequences: false)
            let limit = Quota.Limit.allCases.first { name(of: $0) == sides[0] }
            guard let limit, sides.count == 2 else {
                let names = Quota.Limit.allCases.map(name(of:)).joined(separator: ", ")
                throw ValidationError("--quota '\(text)' is no name=number; names are \(names)")
            }
            guard let number = Int(sides[1]), Quota.allowed.contains(number) else {
                throw ValidationError(
                    "--quota \(sides[0]) must be from 1 to \(Quota.allowed.upperBound)")
            }
            limits[limit] = number
        }
        return limits
    }

    static func name(of limit: Quota.Limit) -> String {
        limit.rawValue.replacingOccurrences(of: "_per_", with: "/")
            .replacingOccurrences(of: "_", with: "-")
    }
}

/// A key as `/v1/keys` has it.
struct WireKey: Codable, Sendable {
    let id: String
    let user: String
    let role: String
    let quota: [String: Int]
    let used: [String: Int]?
    let learn: String?
    let created: String
    let lastUsed: String?
    /// There only when it is made.
    let key: String?

    init(_ key: AccessKey, text: String? = nil) {
        func time(_ seconds: Double) -> String {
            Date(timeIntervalSince1970: seconds).formatted(.iso8601)
        }
        id = key.id
        user = key.user.rawValue
        role = key.role.rawValue
        quota = Dictionary(
            uniqueKeysWithValues: Quota.Limit.allCases.compactMap { limit in
                key.quota[limit].map { (limit.rawValue, $0) }
            })
        used = nil
        learn = key.learn?.rawValue
        created = time(key.created)
        lastUsed = key.lastUsed.map(time)
        self.key = text
    }

    var line: String {
        var parts = ["\(id): \(user)'s, \(role)"]
        for limit in Quota.Limit.allCases {
            guard let allowed = quota[limit.rawValue] else { continue }
            let used = used?[limit.rawValue].map { " (\(Figure.grouped($0)) used)" } ?? ""
            parts.append("\(Figure.grouped(allowed)) \(QuotaText.name(of: limit))\(used)")
        }
        if let learn { parts.append("learns \(learn)") }
        parts.append("made \(created)")
        if key == nil { parts.append(lastUsed.map { "last used \($0)" } ?? "never used") }
        return parts.joined(separator: ", ")
    }
}
