public import EngramStorage
public import Engrams
import Foundation
public import Logging
import Synchronization

/// The access keys of a server: who may come in, and how much of what they use.
///
/// All keys are in memory, so that a request is judged without a read and counted without a write.
/// When each was last used, and what it used, is written now and then (`flush`): a server that is
/// killed forgets the last minute of it.
public final class KeyRing: Sendable {
    /// How many keys there may be: they are in memory.
    public static let countMaximum = 10_000
    private static let secondsBetweenNotes = 60.0

    fileprivate struct Entry {
        var key: AccessKey
        let digest: String
        var use = QuotaUse()
        /// Whether it was used since it was written.
        var isNews = false
    }

    private struct State {
        var entries: [String: Entry] = [:]
        var isRequired: Bool
        var noted: Double
    }

    private let store: any AccessKeyStore
    private let now: @Sendable () -> Double
    private let logger: Logger
    private let queue = WriteQueue()
    private let state: Mutex<State>

    /// A ring that ends with its process, for a server that has no store.
    public convenience init(isRequired: Bool = false) {
        self.init(
            store: InMemoryStore(), entries: [:], isRequired: isRequired,
            logger: Logger(label: "hebb.keys"), now: { Date().timeIntervalSince1970 })
    }

    /// - Parameters:
    ///   - isRequired: whether requests need a key while there is none yet.
    ///   - now: seconds since 1970, the system's clock when nil.
    public convenience init(
        store: any AccessKeyStore, isRequired: Bool = false,
        logger: Logger = Logger(label: "hebb.keys"), now: (@Sendable () -> Double)? = nil
    ) async throws {
        var entries: [String: Entry] = [:]
        for record in try await store.accessKeys() { entries[record.id] = try Entry(record) }
        self.init(
            store: store, entries: entries, isRequired: isRequired, logger: logger,
            now: now ?? { Date().timeIntervalSince1970 })
    }

    private init(
        store: any AccessKeyStore, entries: [String: Entry], isRequired: Bool, logger: Logger,
        now: @escaping @Sendable () -> Double
    ) {
        self.store = store
        self.logger = logger
        self.now = now
        state = Mutex(
            State(entries: entries, isRequired: isRequired || !entries.isEmpty, noted: now()))
    }

    /// Whether requests need a key: since there has been one, or it was said at the start. Whoever
    /// revokes the last one does not open the server to all.
    public var isRequired: Bool { state.withLock { $0.isRequired } }

    /// In the order they were made.
    public var keys: [AccessKey] {
        state.withLock { $0.entries.values.map(\.key) }.sorted {
            ($0.created, $0.id) < ($1.created, $1.id)
        }
    }

    /// What a key has used of its quota in the present minute and day; nil: there is no such key.
    public func used(of id: String) -> [Quota.Limit: Int]? {
        let moment = now()
        return state.withLock { state in
            state.entries[id].map { entry in
                let limits = Quota.Limit.allCases.filter {
                    $0.seconds != nil && entry.key.quota[$0] != nil
                }
                return Dictionary(
                    uniqueKeysWithValues: limits.map { ($0, entry.use.used(of: $0, at: moment)) })
            }
        }
    }

    // MARK: - At each request

    /// The key that a text is; nil: it is none of this server's. What is no key takes as long as one
    /// with another secret.
    public func key(_ text: String) -> AccessKey? {
        let given = KeySecret(text)
        let entry = state.withLock { state in given.flatMap { state.entries[$0.id] } }
        let isRight = (given ?? Self.nobody).matches(entry?.digest ?? Self.nobody.digest)
        return given != nil && isRight ? entry?.key : nil
    }

    private static let nobody = KeySecret()

    /// - Throws: `.quotaExceeded`, when a key has used up something of its quota.
    public func requireQuota(
        of id: String, for measures: Set<Quota.Measure>
    ) throws(ServiceError) {
        let moment = now()
        let excess = state.withLock { state in
            state.entries[id].flatMap {
                $0.use.excess(over: $0.key.quota, of: measures, at: moment)
            }
        }
        guard let excess else { return }
        throw .quotaExceeded(
            excess.limit, allowed: excess.allowed, retryAfterSeconds: excess.retryAfterSeconds)
    }

    /// Counts a request that is let in.
    public func note(requestOf id: String, bytes: Int) {
        spend(Usage(requests: 1, bytes: bytes), of: id)
        let moment = now()
        let isDue = state.withLock { state in
            guard abs(moment - state.noted) >= Self.secondsBetweenNotes else { return false }
            state.noted = moment
            return true
        }
        if isDue { Task.detached { await self.flush() } }
    }

    func spend(_ usage: Usage, of id: String) {
        let moment = now()
        state.withLock { state in
            guard let quota = state.entries[id]?.key.quota else { return }
            state.entries[id]?.use.add(usage, for: quota, at: moment)
            state.entries[id]?.key.lastUsed = moment
            state.entries[id]?.isNews = true
        }
    }

