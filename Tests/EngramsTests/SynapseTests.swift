import Kernels
import Testing

@testable import Engrams

@Suite("A synaptic change")
struct SynapticChangeTests {
    @Test("is Hebb's, Oja's, ABCD's or an error's rule by its coefficients alone")
    func forms() {
        let (weight, pre, post) = (Float(0.5), Float(2), Float(-3))
        let hebb = SynapticChange(coincidence: 0.1)
        #expect(hebb(weight: weight, pre: pre, post: post) == Float(0.1) * 2 * -3)
        let oja = SynapticChange(coincidence: 0.1, selfLimit: 0.1)
        #expect(abs(oja(weight: weight, pre: pre, post: post) - (-0.6 - 0.1 * 9 * 0.5)) < 1e-6)
        let abcd = SynapticChange(
            coincidence: 1, presynaptic: 0.5, postsynaptic: 0.25, constant: 0.125)
        #expect(abs(abcd(weight: weight, pre: pre, post: post) - (-6 + 1 - 0.75 + 0.125)) < 1e-6)
        #expect(
            abcd.scaled(by: 2)(weight: weight, pre: pre, post: post)
                == 2 * abcd(weight: weight, pre: pre, post: post))
    }

    @Test("in Oja's form brings a neuron's weights to the inputs' first principal direction")
    func ojaConverges() {
        var generator = SeededGenerator(seed: 3)
        var weights: [Float] = [0.3, -0.2]
        let rule = SynapticChange(coincidence: 0.01, selfLimit: 0.01)
        for _ in 0..<8_000 {
            // Varies along (1, 1), hardly across it.
            let (along, across) = (generator.normal(), 0.2 * generator.normal())
            let input = [along + across, along - across]
            let output = zip(weights, input).reduce(0) { $0 + $1.0 * $1.1 }
            weights = zip(weights, input).map { $0 + rule(weight: $0, pre: $1, post: output) }
        }
        let norm = (weights[0] * weights[0] + weights[1] * weights[1]).squareRoot()
        #expect(abs(norm - 1) < 0.05)
        #expect(abs(abs(weights[0]) - abs(weights[1])) < 0.1)
    }
}

@Suite("Dense synapses")
struct DenseSynapsesTests {
    @Test("change by the outer product of post and pre, and never pass their norm")
    func update() {
        var synapses = DenseSynapses()
        let change = SynapticChange(coincidence: 0.5)
        synapses.update(post: [1, 2].span, pre: [3, -1].span, change: change, bound: 100)
        #expect(synapses.weights == [1.5, -0.5, 3, -1])
        var output: [Float] = [0, 0]
        var span = output.mutableSpan
        synapses.apply(to: [1, 1].span, into: &span)
        #expect(output == [1, 2])
        for _ in 0..<50 {
            synapses.update(post: [1, 2].span, pre: [3, -1].span, change: change, bound: 5)
        }
        #expect(abs(synapses.frobeniusNorm - 5) < 1e-4)
    }

    @Test("follow every coefficient as single synapses do")
    func general() {
        var generator = SeededGenerator(seed: 4)
        let change = SynapticChange(
            coincidence: 0.3, presynaptic: 0.2, postsynaptic: -0.1, constant: 0.05, selfLimit: 0.4)
        let start = (0..<16).map { _ in generator.normal() }
        let (post, pre) = (
            (0..<4).map { _ in generator.normal() }, (0..<4).map { _ in generator.normal() }
        )
        var synapses = DenseSynapses(size: 4, weights: start)
        synapses.update(post: post.span, pre: pre.span, change: change, bound: 1e6)
        for row in 0..<4 {
            for column in 0..<4 {
                let before = start[row * 4 + column]
                let after = before + change(weight: before, pre: pre[column], post: post[row])
                #expect(abs(synapses.weights[row * 4 + column] - after) < 1e-5)
            }
        }
    }
}

@Suite("An episodic memory")
struct EpisodicMemoryTests {
    private func episode(_ number: Int) -> Episode {
        Episode(
            key: [Float(number % 7) - 3, Float(number % 5) - 2, 1],
            latents: [Int32(number % 4), Int32(4 + number % 3)], token: Int32(number))
    }

    private func tokens(_ memory: EpisodicMemory, latent: Int32) -> [Int32] {
        var found: [Int32] = []
        memory.forEach(latent: latent) { found.append(memory.token(at: $0)) }
        return found
    }

    @Test("forgets the oldest and finds exactly the rest by their latents", arguments: [3, 10, 64])
    func ring(capacity: Int) {
        var memory = EpisodicMemory()
        for number in 0..<50 {
            memory.append(episode(number), capacity: capacity, isKept: true)
            let kept = max(0, number + 1 - capacity)...number
            #expect(memory.stored.map(\.token) == kept.map { Int32($0) })
            for latent in 0..<Int32(7) {
                let expected = kept.filter { episode($0).latents.contains(latent) }
                #expect(tokens(memory, latent: latent) == expected.map { Int32($0) })
            }
        }
        #expect(memory.count == min(50, capacity))
    }

    @Test("gives cosines, whatever a key's length, and 0 for a key of zeros")
    func similarity() {
        var memory = EpisodicMemory()
        let keys: [[Float]] = [[3, 4, 0], [0, 0, 0], [-300, -400, 0], [0, 0, 0.01]]
        for (number, key) in keys.enumerated() {
            memory.append(
                Episode(key: key, latents: [0], token: Int32(number)), capacity: 8, isKept: false)
        }
        var found = [Float](repeating: 9, count: 4)
        memory.similarities(at: [0, 1, 2, 3], to: [0.6, 0.8, 0], into: &found)
        for (value, expected) in zip(found, [Float(1), 0, -1, 0]) {
            #expect(abs(value - expected) < 0.01)
        }
    }

    @Test("goes on after its file exactly as if it had stayed in memory")
    func continues() throws {
        var sites = PlasticSites()
        for number in 0..<11 {
            sites.episodes.append(eight(number), capacity: 6, isKept: false)
        }
        var engram = Engram.empty(identity: identity)
        try engram.commit(Proposal(base: .zero, sites: sites, tokens: 11), within: SafeZone())
        var again = try Engram(serialized: engram.serialized(as: .workingState), name: "test")
        #expect(again.sites == engram.sites)
        for number in 11..<20 {
            engram.sites.episodes.append(eight(number), capacity: 6, isKept: false)
            again.sites.episodes.append(eight(number), capacity: 6, isKept: false)
        }
        #expect(
            try again.serialized(as: .workingState) == engram.serialized(as: .workingState))
        for latent in 0..<Int32(7) {
            #expect(
                tokens(again.sites.episodes, latent: latent)
                    == tokens(engram.sites.episodes, latent: latent))
        }
        let checkpoint = try Engram(serialized: engram.serialized(as: .checkpoint), name: "test")
        #expect(checkpoint.sites.episodes.isEmpty)
    }

    private func eight(_ number: Int) -> Episode {
        Episode(
            key: (0..<8).map { Float(($0 * number) % 5) - 2 },
            latents: [Int32(number % 4), Int32(4 + number % 3)], token: Int32(number))
    }
}
