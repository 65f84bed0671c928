import CKernels
import Glibc
import Synchronization

/// The pages of many contexts: counts what they take, and keeps a few of those given back, so that
/// contexts which come and go ask the heap for nothing.
public final class PageMemory: Sendable {
    private let bytes = Atomic(0)
    private let pages = Atomic(0)
    private let spare = Mutex(Spare())

    private struct Spare: Sendable {
        var pages: [KeyValuePage] = []
        var byteCount = 0
    }

    /// Most that is kept of what was given back.
    private static let spareBytes = 16 << 20

    public init() {}

    /// Bytes of all pages that some context has; a page that several have counts once.
    public var byteCount: Int { bytes.load(ordering: .relaxed) }
    public var pageCount: Int { pages.load(ordering: .relaxed) }

    fileprivate func take(byteCount: Int) -> KeyValuePage {
        bytes.wrappingAdd(byteCount, ordering: .relaxed)
        pages.wrappingAdd(1, ordering: .relaxed)
        let known = spare.withLock { spare -> KeyValuePage? in
            guard let last = spare.pages.lastIndex(where: { $0.byteCount == byteCount })
            else { return nil }
            spare.byteCount -= byteCount
            return spare.pages.remove(at: last)
        }
        return known ?? KeyValuePage(byteCount: byteCount)
    }

    fileprivate func giveBack(_ page: KeyValuePage) {
        bytes.wrappingSubtract(page.byteCount, ordering: .relaxed)
        pages.wrappingSubtract(1, ordering: .relaxed)
        spare.withLock { spare in
            guard spare.byteCount + page.byteCount <= Self.spareBytes else { return }
            spare.byteCount += page.byteCount
            spare.pages.append(page)
        }
    }
}

/// Keys and values of ``positions`` consecutive tokens. Contexts that have it count themselves.
///
/// Sendable by this invariant: only the one context that has it writes to it, and none has one that
/// is spare.
private final class KeyValuePage: @unchecked Sendable {
    let base: UnsafeMutableRawPointer
    let byteCount: Int
    let users = Atomic(1)

    /// From this size on a page is the system's own, not the heap's: it outlives the passes between
    /// which it was made, and would leave holes there.
    private static let mappedBytes = 64 << 10

    init(byteCount: Int) {
        let place: UnsafeMutableRawPointer?
        if byteCount >= Self.mappedBytes {
            place = mmap(
                nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
            precondition(
                place != MAP_FAILED, "KeyValuePages: the system has no \(byteCount) bytes")
        } else {
            place = .allocate(byteCount: byteCount, alignment: 64)
        }
        base = place!
        self.byteCount = byteCount
    }

    deinit {
        if byteCount >= Self.mappedBytes {
            munmap(base, byteCount)
        } else {
            base.deallocate()
        }
    }
}

/// In which numbers keys and values are kept.
public enum KeyValuePrecision: Sendable {
    /// IEEE half precision; what is above 65,504 becomes that.
    case half
    /// As they were computed.
    case single

    var cell: hebb_cell { self == .half ? HEBB_HALF : HEBB_SINGLE }
    var bytes: Int { hebb_cell_bytes(cell) }
}

/// The keys and values of one context, for blocks of one kind, in pages of 16 tokens. Pages come one
/// by one as the context grows; contexts that begin with the same tokens can have the same pages, and
/// whoever writes to a page that others have gets a copy first.
///
/// A token has a *part* a head: a key and a value, 2·headSize numbers.
///
/// Has one owner, who does one thing at a time with it; of two that have pages in common, the owners
/// need not know of each other. Sendable by this invariant, so that the segments of a pass are.
public final class KeyValuePages: @unchecked Sendable {
    /// Tokens a page.
    public static let positions = Int(HEBB_PAGE)

    private let parts: Int
    private let headSize: Int
    private let precision: KeyValuePrecision
    private let memory: PageMemory
    /// By number; nil where they were given up.
    private var pages: [KeyValuePage?] = []
    /// Where they begin; kernels read it. Has room for all that there may be.
    private let table: UnsafeMutablePointer<UnsafeRawPointer?>
    private let capacity: Int
    /// The first position that is still there.
    public private(set) var firstPosition = 0

    /// - Parameters:
    ///   - parts: heads of all blocks.
    ///   - capacity: most tokens.
    /// - Complexity: O(capacity/16), half a byte a token; pages come later.
    public init(
        parts: Int, headSize: Int, precision: KeyValuePrecision, capacity: Int, memory: PageMemory
    ) {
        precondition(parts > 0 && headSize > 0 && capacity > 0)
        self.parts = parts
        self.headSize = headSize
        self.precision = precision
        self.memory = memory
        self.capacity = Self.pageCount(capacity)
        table = .allocate(capacity: self.capacity)
        table.initialize(repeating: nil, count: self.capacity)
        pages.reserveCapacity(self.capacity)
    }

