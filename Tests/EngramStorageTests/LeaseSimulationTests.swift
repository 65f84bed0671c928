import Foundation
import Testing

@testable import EngramStorage

/// Three servers, one store and a network that delays and cuts, as one thread and one seed. Servers
/// are paused for longer than a lease, die between any two steps, and have clocks of their own.
private struct LeaseSimulation {
    enum Fault: Error { case broken(String) }

    /// SplitMix64.
    struct Generator: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var mixed = (state ^ state >> 30) &* 0xbf58_476d_1ce4_e5b9
            mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
            return mixed ^ mixed >> 31
        }
    }

    /// An event, and the state that it was learned on.
    struct Event: Equatable {
        var request: Int
        var foundation: Int
        var token: Int
    }

    /// What is on disk. One transaction at a time, each whole or not at all.
    struct Store {
        var journal: [Event] = []
        var lease: Lease?
        var tokens = 0
        var now = 0.0

        /// The state after all events: what a quiet replay comes to.
        var state: Int { Self.state(after: journal) }

        static func state(after journal: [Event]) -> Int {
            journal.reduce(into: 17) { $0 = ($0 &* 31 &+ $1.request) & 0xffff_ffff }
        }
    }

    struct Server {
        var name: String
        /// What it has in memory of the user; nil: nothing.
        var state: Int?
        var count = 0
        var token: Int?
        /// Its own clock runs ahead or behind by this. No decision may need it.
        var skew: Double
        var pausedUntil = 0.0
        var isCutOff = false
        /// The request it works on, which one task a user does at a time.
        var work: Int?
    }

    /// On its way; a server's answer is lost when it died in between (`life`).
    struct Message {
        enum Content {
            case load(String)
            case write(String, Event, count: Int, known: Int?)
            case loaded(Int, count: Int)
            case written(request: Int, token: Int)
            case refused(forget: Bool)
        }
        var due: Double
        var server: Int
        var life: Int
        var content: Content
    }

    static let leaseSeconds = 10.0
    var generator: Generator
    var store = Store()
    var servers: [Server] = []
    var lives = [0, 0, 0]
    var messages: [Message] = []
    var acknowledged: [Int] = []
    var requests = 0
    var takeovers = 0
    var lateWrites = 0
    /// Whether the store holds writes to their tokens: a simulation that cannot fail shows nothing.
    let isFenced: Bool

    init(seed: UInt64, isFenced: Bool = true) {
        generator = Generator(state: seed)
        self.isFenced = isFenced
        for number in 0..<3 {
            servers.append(
                Server(name: "server \(number)", skew: .random(in: -60...60, using: &generator)))
        }
    }

    private mutating func chance(_ one: Int) -> Bool {
        Int.random(in: 0..<one, using: &generator) == 0
    }

    private mutating func send(_ content: Message.Content, to server: Int) {
        // Most take a moment; some arrive when everybody has gone on.
        let delay =
            chance(20)
            ? Double.random(in: 0...40, using: &generator)
            : Double.random(in: 0.001...0.2, using: &generator)
        messages.append(
            Message(
                due: store.now + delay, server: server, life: lives[server], content: content))
    }

    /// - Parameter isQuiet: nothing fails any more.
    private mutating func step(isQuiet: Bool) throws {
        store.now += .random(in: 0...0.5, using: &generator)
        let number = Int.random(in: 0..<3, using: &generator)
        if !isQuiet { disturb(number) }
        if isQuiet { servers[number].isCutOff = false }
        if servers[number].pausedUntil <= store.now { act(number) }
        for message in messages.filter({ $0.due <= store.now }).sorted(by: { $0.due < $1.due }) {
            try deliver(message)
        }
        messages = messages.filter { $0.due > store.now || isHeld($0) }
    }

    /// An answer waits for a server that is paused, and comes late.
    private func isHeld(_ message: Message) -> Bool {
        switch message.content {
        case .load, .write: false
        case .loaded, .written, .refused:
            message.life == lives[message.server]
                && servers[message.server].pausedUntil > store.now
        }
    }

    private mutating func disturb(_ number: Int) {
        if chance(60) {
            servers[number].pausedUntil = store.now + .random(in: 0...30, using: &generator)
        }
        if chance(40) { servers[number].isCutOff.toggle() }
        if chance(80) {
            // Dies, and is started again: another name, nothing in memory. What it had sent may
            // arrive yet.
            lives[number] += 1
            servers[number] = Server(
                name: "server \(number) of life \(lives[number])",
                skew: .random(in: -60...60, using: &generator))
        }
    }

    private mutating func act(_ number: Int) {
        let server = servers[number]
        guard !server.isCutOff else { return }
        if server.work == nil {
            requests += 1
            servers[number].work = requests
            guard let state = server.state else { return send(.load(server.name), to: number) }
            write(requests, on: state, by: number)
        } else if chance(30) {
            // No answer came: what became of the write is unknown, and memory may be out of date.
            servers[number].state = nil
            servers[number].work = nil
        }
    }

    private mutating func write(_ request: Int, on state: Int, by number: Int) {
        let server = servers[number]
        send(
            .write(
                server.name,
                Event(request: request, foundation: state, token: server.token ?? 0),
                count: server.count, known: server.token), to: number)
    }

    private mutating func deliver(_ message: Message) throws {
        let number = message.server
        let isAlive = message.life == lives[number]
        switch message.content {
        case .load:
            send(.loaded(store.state, count: store.journal.count), to: number)
            messages[messages.count - 1].life = message.life
        case .write(let name, let event, let count, let known):
            let answer = try transaction(name, event, count: count, known: known)
            send(answer, to: number)
            messages[messages.count - 1].life = message.life
        case .loaded(let state, let count):
            guard isAlive, !isHeld(message), let request = servers[number].work,
                servers[number].state == nil
            else { return }
            servers[number].state = state
            servers[number].count = count
            // As a new server of this user: what it writes next asks for a lease.
            servers[number].token = nil
            write(request, on: state, by: number)
        case .written(let request, let token):
            acknowledged.append(request)
            guard isAlive, !isHeld(message), servers[number].work == request,
                let state = servers[number].state
            else { return }
            servers[number].state = (state &* 31 &+ request) & 0xffff_ffff
            servers[number].count += 1
            servers[number].token = token
            servers[number].work = nil
        case .refused(let forget):
            guard isAlive, !isHeld(message) else { return }
            servers[number].work = nil
            if forget {
                servers[number].state = nil
                servers[number].token = nil
            }
        }
    }

    /// What the store does in one transaction.
    private mutating func transaction(
        _ name: String, _ event: Event, count: Int, known: Int?
    ) throws -> Message.Content {
        let before = store.lease
        let decision = Lease.decide(
            before, for: name, knowing: known, now: store.now, seconds: Self.leaseSeconds
        ) {
            store.tokens += 1
            return store.tokens
        }
        switch decision {
        case .granted(let lease):
            if let before, before.holder != lease.holder {
                takeovers += 1
                guard before.expires <= store.now else {
                    throw Fault.broken("taken from who had it until \(before.expires)")
                }
            }
            guard lease.token >= before?.token ?? 0 else { throw Fault.broken("token fell") }
            store.lease = lease
        case .lost, .refused:
            if isFenced { return .refused(forget: decision == .lost) }
            lateWrites += 1
        }
        // As the journal does: an event follows the last one.
        guard count == store.journal.count else {
            store.lease = before
            return .refused(forget: true)
        }
        if !isFenced || store.lease?.holder == name {
            guard event.foundation == store.state else {
                throw Fault.broken("event \(event.request) was learned on another state")
            }
        }
        var event = event
        event.token = known ?? store.lease?.token ?? 0
        if let lease = store.lease, event.token < lease.token || lease.holder != name {
            throw Fault.broken("a write of token \(event.token) after \(lease.token) was given")
        }
        if let last = store.journal.last, last.token > event.token {
            throw Fault.broken("tokens fell in the journal")
        }
        store.journal.append(event)
        return .written(request: event.request, token: event.token)
    }

    mutating func run() throws {
        for _ in 0..<400 { try step(isQuiet: false) }
        // Whoever is paused wakes up; whoever is cut off is heard again; every server is served.
        for number in 0..<3 { servers[number].pausedUntil = 0 }
        for _ in 0..<200 { try step(isQuiet: true) }
        let written = Set(store.journal.map(\.request))
        guard written.count == store.journal.count else { throw Fault.broken("written twice") }
        guard Set(acknowledged).isSubset(of: written) else {
            throw Fault.broken("an acknowledged event is gone")
        }
        let progress = store.journal.count
        for _ in 0..<400 { try step(isQuiet: true) }
        guard store.journal.count > progress else { throw Fault.broken("nobody may write") }
    }
}

