import Foundation
import OuterCortex
import TinyCore

// Ratchets CORE allocations|time [WORK [TOKENS]]: what each kind of work takes, one "name figure" a
// line. `run` says of how many tokens, for a program that counts from outside (deploy/bench).
// Ratchets CORE drafting TEXT: what guesses of the next tokens are worth on a text.

let arguments = CommandLine.arguments.dropFirst()
guard arguments.count >= 2, let place = arguments.first else {
    print("usage: Ratchets CORE|tiny allocations|time|run [WORK|all [TOKENS]]")
    exit(2)
}
if arguments.dropFirst().first == "drafting", let path = arguments.dropFirst(2).first {
    let cortex = try Cortex(at: CoreLocation(place))
    let text = try String(contentsOfFile: path, encoding: .utf8)
    try DraftingComparison(cortex: cortex, text: text).run(repeats: 5)
    exit(0)
}
let (what, rest) = (arguments.dropFirst().first ?? "", Array(arguments.dropFirst(2)))
let works = rest.first.flatMap(Workload.init(rawValue:)).map { [$0] } ?? Workload.allCases
let tokens = rest.count > 1 ? Int(rest[1]) ?? 256 : 256
let folder = place == "tiny" ? try TinyCore.make() : place
defer { if place == "tiny" { TinyCore.remove(folder) } }
let cortex = try Cortex(at: CoreLocation(folder))
let engram = Workload.engram(cortex)

for work in works {
    switch what {
    case "allocations":
        let count = work.allocations(cortex, engram, tokens: tokens)
        print(work.rawValue, (count * 100).rounded() / 100)
    case "run":
        print(work.rawValue, work.countedRun(cortex, engram, tokens: tokens))
    case "time":
        // The best of five: what else the machine does only ever adds.
        let rates = (0..<5).map { _ in
            let step = work.prepared(cortex, engram, tokens: tokens)
            let start = ContinuousClock.now
            var done = 0
            while case let more = step(), more > 0 { done += more }
            return Double(done) / ((ContinuousClock.now - start) / .seconds(1))
        }
        print(work.rawValue, Int(rates.max() ?? 0))
    default:
        print("What is \(what)?")
        exit(2)
    }
}
