/// W: sparse synapses from SAE latents to tokens, [latent, token] with only the touched entries.
///
/// Rows are found by a dictionary and their synapses are unordered; nothing computed from them
/// depends on that order, since a row names each token at most once.
public struct FeatureSynapses: Sendable, Equatable {
    private var rowOfLatent: [Int32: Int32] = [:]
    private var rows: [Row] = []

    private struct Row: Sendable {
        var latent: Int32
        var synapses: [Synapse]
    }

    public init() {}

    public var isEmpty: Bool { rows.allSatisfy(\.synapses.isEmpty) }

    /// - Complexity: O(rows).
    public var count: Int { rows.reduce(0) { $0 + $1.synapses.count } }

    func has(latent: Int32) -> Bool { rowOfLatent[latent] != nil }

    /// term_j ← term_j + activity·w_ij over the synapses of one latent i.
    /// - Parameter term: logits, shape [vocabulary].
    /// - Complexity: O(synapses of that latent); allocates nothing.
    public func add(latent: Int32, activity: Float, to term: inout MutableSpan<Float>) {
        guard let row = rowOfLatent[latent] else { return }
        let synapses = rows[Int(row)].synapses
        let span = synapses.span
        for index in span.indices {
            let synapse = span[index]
            term[Int(synapse.token)] += activity * synapse.weight
        }
    }

    /// Calls `body` with every synapse, in no order that means anything, until it throws.
    func visit<E: Error>(_ body: (Int32, Synapse) throws(E) -> Void) throws(E) {
        for row in rows {
            for synapse in row.synapses { try body(row.latent, synapse) }
        }
    }

    /// Lets `body` change one latent's synapses, a row being made where there is none. `body` must
    /// keep each token at most once.
    @inline(__always)
    public mutating func update(latent: Int32, _ body: (inout [Synapse]) -> Void) {
        if let row = rowOfLatent[latent] {
            body(&rows[Int(row)].synapses)
        } else {
            rowOfLatent[latent] = Int32(rows.count)
            rows.append(Row(latent: latent, synapses: []))
            body(&rows[rows.count - 1].synapses)
        }
    }

    /// Every synapse, sorted by latent and token: the canonical order of files and comparisons.
    /// - Complexity: O(n log n).
    public func sorted() -> [(latent: Int32, synapse: Synapse)] {
        var all: [(latent: Int32, synapse: Synapse)] = []
        for row in rows.sorted(by: { $0.latent < $1.latent }) {
            for synapse in row.synapses.sorted(by: { $0.token < $1.token }) {
                all.append((row.latent, synapse))
            }
        }
        return all
    }

    /// Adds the synapses of a sorted list; used to rebuild from a file or from arithmetic.
    public init(_ entries: [(latent: Int32, synapse: Synapse)]) {
        for entry in entries {
            update(latent: entry.latent) { $0.append(entry.synapse) }
        }
    }

    /// Keeps the `budget` synapses of largest magnitude; ties keep the lower latent, then token.
    /// - Returns: How many were dropped.
    /// - Complexity: O(n log n) when over budget, O(rows) otherwise.
    mutating func prune(to budget: Int) -> Int {
        let before = count
        guard before > budget else { return 0 }
        let ranked = sorted().enumerated().sorted {
            let (a, b) = (abs($0.element.synapse.weight), abs($1.element.synapse.weight))
            return a == b ? $0.offset < $1.offset : a > b
        }
        let kept = ranked.prefix(budget).sorted { $0.offset < $1.offset }.map(\.element)
        self = FeatureSynapses(kept)
        return before - budget
    }

    mutating func scale(by factor: Float) {
        for row in rows.indices {
            for index in rows[row].synapses.indices { rows[row].synapses[index].weight *= factor }
        }
    }

    mutating func dropUsage() {
        for row in rows.indices {
            for index in rows[row].synapses.indices { rows[row].synapses[index].usage = 0 }
        }
    }

    public static func == (a: FeatureSynapses, b: FeatureSynapses) -> Bool {
        a.sorted().elementsEqual(b.sorted()) { $0.latent == $1.latent && $0.synapse == $1.synapse }
    }
}
