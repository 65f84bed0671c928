extension SafeZone {
    typealias Place<Value> = any WritableKeyPath<SafeZone, Value> & Sendable

    /// One number of the zone as a constitution spells it.
    struct Number: Sendable {
        /// As in `rule.json`.
        let name: String
        let note: String
        let isWhole: Bool
        let get: @Sendable (SafeZone) -> Double
        let set: @Sendable (inout SafeZone, Double) -> Void
        /// Shortest text that reads back as the same value.
        let text: @Sendable (SafeZone) -> String

        init(_ name: String, _ path: Place<Double>, _ note: String) {
            self.init(
                name, note, false, { $0[keyPath: path] }, { $0[keyPath: path] = $1 },
                { "\($0[keyPath: path])" })
        }

        init(_ name: String, _ path: Place<Float>, _ note: String) {
            self.init(
                name, note, false, { Double($0[keyPath: path]) },
                { $0[keyPath: path] = Float($1) }, { "\($0[keyPath: path])" })
        }

        init(_ name: String, _ path: Place<Int>, _ note: String) {
            self.init(
                name, note, true, { Double($0[keyPath: path]) },
                { $0[keyPath: path] = Int($1) }, { "\($0[keyPath: path])" })
        }

        private init(
            _ name: String, _ note: String, _ isWhole: Bool,
            _ get: @escaping @Sendable (SafeZone) -> Double,
            _ set: @escaping @Sendable (inout SafeZone, Double) -> Void,
            _ text: @escaping @Sendable (SafeZone) -> String
        ) {
            self.name = name
            self.note = note
            self.isWhole = isWhole
            self.get = get
            self.set = set
            self.text = text
        }
    }

    /// All of them, in the order of the file.
    static let numbers: [Number] = [
        Number("maximum_divergence", \.maximumDivergence, "KL(output, frozen) of a token, nats"),
        Number("initial_trust", \.initialTrust, "adaptation's weight at a context's start"),
        Number("maximum_trust", \.maximumTrust, "its largest weight"),
        Number("trust_share", \.trustShare, "how much of it returns to the start at each token"),
        Number("weight_bound", \.weightBound, "largest weight of a bias or synapse, logits"),
        Number("matrix_bound", \.matrixBound, "largest norm of layer weights"),
        Number("minimum_gain", \.minimumGain, "of a site"),
        Number("maximum_gain", \.maximumGain, "of a site"),
        Number("synapse_budget", \.synapseBudget, "synapses that an engram keeps"),
        Number("context_budget", \.contextBudget, "contexts that an engram keeps"),
        Number("targets_per_context", \.targetsPerContext, "tokens that a context keeps"),
        Number("learning_gate", \.learningGate, "frozen loss above which learning pauses, nats"),
    ]

    /// This zone with the numbers that a draft states.
    /// - Throws: `EngramError.malformed` when one is outside its range.
    public func with(_ stated: [String: Double]) throws(EngramError) -> SafeZone {
        var zone = self
        for number in Self.numbers {
            if let value = stated[number.name] { number.set(&zone, value) }
        }
        try zone.validate()
        return zone
    }

    /// The numbers by their names, for whoever shows them.
    public var namedNumbers: [(name: String, value: Double, isWhole: Bool)] {
        Self.numbers.map { ($0.name, $0.get(self), $0.isWhole) }
    }
}
