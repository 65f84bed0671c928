import Kernels
import Testing

@testable import Scheduling

@Suite struct BatchPlannerTests {
    @Test("Sessions take turns, whatever the number of their tasks")
    func roundRobin() {
        var planner = BatchPlanner<String>(capacity: 9, decodeBurstMaximum: 4)
        for task in 1...3 { planner.add(task, of: "a", slice: .bulk) }
        planner.add(4, of: "b", slice: .bulk)
        #expect((0..<8).map { _ in planner.next() } == [1, 4, 2, 4, 3, 4, 1, 4])
    }

    @Test("Decoding goes first, and longer work gets every fifth slice")
    func decodeFirst() {
        var planner = BatchPlanner<String>(capacity: 9, decodeBurstMaximum: 4)
        planner.add(1, of: "a", slice: .decode)
        planner.add(2, of: "b", slice: .bulk)
        #expect((0..<10).map { _ in planner.next() } == [1, 1, 1, 1, 2, 1, 1, 1, 1, 2])
        planner.remove(1)
        #expect(planner.next() == 2)
    }

    @Test("A burst is counted from when longer work waits")
    func burstStart() {
        var planner = BatchPlanner<String>(capacity: 9, decodeBurstMaximum: 2)
        planner.add(1, of: "a", slice: .decode)
        for _ in 0..<10 { #expect(planner.next() == 1) }
        planner.add(2, of: "b", slice: .bulk)
        #expect((0..<4).map { _ in planner.next() } == [1, 1, 2, 1])
    }

    @Test("A full queue lets nobody in until somebody leaves")
    func bounded() {
        var planner = BatchPlanner<String>(capacity: 2, decodeBurstMaximum: 1)
        var answers = (0..<3).map { _ in planner.admit() }
        planner.leave()
        answers.append(planner.admit())
        #expect(answers == [true, true, false, true])
        #expect(planner.admitted == 2)
    }

    @Test("A removed task never runs again, and an empty plan runs nothing")
    func removal() {
        var planner = BatchPlanner<String>(capacity: 9, decodeBurstMaximum: 1)
        planner.add(1, of: "a", slice: .bulk)
        planner.add(2, of: "a", slice: .decode)
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
        var planner = BatchPlanner<Int>(capacity: 64, decodeBurstMaximum: burst)
        var waited: [Int: Int] = [:]
        var place: [Int: (session: Int, slice: BatchPlanner<Int>.Slice)] = [:]
        var next = 0
        /// The most that the bound has been while the task waited: others may come and go.
        var bounds: [Int: Int] = [:]
        for _ in 0..<400 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0 where place.count < 12:
                let session = Int.random(in: 0..<4, using: &random)
                let slice: BatchPlanner<Int>.Slice = Bool.random(using: &random) ? .bulk : .decode
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
                let sessions = Set(rivals.map(\.session)).count
                let mine = rivals.count { $0.session == found.session }
                bounds[task] = max(bounds[task] ?? 0, (burst + 1) * sessions * mine)
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
