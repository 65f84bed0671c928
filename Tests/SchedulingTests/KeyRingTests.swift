import EngramStorage
import Engrams
import Foundation
import Synchronization
import Testing

@testable import Scheduling

/// A clock that stands where it is put.
private final class Clock: Sendable {
    private let seconds = Mutex(1_000_000.0)
    var now: Double { seconds.withLock { $0 } }
    func pass(_ more: Double) { seconds.withLock { $0 += more } }
}

private let carol = UserID(rawValue: "carol")!

@Suite("Access keys") struct KeyRingTests {
    private let clock = Clock()

    private func ring(_ store: any AccessKeyStore, isRequired: Bool = false) async throws -> KeyRing
    {
        try await KeyRing(store: store, isRequired: isRequired, now: { [clock] in clock.now })
    }

    @Test("A key opens, its neighbours do not, and the store holds nothing that does")
    func secrets() async throws {
        let store = InMemoryStore()
        let keys = try await ring(store)
        let made = try await keys.add(for: carol, role: .admin)
        let other = try await keys.add(for: bob.user, role: .user)
        #expect(made.text != other.text && made.text.hasPrefix("hebb_\(made.key.id)_"))
        #expect(made.text.split(separator: "_")[2].utf8.count == 64)
        #expect(keys.key(made.text)?.user == carol && keys.key(other.text)?.role == .user)
        let secret = String(made.text.split(separator: "_")[2])
        let last = secret.hasSuffix("0") ? "1" : "0"
        for wrong in [
            "", "hebb", "hebb__", "hebb_\(made.key.id)_", "hebb_\(made.key.id)",
            "hebb_\(made.key.id)_\(secret.dropLast())\(last)", "hebb_\(other.key.id)_\(secret)",
            "hebb_\(made.key.id)_\(secret)_", " " + made.text, made.text + "0",
            made.text.uppercased(), "x" + made.text, "hebb_nobody_\(secret)",
            made.text + String(repeating: "x", count: 300),
        ] {
            #expect(keys.key(wrong) == nil, "\(wrong)")
        }
        let records = try await store.accessKeys()
        for record in records {
            let kept = "\(record.digest)" + String(decoding: record.settings, as: UTF8.self)
            #expect(!kept.contains(secret))
        }
        let kept = try #require(records.first { $0.id == made.key.id })
        #expect(kept.digest == ContentDigest.of(Array(secret.utf8)))
    }

