import Engrams
import Kernels
import Testing

@testable import Scheduling

@Suite struct AdmissionTests {
    private func session(_ text: String) -> SessionID { SessionID(text)! }

    /// How many requests of a session get in before one is refused, and why that one is not.
    private func flood(
        _ admission: inout Admission, _ session: SessionID
    ) -> (count: Int, refusal: Admission.Refusal) {
        var count = 0
        while true {
            do { try admission.enter(session) } catch { return (count, error) }
            count += 1
        }
    }

    @Test("One flood leaves room, several come to equal shares, and a newcomer always gets in")
    func shares() throws {
        var admission = Admission(capacity: 64)
        let first = flood(&admission, session("a/1"))
        #expect(first.count == 45)
        #expect(first.refusal == .session(requests: 45))
        let second = flood(&admission, session("a/2"))
        #expect(first.count + second.count == 48)
        #expect(second.refusal == .user(requests: 48))
        #expect(flood(&admission, session("b/1")).count == 12)
        // Fifty users later each is still let in once, though nothing is free any more.
        for user in 0..<50 { try admission.enter(session("user-\(user)")) }
        #expect(throws: Admission.Refusal.full) { try admission.enter(session("user-1")) }
        #expect(admission.count <= 2 * 64)
        // The one who came first gives way as requests end: 48 of 64 are too many for two.
        for _ in 0..<40 { admission.leave(session("a/1"), staySeconds: 1) }
        #expect(throws: (any Error).self) { try admission.enter(session("user-1")) }
        for user in 0..<50 { admission.leave(session("user-\(user)"), staySeconds: 1) }
        try admission.enter(session("b/1"))
    }

    @Test("A place is given back in a line, and taken again on leaving it")
    func lines() throws {
        var admission = Admission(capacity: 4)
        let (alice, bob) = (session("alice"), session("bob"))
        try admission.enter(alice)
        for waiting in 1...3 {
            try admission.enter(alice)
            try admission.lineUp(alice)
            #expect(admission.waiting(of: alice) == waiting)
        }
        // In line is her own session's next, who keeps his place to leave with.
        try admission.enter(alice)
        #expect(throws: Admission.Refusal.user(requests: 3)) { try admission.lineUp(alice) }
        admission.leave(alice, staySeconds: 1)
        for _ in 0..<3 { try admission.enter(bob) }
        #expect(admission.count == 7)
        admission.leave(alice, staySeconds: 1)
        admission.stepForward(alice)
        #expect(admission.waiting(of: alice) == 2)
        #expect(admission.count == 6)
    }

    @Test("A refused client is told when, going by how long requests stay")
    func retryAfter() throws {
        var admission = Admission(capacity: 8)
        let alice = session("alice")
        _ = flood(&admission, alice)
        #expect(admission.retryAfterSeconds(.user(requests: 6), of: alice) == 1)
        admission.leave(alice, staySeconds: 60)
        #expect(admission.retryAfterSeconds(.user(requests: 6), of: alice) == 10)
        #expect(admission.retryAfterSeconds(.user(requests: 1), of: alice) == 60)
        for _ in 0..<4 { admission.leave(alice, staySeconds: 1000) }
        #expect(admission.retryAfterSeconds(.session(requests: 1), of: alice) == 60)
        #expect(admission.retryAfterSeconds(.full, of: session("bob")) == 1)
    }

    @Test("Random requests never hold more than twice the capacity, and none is lost count of")
    func bounds() {
        var random = SeededGenerator(seed: 5)
        let sessions = (0..<12).map { session("user-\($0 / 3)/\($0 % 3)") }
        var admission = Admission(capacity: 7)
        var inside: [SessionID] = []
        var waiting: [SessionID] = []
        for _ in 0..<20_000 {
            let id = sessions.randomElement(using: &random)!
            switch Int.random(in: 0..<5, using: &random) {
            case 0, 1:
                let users = Set(inside.map(\.user))
                let isFirst = !users.contains(id.user) && users.count < 7
                do { try admission.enter(id) } catch {
                    #expect(!isFirst)
                    continue
                }
                inside.append(id)
            case 2:
                guard !inside.isEmpty else { continue }
                admission.leave(
                    inside.remove(at: .random(in: inside.indices, using: &random)),
                    staySeconds: 1)
            case 3:
                guard let index = inside.firstIndex(of: id),
                    (try? admission.lineUp(id)) != nil
                else { continue }
                waiting.append(inside.remove(at: index))
            default:
                // As the scheduler does: on somebody's leaving.
                guard let index = inside.firstIndex(of: id),
                    let next = waiting.firstIndex(of: id)
                else { continue }
                admission.stepForward(id)
                admission.leave(inside.remove(at: index), staySeconds: 1)
                inside.append(waiting.remove(at: next))
            }
            #expect(admission.count == inside.count + waiting.count)
            #expect(inside.count <= 14 && waiting.count <= 14)
        }
    }
}