    deinit {
        for page in pages { drop(page) }
        table.deallocate()
    }

    /// The last context that has a page gives it back.
    private func drop(_ page: KeyValuePage?) {
        guard let page, page.users.subtract(1, ordering: .acquiringAndReleasing).newValue == 0
        else { return }
        memory.giveBack(page)
    }

    private func take() -> KeyValuePage {
        let page = memory.take(byteCount: pageBytes)
        page.users.store(1, ordering: .relaxed)
        return page
    }

    /// Bytes of one page of so many heads.
    public static func pageBytes(
        parts: Int, headSize: Int, precision: KeyValuePrecision
    ) -> Int {
        parts * hebb_page_part(headSize) * precision.bytes
    }

    private var pageBytes: Int {
        Self.pageBytes(parts: parts, headSize: headSize, precision: precision)
    }

    public static func pageCount(_ tokens: Int) -> Int { (tokens + positions - 1) / positions }

    /// What its pages take, those that others have too included.
    public var byteCount: Int { pages.count { $0 != nil } * pageBytes }

    /// Makes the pages of these positions there, and this context's alone. Those before must be
    /// there or given up.
    /// - Complexity: O(bytes) for each page that has others too; else nothing is written.
    public func prepare(_ range: Range<Int>) {
        precondition(
            range.lowerBound <= pages.count * Self.positions
                && Self.pageCount(range.upperBound) <= capacity, "KeyValuePages: out of order")
        for index in range.lowerBound / Self.positions..<Self.pageCount(range.upperBound) {
            if index == pages.count {
                pages.append(take())
            } else {
                guard let page = pages[index] else { preconditionFailure("a page given up") }
                if page.users.load(ordering: .acquiring) > 1 {
                    let own = take()
                    own.base.copyMemory(from: page.base, byteCount: page.byteCount)
                    pages[index] = own
                    drop(page)
                }
            }
            table[index] = pages[index].map { UnsafeRawPointer($0.base) }
        }
    }

    /// Gives up the pages from position `count` on.
    public func truncate(to count: Int) {
        let kept = Self.pageCount(count)
        while pages.count > kept {
            drop(pages.removeLast())
            table[pages.count] = nil
        }
        if count == 0 { firstPosition = 0 }
    }

    /// Gives up the pages that lie before `position` as a whole.
    public func release(before position: Int) {
        for index in firstPosition / Self.positions..<max(firstPosition, position) / Self.positions
        {
            drop(pages[index])
            pages[index] = nil
            table[index] = nil
            firstPosition = (index + 1) * Self.positions
        }
    }

    /// Has the first `count` positions of another context, whose pages stay as they are.
    /// - Precondition: both are of one shape; it is empty.
    /// - Complexity: O(count/16).
    public func share(_ other: KeyValuePages, count: Int) {
        precondition(
            pages.isEmpty && parts == other.parts && headSize == other.headSize
                && precision == other.precision
                && Self.pageCount(count) <= min(capacity, other.pages.count),
            "KeyValuePages: pages of another shape")
        for index in 0..<Self.pageCount(count) {
            other.pages[index]?.users.add(1, ordering: .relaxed)
            pages.append(other.pages[index])
            table[index] = other.table[index]
        }
        firstPosition = min(other.firstPosition, pages.count * Self.positions)
    }

    /// Copies the first `count` positions of another context that has more blocks, of which these
    /// are the last.
    /// - Complexity: O(bytes).
    public func copy(from other: KeyValuePages, count: Int) {
        precondition(
            headSize == other.headSize && precision == other.precision && parts <= other.parts
                && Self.pageCount(count) <= other.pages.count,
            "KeyValuePages: pages of another shape")
        truncate(to: 0)
        let skipped = (other.parts - parts) * hebb_page_part(headSize) * precision.bytes
        for index in 0..<Self.pageCount(count) {
            guard let source = other.pages[index] else {
                pages.append(nil)
                firstPosition = (index + 1) * Self.positions
                continue
            }
            let page = take()
            page.base.copyMemory(from: source.base + skipped, byteCount: page.byteCount)
            pages.append(page)
            table[index] = UnsafeRawPointer(page.base)
        }
    }

    /// Valid while this is there.
    var pointers: UnsafePointer<UnsafeRawPointer?> { UnsafePointer(table) }

    /// Checks what a pass reads and writes.
    func check(_ block: AttentionKernels.Block, position: Int, rows: Int) {
        let end = position + rows
        precondition(
            rows > 0 && end <= pages.count * Self.positions && headSize == block.headSize
                && precision == block.precision
                && (0...parts - block.keyValueHeads).contains(block.firstPart),
            "attend: keys that are not there")
        let seen = position + 1 - min(position + 1, block.window ?? Int.max)
        precondition(seen >= firstPosition, "attend: keys that were given up")
    }
}