    /// Writes what was used since the last time. A failure is logged: nobody's request depends on it.
    public func flush() async {
        try? await queue.take {
            let uses = self.state.withLock { state in
                state.entries.values.filter(\.isNews).compactMap { entry -> AccessKeyUse? in
                    guard let lastUsed = entry.key.lastUsed else { return nil }
                    state.entries[entry.key.id]?.isNews = false
                    let use = (try? JSONEncoder().encode(entry.use)).map { Array($0) } ?? []
                    return AccessKeyUse(
                        id: entry.key.id, of: entry.key.user,
                        lastUsed: min(max(0, lastUsed), RecordBounds.times.upperBound), usage: use)
                }
            }
            guard !uses.isEmpty else { return }
            do {
                try await self.store.noteUse(of: uses)
            } catch {
                self.logger.warning(
                    "when keys were last used was not written", metadata: ["error": "\(error)"])
            }
        }
    }

    // MARK: - Making and revoking

    /// Makes a key. Its text is in the answer, and nowhere else then.
    ///
    /// - Throws: `.firstKeyMustBeAdmin` while there is no admin's: nobody could make the next one.
    ///   `.keyLimit`, and what the store throws.
    public func add(
        for user: UserID, role: AccessKey.Role, quota: Quota = Quota(), learn: LearnMode? = nil
    ) async throws -> (key: AccessKey, text: String) {
        try await changing {
            let count = self.state.withLock { $0.entries.count }
            guard count < Self.countMaximum else {
                throw ServiceError.keyLimit(Self.countMaximum)
            }
            guard role == .admin || self.keys.contains(where: { $0.role == .admin }) else {
                throw ServiceError.firstKeyMustBeAdmin
            }
            let secret = KeySecret()
            let key = AccessKey(
                id: secret.id, user: user, role: role, quota: quota, learn: learn,
                created: min(max(0, self.now()), RecordBounds.times.upperBound))
            try await self.store.addAccessKey(
                AccessKeyRecord(
                    id: key.id, user: user, digest: secret.digest,
                    settings: Array(try JSONEncoder().encode(key.settings)),
                    created: key.created))
            self.state.withLock { state in
                state.entries[key.id] = Entry(key: key, digest: secret.digest)
                state.isRequired = true
            }
            return (key, secret.text)
        }
    }

    /// Gives a key another quota, another default of learning, or both.
    /// - Throws: `.keyNotFound`, and what the store throws.
    public func change(
        _ id: String, _ body: @escaping @Sendable (inout Quota, inout LearnMode?) -> Void
    ) async throws -> AccessKey {
        try await changing {
            guard var key = self.state.withLock({ $0.entries[id]?.key }) else {
                throw ServiceError.keyNotFound(id)
            }
            body(&key.quota, &key.learn)
            try await self.store.changeAccessKey(
                id, of: key.user, settings: Array(try JSONEncoder().encode(key.settings)))
            return self.state.withLock { state in
                state.entries[id]?.key.quota = key.quota
                state.entries[id]?.key.learn = key.learn
                return state.entries[id]?.key ?? key
            }
        }
    }

    /// - Throws: `.keyNotFound`, `.lastAdminKey` while others are left, and what the store throws.
    public func revoke(_ id: String) async throws {
        try await changing {
            let keys = self.keys
            guard let key = keys.first(where: { $0.id == id }) else {
                throw ServiceError.keyNotFound(id)
            }
            let isLast = keys.filter { $0.role == .admin }.map(\.id) == [id]
            guard key.role != .admin || !isLast || keys.count == 1 else {
                throw ServiceError.lastAdminKey
            }
            try await self.store.deleteAccessKey(id, of: key.user)
            self.state.withLock { $0.entries[id] = nil }
        }
    }

    /// Lets go of keys that have left the store with their user.
    public func refresh() async {
        _ = try? await changing {
            let there = Set(try await self.store.accessKeys().map(\.id))
            self.state.withLock { state in
                state.entries = state.entries.filter { there.contains($0.key) }
            }
        }
    }

    private func changing<Output: Sendable>(
        _ body: @escaping @Sendable () async throws -> Output
    ) async throws -> Output {
        do { return try await queue.take(body) } catch { throw ServiceError.from(error) }
    }
}

extension KeyRing.Entry {
    fileprivate init(_ record: AccessKeyRecord) throws {
        let decoder = JSONDecoder()
        guard
            let settings = try? decoder.decode(
                AccessKey.Settings.self, from: Data(record.settings))
        else { throw StorageError.corrupt(code: 0, place: "accessKeys.settings") }
        self.init(
            key: AccessKey(
                id: record.id, user: record.user, role: settings.role, quota: settings.quota,
                learn: settings.learn, created: record.created, lastUsed: record.lastUsed),
            digest: record.digest,
            // What cannot be read counts from here: no reason to keep somebody out.
            use: (try? decoder.decode(QuotaUse.self, from: Data(record.usage))) ?? QuotaUse())
    }
}

/// One after the other, in the order they came; whoever is cancelled meanwhile is done to the end.
private actor WriteQueue {
    private var last: Task<Void, Never>?

    func take<Output: Sendable>(
        _ body: @escaping @Sendable () async throws -> Output
    ) async throws -> Output {
        let previous = last
        let turn = Task {
            await previous?.value
            return try await body()
        }
        last = Task { _ = await turn.result }
        return try await turn.value
    }
}