@Suite("One writer a user") struct LeaseSimulationTests {
    private static let seeds =
        ProcessInfo.processInfo.environment["HEBB_LEASE_SEEDS"]
        .flatMap { Int($0) } ?? 400

    @Test("Whatever fails and whenever, no late write, no lost event, none twice, and it goes on")
    func seeds() throws {
        var (takeovers, events) = (0, 0)
        for seed in 0..<Self.seeds {
            var simulation = LeaseSimulation(seed: UInt64(seed))
            do {
                try simulation.run()
            } catch {
                Issue.record("seed \(seed): \(error)")
                return
            }
            takeovers += simulation.takeovers
            events += simulation.store.journal.count
        }
        #expect(takeovers > Self.seeds && events > 20 * Self.seeds)
    }

    @Test("A store that asks for no token is found out")
    func unfenced() {
        let broken = (0..<50).count { seed in
            var simulation = LeaseSimulation(seed: UInt64(seed), isFenced: false)
            do {
                try simulation.run()
                return false
            } catch {
                return true
            }
        }
        #expect(broken > 25)
    }

    @Test("A lease is given, renewed, refused, lost and taken over as it should be")
    func decisions() {
        func decide(_ current: Lease?, _ server: String, _ known: Int?, now: Double)
            -> LeaseDecision
        {
            Lease.decide(current, for: server, knowing: known, now: now, seconds: 10) { 8 }
        }
        func granted(_ holder: String, _ token: Int, _ expires: Double) -> LeaseDecision {
            .granted(Lease(holder: holder, token: token, expires: expires))
        }
        let lease = Lease(holder: "a", token: 7, expires: 100)
        #expect(decide(nil, "a", nil, now: 50) == granted("a", 8, 60))
        #expect(decide(nil, "a", 7, now: 50) == granted("a", 8, 60))
        #expect(decide(lease, "a", 7, now: 94) == granted("a", 7, 100))
        #expect(decide(lease, "a", 7, now: 96) == granted("a", 7, 106))
        #expect(decide(lease, "a", nil, now: 96) == granted("a", 7, 106))
        // It ran out, and nobody else came.
        #expect(decide(lease, "a", 7, now: 500) == granted("a", 7, 510))
        #expect(decide(lease, "a", 6, now: 50) == .lost)
        #expect(decide(lease, "b", 7, now: 500) == .lost)
        #expect(decide(lease, "b", nil, now: 99) == .refused(holder: "a", until: 100))
        #expect(decide(lease, "b", nil, now: 100) == granted("b", 8, 110))
    }
}