    @Test("Keys outlive their server, and a revoked one does not open from then on")
    func lasting() async throws {
        let store = InMemoryStore()
        let keys = try await ring(store)
        let admin = try await keys.add(for: carol, role: .admin)
        let user = try await keys.add(
            for: bob.user, role: .user, quota: Quota([.tokensPerDay: 7, .sessions: 2]),
            learn: .both)
        let again = try await ring(store)
        #expect(again.keys == keys.keys && again.isRequired)
        #expect(again.key(user.text)?.quota == Quota([.tokensPerDay: 7, .sessions: 2]))
        #expect(again.key(user.text)?.learn == .both)
        try await again.revoke(user.key.id)
        #expect(again.key(user.text) == nil)
        await #expect(throws: ServiceError.keyNotFound(user.key.id)) {
            try await again.revoke(user.key.id)
        }
        #expect(try await ring(store).keys.map(\.id) == [admin.key.id])
    }

    @Test("The first key is an admin's, and the last admin's stays while there are others")
    func admins() async throws {
        let keys = try await ring(InMemoryStore())
        #expect(!keys.isRequired)
        await #expect(throws: ServiceError.firstKeyMustBeAdmin) {
            _ = try await keys.add(for: bob.user, role: .user)
        }
        #expect(!keys.isRequired)
        let admin = try await keys.add(for: carol, role: .admin)
        #expect(keys.isRequired)
        let user = try await keys.add(for: bob.user, role: .user)
        await #expect(throws: ServiceError.lastAdminKey) { try await keys.revoke(admin.key.id) }
        try await keys.revoke(user.key.id)
        try await keys.revoke(admin.key.id)
        // Whoever revokes the last one does not open the server to all.
        #expect(keys.keys.isEmpty && keys.isRequired)
    }

    @Test("A refused write leaves the ring as the store is")
    func failures() async throws {
        let store = FaultyStore()
        let keys = try await ring(store)
        let admin = try await keys.add(for: carol, role: .admin)
        let user = try await keys.add(for: bob.user, role: .user)
        store.fail(with: .diskFull)
        await #expect(throws: ServiceError.self) {
            _ = try await keys.add(for: bob.user, role: .user)
        }
        await #expect(throws: ServiceError.self) { try await keys.revoke(user.key.id) }
        await #expect(throws: ServiceError.self) {
            _ = try await keys.change(user.key.id) { quota, _ in quota = Quota([.sessions: 1]) }
        }
        // Made at one moment, they are in the order of their ids.
        #expect(keys.keys == [admin.key, user.key].sorted { $0.id < $1.id })
        #expect(keys.key(user.text) != nil)
    }

    @Test("Use is counted in memory, and written once a minute and at the end")
    func notes() async throws {
        let store = InMemoryStore()
        let keys = try await ring(store)
        let admin = try await keys.add(
            for: carol, role: .admin, quota: Quota([.requestsPerDay: 100]))
        for _ in 0..<5 { keys.note(requestOf: admin.key.id, bytes: 10) }
        #expect(try await store.accessKeys()[0].lastUsed == nil)
        #expect(keys.keys[0].lastUsed == clock.now)
        await keys.flush()
        #expect(try await store.accessKeys()[0].lastUsed == clock.now)
        // What was used of a day's quota outlives the server.
        let again = try await ring(store)
        #expect(again.used(of: admin.key.id) == [.requestsPerDay: 5])
        clock.pass(61)
        keys.note(requestOf: admin.key.id, bytes: 10)
        for _ in 0..<200 where try await store.accessKeys()[0].lastUsed != clock.now {
            try await Task.sleep(for: .milliseconds(10))
        }
        #expect(try await store.accessKeys()[0].lastUsed == clock.now)
    }

    @Test("A quota that is used up says truly when it comes back")
    func quotas() async throws {
        let keys = try await ring(InMemoryStore())
        let quota = Quota([.requestsPerMinute: 2, .tokensPerDay: 100])
        let id = try await keys.add(for: carol, role: .admin, quota: quota).key.id
        func excess(_ measures: Set<Quota.Measure> = [.requests, .tokens]) -> ServiceError? {
            do { try keys.requireQuota(of: id, for: measures) } catch { return error }
            return nil
        }
        keys.note(requestOf: id, bytes: 0)
        clock.pass(20)
        #expect(excess() == nil)
        keys.note(requestOf: id, bytes: 0)
        #expect(
            excess() == .quotaExceeded(.requestsPerMinute, allowed: 2, retryAfterSeconds: 40))
        clock.pass(39.5)
        #expect(excess() == .quotaExceeded(.requestsPerMinute, allowed: 2, retryAfterSeconds: 1))
        clock.pass(0.5)
        #expect(excess() == nil)
        keys.spend(Usage(tokens: 99), of: id)
        #expect(excess() == nil)
        keys.spend(Usage(tokens: 50), of: id)
        #expect(
            excess() == .quotaExceeded(.tokensPerDay, allowed: 100, retryAfterSeconds: 86_400))
        #expect(excess([.requests]) == nil)
        #expect(keys.used(of: id)?[.tokensPerDay] == 149)
        // A clock that was wrong keeps nobody out.
        clock.pass(-10_000)
        #expect(excess() == nil)
    }
}

@Suite("Who may reach what, where it is done") struct RequestContextTests {
    private func context(_ user: UserID, _ role: AccessKey.Role = .user) -> RequestContext {
        RequestContext(
            caller: .key(
                AccessKey(id: "k", user: user, role: role, quota: Quota(), created: 0)))
    }

    private func reach(_ id: SessionID, by context: RequestContext, _ scheduler: Scheduler)
        async -> [String]
    {
        await RequestContext.$current.withValue(context) {
            var found: [String] = []
            func attempt(_ name: String, _ body: () async throws -> Void) async {
                do {
                    try await body()
                    found.append(name)
                } catch ServiceError.sessionNotFound(id) {
                } catch { found.append("\(name): \(error)") }
            }
            await attempt("session") { _ = try await scheduler.session(id) }
            await attempt("observe") { try await scheduler.observe(id, lesson) }
            await attempt("score") { _ = try await scheduler.bits(id) }
            await attempt("safety") { _ = try await scheduler.safety(id) }
            await attempt("features") { _ = try await scheduler.features(id, top: 3) }
            await attempt("events") {
                _ = try await scheduler.events(id, page: Page(), text: true)
            }
            await attempt("export") { _ = try await scheduler.hash(id) }
            await attempt("checkpoints") { _ = try await scheduler.checkpoints(id, page: Page()) }
            await attempt("complete") { try await scheduler.answer(id, "x") }
            await attempt("reset") {
                _ = try await scheduler.reset(id, to: .head, ifMatch: nil)
            }
            return found
        }
    }

