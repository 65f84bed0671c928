import AllocationCounter
import OuterCortex
import Ratchets
import Testing
import TinyCore

/// What the hot paths ask the heap for. The counts are exact, and a number here may only shrink.
@Suite("Allocations in steady state")
struct AllocationTests {
    private static let shipped = #filePath.replacing(
        "Tests/RatchetTests/AllocationTests.swift", with: "deploy/cores/folio-5m")

    /// The share of a reading's few, and what a longer text and more synapses take.
    private static let ofShippedCore: [Workload: Double] = [
        .prefill: 0.05, .decodeFrozen: 0, .decodeAdapted: 0, .decodeDrafted: 0, .score: 0.1,
        .learn: 9.5,
    ]
    /// Its random bytes are no characters, which take room to mend.
    private static let ofTinyCore: [Workload: Double] = [
        .prefill: 0.2, .decodeFrozen: 0.5, .decodeAdapted: 1.5, .decodeDrafted: 1.5, .score: 0.1,
        .learn: 0.1,
    ]

    @Test("a token of the shipped core takes no more than it did", arguments: Workload.allCases)
    func shippedCore(work: Workload) throws {
        try expect(work, Cortex(folder: Self.shipped), tokens: 200, within: Self.ofShippedCore)
    }

    @Test("a token of a tiny core takes no more than it did", arguments: Workload.allCases)
    func tinyCore(work: Workload) throws {
        let folder = try TinyCore.make()
        defer { TinyCore.remove(folder) }
        try expect(work, Cortex(folder: folder), tokens: 40, within: Self.ofTinyCore)
    }

    private func expect(
        _ work: Workload, _ cortex: Cortex, tokens: Int, within limits: [Workload: Double]
    ) throws {
        guard hebb_counts_allocations() else { return }
        let found = work.allocations(cortex, Workload.engram(cortex), tokens: tokens)
        let limit = try #require(limits[work])
        #expect(found <= limit, "\(work.rawValue): \(found) allocations a token, allowed \(limit)")
    }

    @Test("an allocation is counted")
    func counts() {
        guard hebb_counts_allocations() else { return }
        let before = hebb_allocation_count()
        let array = [Int](unsafeUninitializedCapacity: 100) { _, count in count = 0 }
        withExtendedLifetime(array) {}
        #expect(hebb_allocation_count() == before + 1)
    }
}
