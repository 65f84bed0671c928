/// What a user does with two sessions, one thing after the other: made up from a seed, the same
/// on every server.
struct History: Sendable {
    enum Action: Sendable, Equatable {
        case observe(text: String)
        case checkpoint
        /// The other session, scaled and added to this one.
        case merge(scale: Double)
        /// To what the step with this number made.
        case restore(step: Int)
        case reset
        /// What the step with this number taught.
        case forget(step: Int)
    }

    struct Step: Sendable, Equatable, CustomStringConvertible {
        let number: Int
        let session: String
        let action: Action

        var description: String { "\(number) \(session) \(action)" }
    }

    static let sessions = ["default", "side"]
    let user: String
    private(set) var steps: [Step] = []
    private var choices: SeededChoices

    init(user: String, seed: UInt64) {
        self.user = user
        choices = SeededChoices(seed: seed)
    }

    /// The step of that number; the ones before are made when they were not.
    mutating func step(_ number: Int) -> Step {
        while steps.count <= number { steps.append(invent(steps.count)) }
        return steps[number]
    }

    private mutating func invent(_ number: Int) -> Step {
        let session = Self.sessions[choices.below(4) == 0 ? 1 : 0]
        func earlier(_ wanted: (Action) -> Bool) -> Int? {
            steps.filter { wanted($0.action) }.map(\.number).randomElement(using: &choices)
        }
        var action = Action.observe(text: sentence())
        switch choices.below(20) {
        case 0...2: action = .checkpoint
        case 3, 4: action = .merge(scale: [0.5, 1, -0.5][choices.below(3)])
        case 5:
            if let step = earlier({ $0 == .checkpoint }) { action = .restore(step: step) }
        case 6: if choices.below(3) == 0 { action = .reset }
        case 7, 8:
            let isLesson = { (action: Action) in if case .observe = action { true } else { false } }
            if let step = earlier(isLesson) { action = .forget(step: step) }
        default: break
        }
        return Step(number: number, session: session, action: action)
    }

    private mutating func sentence() -> String {
        let words = [
            "the", "heron", "on", "a", "pier", "and", "an", "eel", "in", "there", "Ottoline",
            "eats", "other", "no", "end", "rain", "than", "wind",
        ]
        let chosen = (0..<(3 + choices.below(20))).map { _ in words[choices.below(words.count)] }
        return chosen.joined(separator: " ") + "."
    }
}
