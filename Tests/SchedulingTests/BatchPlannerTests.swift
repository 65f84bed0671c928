import Engrams
import Kernels
import Testing

@testable import Scheduling

@Suite struct BatchPlannerTests {
    @Test("Sessions take turns, whatever the number of their tasks")
    func roundRobin() {
        var planner = BatchPlanner(decodeBurstMaximum: 4)
        for task in 1...3 { planner.add(task, of: alice, slice: .bulk) }
        planner.add(4, of: bob, slice: .bulk)
        #expect((0..<8).map { _ in planner.next() } == [1, 4, 2, 4, 3, 4, 1, 4])
    }

    @Test("Users take turns, whatever the number of their sessions")
    func usersFirst() {
        var planner = BatchPlanner(decodeBurstMaximum: 4)
        planner.add(1, of: alice, slice: .bulk)
        planner.add(2, of: work, slice: .bulk)
        planner.add(3, of: bob, slice: .bulk)
        #expect((0..<6).map { _ in planner.next() } == [1, 3, 2, 3, 1, 3])
        planner.remove(2)
        #expect((0..<4).map { _ in planner.next() } == [1, 3, 1, 3])
    }

    @Test("Who comes after a pause is next, whatever the others' turns; pauses save up nothing")
    func newcomer() {
        var planner = BatchPlanner(decodeBurstMaximum: 4)
        planner.add(1, of: alice, slice: .bulk)
        planner.add(2, of: work, slice: .bulk)
        func run() -> Int? {
            let task = planner.next()
            if let task { planner.charge(task, 10) }
            return task
        }
        #expect((0..<3).map { _ in run() } == [1, 2, 1])
        let isNew = planner.add(3, of: bob, slice: .bulk)
        #expect(isNew)
        #expect((0..<4).map { _ in run() } == [3, 2, 3, 1])
        planner.remove(3)
        for _ in 0..<10 { _ = run() }
        planner.add(3, of: bob, slice: .bulk)
        #expect((0..<5).map { _ in run() } == [3, 2, 3, 1, 3])
    }

    @Test("Leaving and coming back takes nobody's share")
    func comingBack() {
        var planner = BatchPlanner(decodeBurstMaximum: 4)
        planner.add(0, of: alice, slice: .bulk)
        var slices = [0, 0]
        for round in 1...100 {
            planner.add(round, of: bob, slice: .bulk)
            let task = planner.next()!
            planner.charge(task, 1)
            slices[task == 0 ? 0 : 1] += 1
            planner.remove(round)
        }
        #expect(slices == [50, 50])
    }

    @Test("Those who may share a pass: decoding first, and one of each user before a second of any")
    func sharing() {
        var planner = BatchPlanner(decodeBurstMaximum: 4)
        for task in 1...3 { planner.add(task, of: alice, slice: .bulk) }
        planner.add(4, of: work, slice: .bulk)
        planner.add(5, of: bob, slice: .bulk)
        planner.add(6, of: bob, slice: .decode)
        #expect(planner.others(than: 3) == [6, 1, 5, 4, 2])
        let chosen = planner.next()!
        #expect(chosen == 6)
        planner.charge(chosen, 1)
        #expect(planner.others(than: chosen) == [1, 5, 4, 2, 3])
    }

    @Test("One user's flood does not fill a pass")
    func sharersOfUser() {
        var planner = BatchPlanner(decodeBurstMaximum: 4)
        for task in 0..<40 { planner.add(task, of: alice, slice: .decode) }
        planner.add(99, of: bob, slice: .decode)
        let sharers = planner.others(than: 99)
        #expect(sharers.count == BatchPlanner.sharersOfUser)
        #expect(planner.others(than: 0).prefix(2).contains(99))
    }

    @Test("Users share time, not slices")
    func time() {
        var planner = BatchPlanner(decodeBurstMaximum: 4)
        planner.add(1, of: alice, slice: .bulk)
        planner.add(2, of: bob, slice: .bulk)
        var spent = [1: 0.0, 2: 0.0]
        for _ in 0..<300 {
            let task = planner.next()!
            let cost = task == 1 ? 3.0 : 0.5
            planner.charge(task, cost)
            spent[task]! += cost
        }
        #expect(abs(spent[1]! - spent[2]!) <= 3)
    }