    @Test("A user's key reaches its user's sessions, nobody else's, and nobody reaches any")
    func reach() async throws {
        let scheduler = makeScheduler()
        try await scheduler.observe(alice, lesson)
        try await scheduler.observe(bob, lesson)
        let before = try await scheduler.hash(bob)
        #expect(await reach(bob, by: context(alice.user), scheduler) == [])
        #expect(await reach(bob, by: RequestContext(caller: .anybody), scheduler) == [])
        #expect(try await scheduler.hash(bob) == before)
        #expect(await reach(alice, by: context(alice.user), scheduler).count == 10)
        #expect(await reach(bob, by: context(alice.user, .admin), scheduler).count == 10)
    }

    @Test("A listing shows a user's key its own, and an admin's all")
    func listings() async throws {
        let scheduler = makeScheduler()
        for id in [alice, bob] { try await scheduler.observe(id, lesson) }
        func list(_ user: UserID?, by context: RequestContext) async throws -> [SessionID] {
            try await RequestContext.$current.withValue(context) {
                try await scheduler.sessions(of: user, page: Page()).items.map(\.id)
            }
        }
        #expect(try await list(nil, by: context(alice.user)) == [alice])
        #expect(try await list(nil, by: context(alice.user, .admin)) == [alice, bob])
        #expect(try await list(bob.user, by: context(alice.user, .admin)) == [bob])
        await #expect(throws: ServiceError.userNotFound(bob.user)) {
            _ = try await list(bob.user, by: context(alice.user))
        }
    }

    @Test("What a key's requests take is counted: prompts, answers, lessons, measurements")
    func spending() async throws {
        let keys = KeyRing()
        let quota = Quota([.tokensPerDay: 1_000_000, .learnedTokensPerDay: 1_000_000])
        let key = try await keys.add(for: alice.user, role: .admin, quota: quota).key
        let scheduler = makeScheduler()
        try await RequestContext.$current.withValue(
            RequestContext(caller: .key(key), ring: keys)
        ) {
            let learned = try await scheduler.observe(alice, lesson).tokens
            #expect(keys.used(of: key.id)?[.learnedTokensPerDay] == learned)
            #expect(keys.used(of: key.id)?[.tokensPerDay] == learned)
            let scored = try await scheduler.score(alice, ScoreRequest(text: lesson)).tokens
            #expect(keys.used(of: key.id)?[.tokensPerDay] == learned + scored)
            try await scheduler.answer(alice, "x", maxTokens: 5)
            let used = keys.used(of: key.id)?[.tokensPerDay] ?? 0
            #expect(used > learned + scored + 1 && used < learned + scored + 50)
            #expect(keys.used(of: key.id)?[.learnedTokensPerDay] == learned)
        }
    }

    @Test("A key's default of learning holds where neither request nor session says")
    func learnDefault() async throws {
        let scheduler = makeScheduler()
        let key = AccessKey(
            id: "k", user: alice.user, role: .user, quota: Quota(), learn: .prompt, created: 0)
        try await RequestContext.$current.withValue(RequestContext(caller: .key(key))) {
            #expect(try await scheduler.session(alice).learn == .prompt)
            try await scheduler.answer(alice, "a")
            let learned = try await scheduler.session(alice).events
            #expect(learned == 1)
            _ = try await scheduler.createSession(
                CreateSession(user: alice.user, name: work.name, learn: LearnMode.none))
            try await scheduler.answer(work, "b")
            let silent = try await scheduler.session(work)
            #expect(silent.events == 0 && silent.learn == LearnMode.none)
        }
        // Another caller's requests are not this key's.
        let other = try await scheduler.session(alice)
        #expect(other.learn == LearnMode.none && other.events == 1)
    }

    @Test("A key that may learn no more today is refused to learn, and nothing else")
    func learningQuota() async throws {
        let keys = KeyRing()
        let key = try await keys.add(
            for: alice.user, role: .admin, quota: Quota([.learnedTokensPerDay: 1, .sessions: 1])
        ).key
        let scheduler = makeScheduler()
        try await RequestContext.$current.withValue(
            RequestContext(caller: .key(key), ring: keys)
        ) {
            try await scheduler.observe(alice, lesson)
            await #expect(throws: ServiceError.self) { try await scheduler.observe(alice, lesson) }
            _ = try await scheduler.bits(alice)
            await #expect(throws: ServiceError.sessionQuota(limit: 1)) {
                _ = try await scheduler.createSession(
                    CreateSession(user: alice.user, name: work.name))
            }
        }
    }
}
