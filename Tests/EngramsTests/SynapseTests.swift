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
        var search = EpisodicMemory.Search()
        search.run(in: memory, latents: [latent], values: [1], atMost: 1, enough: 1)
        return search.places.map { memory.token(at: Int($0)) }
    }

    @Test(
        "forgets the oldest, to a cohort, and finds exactly the rest by their latents",
        arguments: [1, 3, 8, 10, 24, 64])
    func ring(capacity: Int) {
        var memory = EpisodicMemory()
        let cohort = EpisodicMemory.cohortSize(capacity: capacity)
        for number in 0..<150 {
            memory.append(episode(number), capacity: capacity, isKept: true)
            #expect(memory.count == min(number + 1, capacity))
            let kept = memory.stored.map { Int($0.token) }.sorted()
            #expect(Set(kept).count == kept.count)
            let oldest = number + 1 - capacity
            #expect(kept.allSatisfy { oldest - cohort < $0 && $0 <= number })
            // Of what is newer than the oldest cohort there is nothing missing.
            #expect(Set(kept).isSuperset(of: max(0, oldest + cohort)..<number + 1))
            for latent in 0..<Int32(7) {
                let expected = kept.filter { episode($0).latents.contains(latent) }
                #expect(tokens(memory, latent: latent).sorted() == expected.map { Int32($0) })
            }
        }
    }

    @Test("Of positions of one age, nothing tells which came first")
    func unordered() throws {
        func engram(_ numbers: [Int]) throws -> Engram {
            var sites = PlasticSites()
            for number in numbers {
                sites.episodes.append(eight(number), capacity: 800, isKept: true)
            }
            var engram = Engram.empty(identity: identity)
            try engram.commit(Proposal(base: .zero, sites: sites, tokens: 1), within: SafeZone())
            return engram
        }
        let spoken = try engram(Array(0..<40))
        let tokens = spoken.sites.episodes.stored.map(\.token)
        #expect(tokens.sorted() == (0..<40).map { Int32($0) })
        // Neighbours in the file are neighbours in the text no more often than by chance, 1 in 20.
        let neighbours = zip(tokens, tokens.dropFirst()).count { abs($0 - $1) == 1 }
        #expect(neighbours < 8)
        for numbers in [Array((0..<40).reversed()), Array(20..<40) + Array(0..<20)] {
            let other = try engram(numbers)
            #expect(other.sites.episodes == spoken.sites.episodes)
            for kind in [Engram.FileKind.checkpoint, .workingState] {
                #expect(try other.serialized(as: kind) == spoken.serialized(as: kind))
            }
            #expect(
                (0..<Int32(7)).allSatisfy {
                    self.tokens(other.sites.episodes, latent: $0)
                        == self.tokens(spoken.sites.episodes, latent: $0)
                })
        }
    }

    @Test("The same position remembered twice is there twice, and goes once")
    func twice() {
        var memory = EpisodicMemory()
        for number in [1, 1, 2, 1] { memory.append(eight(number), capacity: 8, isKept: true) }
        #expect(tokens(memory, latent: 1).filter { $0 == 1 }.count == 3)
        for number in 10..<15 { memory.append(eight(number), capacity: 8, isKept: true) }
        #expect(memory.stored.map(\.token).filter { $0 == 1 }.count == 2)
        #expect(tokens(memory, latent: 1).filter { $0 == 1 }.count == 2)
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
        let query: [Float] = [0.6, 0.8, 0]
        memory.similarities(at: [0, 1, 2, 3], to: query.span, into: &found)
        for (value, expected) in zip(found, [Float(1), 0, -1, 0]) {
            #expect(abs(value - expected) < 0.01)
        }
    }

    @Test("goes on after its file exactly as if it had stayed in memory", arguments: [6, 40])
    func continues(capacity: Int) throws {
        var sites = PlasticSites()
        for number in 0..<capacity + 5 {
            sites.episodes.append(eight(number), capacity: capacity, isKept: false)
        }
        var engram = Engram.empty(identity: identity)
        try engram.commit(Proposal(base: .zero, sites: sites, tokens: 11), within: SafeZone())
        var again = try Engram(serialized: engram.serialized(as: .workingState), name: "test")
        #expect(again.sites == engram.sites)
        for number in capacity + 5..<2 * capacity + 8 {
            engram.sites.episodes.append(eight(number), capacity: capacity, isKept: false)
            again.sites.episodes.append(eight(number), capacity: capacity, isKept: false)
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
