import Kernels
import Testing

/// The pages of contexts, and attention over several of them.
@Suite struct KeyValuePagesTests {
    static let block = AttentionKernels.Block(
        heads: 4, keyValueHeads: 2, headSize: 20, firstPart: 2, window: nil, scale: 0.3,
        precision: .half)
    static let width = (4 + 2 * 2) * 20
    let memory = PageMemory()

    func pages(_ capacity: Int = 400) -> KeyValuePages {
        KeyValuePages(
            parts: 4, headSize: 20, precision: .half, capacity: capacity, memory: memory)
    }

    func rows(_ count: Int, seed: UInt64) -> [Float] {
        var generator = SeededGenerator(seed: seed)
        return (0..<count * Self.width).map { _ in generator.normal() }
    }

    /// Runs rows of several contexts in one call; each brings its pages, rows and position.
    func attend(
        _ contexts: [(pages: KeyValuePages, input: [Float], position: Int)],
        on pool: WorkerPool? = nil, _ block: AttentionKernels.Block = block
    ) -> [[UInt32]] {
        var (segments, ranges, input): ([AttentionKernels.Segment], [Range<Int>], [Float]) =
            ([], [], [])
        for (pages, own, position) in contexts {
            let first = input.count / Self.width
            input += own
            let count = own.count / Self.width
            ranges.append(first * 80..<(first + count) * 80)
            pages.prepare(position..<position + count)
            segments.append(
                AttentionKernels.Segment(
                    pages: pages, rows: first..<first + count, position: position))
        }
        let count = input.count / Self.width
        var out = [Float](repeating: .nan, count: count * 80)
        var scratch = [Float](
            repeating: .nan, count: AttentionKernels.scratchCount(keys: 400, on: pool))
        do {
            var target = out.mutableSpan
            var room = scratch.mutableSpan
            AttentionKernels.attend(
                segments, block, input: input.span, keys: 400, scratch: &room, on: pool,
                into: &target)
        }
        return ranges.map { out[$0].map(\.bitPattern) }
    }

    @Test("Contexts together, in pieces, and on any number of threads have the bits of each alone")
    func together() {
        let texts = [(300, 1), (1, 2), (75, 3), (16, 4)].map { rows($0, seed: UInt64($1)) }
        let alone = texts.map { attend([(pages(), $0, 0)])[0] }
        for threads in 1...3 {
            let pool = WorkerPool(threads: threads)
            #expect(attend(texts.map { (pages(), $0, 0) }, on: pool) == alone)
        }
        for piece in [1, 13, 16, 64] {
            let context = pages()
            var found: [UInt32] = []
            for start in stride(from: 0, to: 75, by: piece) {
                let part = texts[2][start * Self.width..<min(75, start + piece) * Self.width]
                found += attend([(context, Array(part), start)])[0]
            }
            #expect(found == alone[2])
        }
    }

    @Test("Pages are there while some context has them")
    func counts() {
        let bytes = KeyValuePages.pageBytes(parts: 4, headSize: 20, precision: .half)
        #expect(bytes == 4 * 20 * 16 * 2 * 2)
        var context: KeyValuePages? = pages()
        #expect(memory.byteCount == 0)
        context?.prepare(0..<17)
        #expect(memory.byteCount == 2 * bytes && memory.pageCount == 2)
        context?.prepare(17..<32)
        #expect(memory.pageCount == 2)
        var other: KeyValuePages? = pages()
        if let context { other?.share(context, count: 20) }
        #expect(memory.pageCount == 2 && other?.byteCount == 2 * bytes)
        // The second page has others' tokens too.
        other?.prepare(20..<21)
        #expect(memory.pageCount == 3)
        context?.truncate(to: 16)
        #expect(memory.pageCount == 2)
        context = nil
        #expect(memory.pageCount == 2)
        other = nil
        #expect(memory.pageCount == 0 && memory.byteCount == 0)
    }

    @Test("Contexts with a beginning in common go on by themselves, with the bits of one alone")
    func shares() {
        let (beginning, one, other) = (rows(70, seed: 5), rows(30, seed: 6), rows(30, seed: 7))
        let first = pages()
        _ = attend([(first, beginning, 0)])
        let second = pages()
        second.share(first, count: 70)
        let found = attend([(first, one, 70), (second, other, 70)])
        for (index, ending) in [one, other].enumerated() {
            let alone = attend([(pages(), beginning + ending, 0)])[0]
            #expect(found[index] == Array(alone[(70 * 80)...]))
        }
        // A beginning that ends within a page, written to by one of three.
        let third = pages()
        third.share(second, count: 41)
        let changed = attend([(third, one, 41)])[0]
        let fresh = attend([(pages(), Array(beginning[..<(41 * Self.width)]) + one, 0)])[0]
        #expect(changed == Array(fresh[(41 * 80)...]))
        #expect(attend([(second, one, 100)])[0].allSatisfy { !Float(bitPattern: $0).isNaN })
    }

    @Test("What no window reaches is given up, and nothing changes")
    func windows() {
        let windowed = AttentionKernels.Block(
            heads: 4, keyValueHeads: 2, headSize: 20, firstPart: 2, window: 40, scale: 0.3,
            precision: .half)
        let text = rows(200, seed: 8)
        let whole = attend([(pages(), text, 0)], windowed)[0]
        let context = pages()
        var found: [UInt32] = []
        for start in stride(from: 0, to: 200, by: 10) {
            let part = Array(text[start * Self.width..<(start + 10) * Self.width])
            found += attend([(context, part, start)], windowed)[0]
            context.release(before: start + 10 + 1 - 40)
            #expect(memory.pageCount <= 13 + 4)
        }
        #expect(found == whole)
        #expect(context.firstPosition == 160)
        let other = pages()
        other.share(context, count: 200)
        #expect(other.firstPosition == 160)
    }

    @Test("Keys that were given up stop the process, and so do pages out of order")
    func refusals() async {
        await #expect(processExitsWith: .failure) {
            let tests = KeyValuePagesTests()
            let context = tests.pages()
            _ = tests.attend([(context, tests.rows(40, seed: 1), 0)])
            context.release(before: 20)
            _ = tests.attend([(context, tests.rows(1, seed: 2), 40)])
        }
        await #expect(processExitsWith: .failure) {
            KeyValuePagesTests().pages().prepare(16..<17)
        }
    }
}