    @Test("Decoding goes first, and longer work gets every fifth slice")
    func decodeFirst() {
        var planner = BatchPlanner(decodeBurstMaximum: 4)
        planner.add(1, of: alice, slice: .decode)
        planner.add(2, of: bob, slice: .bulk)
        #expect((0..<10).map { _ in planner.next() } == [1, 1, 1, 1, 2, 1, 1, 1, 1, 2])
        planner.remove(1)
        #expect(planner.next() == 2)
    }

    @Test("A burst counts tokens: those of many who share a pass make longer work due at once")
    func sharedBurst() {
        var planner = BatchPlanner(decodeBurstMaximum: 4)
        let many = (1...6).map { SessionID("user-\($0)")! }
        for (task, session) in many.enumerated() {
            planner.add(task, of: session, slice: .decode)
        }
        planner.add(9, of: bob, slice: .bulk)
        for _ in 0..<5 {
            let decoder = planner.next()!
            #expect(decoder != 9)
            for task in many.indices { planner.charge(task, 1) }
            // Those that share the longer slice's pass are no burst.
            let bulk = planner.next()
            #expect(bulk == 9)
            for task in many.indices { planner.charge(task, 1) }
        }
    }

    @Test("A burst is counted from when longer work waits")
    func burstStart() {
        var planner = BatchPlanner(decodeBurstMaximum: 2)
        planner.add(1, of: alice, slice: .decode)
        for _ in 0..<10 { #expect(planner.next() == 1) }
        planner.add(2, of: bob, slice: .bulk)
        #expect((0..<4).map { _ in planner.next() } == [1, 1, 2, 1])
    }

    @Test("A removed task never runs again, and an empty plan runs nothing")
    func removal() {
        var planner = BatchPlanner(decodeBurstMaximum: 1)
        planner.add(1, of: alice, slice: .bulk)
        planner.add(2, of: alice, slice: .decode)
        planner.remove(2)
        planner.remove(2)
        planner.change(2, to: .bulk)
        #expect((0..<3).map { _ in planner.next() } == [1, 1, 1])
        planner.remove(1)
        #expect(planner.next() == nil)
        #expect(planner.tasks.isEmpty)
    }

    /// Random arrivals, ends and changes of kind; after each decision the promises are checked
    /// against a plain count of how long every task has waited.
    @Test("Nobody waits longer than the bound, in 200 random histories", arguments: 0..<200)
    func noStarvation(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        let burst = 1 + Int.random(in: 0..<8, using: &random)
        var planner = BatchPlanner(decodeBurstMaximum: burst)
        let sessions = ["a/1", "a/2", "b/1", "c/1"].map { SessionID($0)! }
        var waited: [Int: Int] = [:]
        var place: [Int: (session: SessionID, slice: BatchPlanner.Slice)] = [:]
        var next = 0
        /// The most that the bound has been while the task waited: others may come and go.
        var bounds: [Int: Int] = [:]
        for _ in 0..<400 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0 where place.count < 12:
                let session = sessions.randomElement(using: &random)!
                let slice: BatchPlanner.Slice = Bool.random(using: &random) ? .bulk : .decode
                planner.add(next, of: session, slice: slice)
                (place[next], waited[next]) = ((session, slice), 0)
                next += 1
            case 1:
                guard let task = place.keys.sorted().randomElement(using: &random) else { break }
                planner.remove(task)
                (place[task], waited[task], bounds[task]) = (nil, nil, nil)
            case 2:
                guard let task = place.keys.sorted().randomElement(using: &random) else { break }
                planner.change(task, to: .decode)
                if place[task]!.slice != .decode { waited[task] = 0 }
                place[task]!.slice = .decode
            default: break
            }
            for (task, found) in place where found.slice == .bulk {
                let rivals = place.values.filter { $0.slice == .bulk }
                let users = Set(rivals.map(\.session.user)).count
                let mine = rivals.filter { $0.session.user == found.session.user }
                let ofUser = Set(mine.map(\.session)).count
                let ofSession = mine.count { $0.session == found.session }
                bounds[task] = max(
                    bounds[task] ?? 0, (burst + 1) * users * ofUser * ofSession)
            }
            guard let chosen = planner.next() else {
                #expect(place.isEmpty)
                continue
            }
            #expect(place[chosen] != nil)
            for task in place.keys { waited[task]! += 1 }
            waited[chosen] = 0
            bounds[chosen] = nil
            for (task, found) in place where found.slice == .bulk && task != chosen {
                #expect(waited[task]! <= bounds[task]! * 2)
            }
        }
    }
}
