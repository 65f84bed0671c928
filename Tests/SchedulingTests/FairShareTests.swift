import Engrams
import Kernels
import Testing

@testable import Scheduling

/// Many users and one who floods, on the pure values that decide: who comes in (`Admission`), who
/// waits for a session, and whose slice is next (`BatchPlanner`). One tick is one slice.
@Suite struct FairShareTests {
    @Test(
        "Beside a flood nobody else is refused or waits longer than for a turn of each user",
        arguments: 0..<60)
    func flood(seed: Int) {
        var server = SimulatedServer(seed: UInt64(seed))
        let rude = UserID(rawValue: "mallory")!
        let polite = (0..<5).map { SessionID("user-\($0)")! }
        // Every third flood goes at one session alone.
        let sessions = seed % 3 == 0 ? 1 : 1 + seed % 9
        var done = 0
        for tick in 0..<4_000 {
            for _ in 0..<Int.random(in: 0..<8, using: &server.random) {
                let name = SessionName(
                    rawValue: "s\(Int.random(in: 0..<sessions, using: &server.random))")!
                server.arrive(
                    SessionID(user: rude, name: name), slices: 1...60, writes: seed % 2 == 0)
            }
            for session in polite
            where !server.isBusy(session) && Int.random(in: 0..<20, using: &server.random) == 0 {
                server.arrive(session, slices: 1...4, writes: Bool.random(using: &server.random))
            }
            server.serveSlice(at: tick)
            for request in server.takeFinished() where request.session.user != rude {
                done += 1
                // Six users, and a burst of decoding before each longer slice.
                let bound = request.slices * 6 * (SimulatedServer.burst + 1)
                #expect(request.waited <= bound)
            }
        }
        #expect(server.refusals.keys.allSatisfy { $0 == rude })
        #expect((server.refusals[rude] ?? 0) > 100, "it was no flood")
        #expect(done > 100)
        #expect(server.mostInside <= 64 + 6)
    }

    @Test("Two floods share the server in halves", arguments: 0..<20)
    func twoFloods(seed: Int) {
        var server = SimulatedServer(seed: UInt64(seed))
        server.decodes = false
        let (one, many) = (SessionID("one")!, UserID(rawValue: "many")!)
        for tick in 0..<4_000 {
            server.arrive(one, slices: 1...20, writes: false)
            for number in 0..<8 {
                server.arrive(SessionID("many/\(number)")!, slices: 1...20, writes: false)
            }
            server.serveSlice(at: tick)
            _ = server.takeFinished()
        }
        let share = Double(server.served[one.user] ?? 0) / 4_000
        #expect((0.49...0.51).contains(share), "\(share)")
        #expect((server.served[many] ?? 0) > 1_900)
    }
}

/// What `Scheduler` does with a request, without the model.
private struct SimulatedServer {
    static let burst = 4

    struct Request {
        var session: SessionID
        var slices: Int
        var left: Int
        var isWriter: Bool
        var arrived: Int
        var waited = 0
    }

    var random: SeededGenerator
    /// Whether every third reader's slices are tokens of an answer.
    var decodes = true
    private var admission = Admission(capacity: 64)
    private var planner = BatchPlanner(decodeBurstMaximum: burst)
    private var requests: [Int: Request] = [:]
    /// Writers of a session: who holds it, and who waits.
    private var lines: [SessionID: [Int]] = [:]
    private var finished: [Request] = []
    private var next = 0
    private var now = 0
    private(set) var refusals: [UserID: Int] = [:]
    private(set) var served: [UserID: Int] = [:]
    private(set) var mostInside = 0

    init(seed: UInt64) { random = SeededGenerator(seed: seed) }

    func isBusy(_ session: SessionID) -> Bool {
        requests.values.contains { $0.session == session }
    }

    mutating func arrive(_ session: SessionID, slices: ClosedRange<Int>, writes: Bool) {
        do {
            try admission.enter(session)
            if writes, lines[session] != nil {
                do { try admission.lineUp(session) } catch {
                    admission.leave(session, staySeconds: 0)
                    throw error
                }
            }
        } catch {
            refusals[session.user, default: 0] += 1
            return
        }
        let count = Int.random(in: slices, using: &random)
        requests[next] = Request(
            session: session, slices: count, left: count, isWriter: writes, arrived: now)
        if writes { lines[session, default: []].append(next) }
        if !writes || lines[session]?.first == next { start(next) }
        next += 1
        mostInside = max(mostInside, admission.count - admission.waiting(of: session))
    }

    private mutating func start(_ number: Int) {
        guard let request = requests[number] else { return }
        let decodes = decodes && !request.isWriter && Int.random(in: 0..<3, using: &random) == 0
        planner.add(number, of: request.session, slice: decodes ? .decode : .bulk)
    }

    mutating func serveSlice(at tick: Int) {
        now = tick
        guard let number = planner.next(), var request = requests[number] else { return }
        planner.charge(number, 1)
        served[request.session.user, default: 0] += 1
        request.left -= 1
        requests[number] = request
        guard request.left == 0 else { return }
        request.waited = tick - request.arrived
        finished.append(request)
        requests[number] = nil
        planner.remove(number)
        if request.isWriter {
            lines[request.session]?.removeFirst()
            if let waiting = lines[request.session]?.first {
                admission.stepForward(request.session)
                start(waiting)
            } else {
                lines[request.session] = nil
            }
        }
        admission.leave(request.session, staySeconds: Double(request.waited))
    }

    mutating func takeFinished() -> [Request] {
        defer { finished = [] }
        return finished
    }
}
