import Foundation
import GRDB
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A database's file beside SQLite, to overwrite what no row uses.
///
/// `secure_delete` zeroes what is deleted. When SQLite balances a tree it moves rows that are alive,
/// and what stood in the middle of the page that they left stays there, a name for one, until
/// something is written over it. Writing the whole file anew (`VACUUM`) would hold up everybody for
/// as long as that takes; the trees' own pages, without those of long values, are few.
///
/// It is open as long as the database is: when a process closes any descriptor of a file, it loses
/// all the locks that it has on it, SQLite's too.
final class DatabaseFile: Sendable {
    private let descriptor: Mutex<Int32?>

    /// Makes the file, private to this user, when it is missing.
    init(path: String) {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        // One that may not be written is SQLite's to refuse, in its own words.
        self.descriptor = Mutex(descriptor >= 0 ? descriptor : nil)
    }

    deinit { close() }

    /// After the database has been closed.
    func close() {
        if let descriptor = descriptor.withLock({ $0.take() }) { _ = Foundation.close(descriptor) }
    }

    /// Zeroes what stands between the cells' index and the cells of every page of the trees.
    ///
    /// A process that dies in between has changed nothing that is read.
    /// - Parameter roots: the trees' first pages.
    /// - Precondition: The log is empty, nobody writes, and SQLite reads the pages anew afterwards.
    /// - Complexity: Reads every page of the trees, which none of a long value's is.
    func zeroUnused(pageSize: Int, pageCount: Int, roots: [Int]) throws {
        guard let descriptor = descriptor.withLock({ $0 }) else { throw StorageError.readOnly }
        var pages = roots
        var left = pageCount
        var isChanged = false
        while let number = pages.popLast() {
            // More than there are: they go in a circle.
            left -= 1
            guard left >= 0, (1...pageCount).contains(number) else { throw Self.damage }
            let start = (number - 1) * pageSize
            var bytes = [UInt8](repeating: 0, count: pageSize)
            guard pread(descriptor, &bytes, pageSize, off_t(start)) == pageSize else {
                throw StorageError.inputOutput(code: Int(ResultCode.SQLITE_IOERR_READ.rawValue))
            }
            guard let page = TreePage(bytes, isFirst: number == 1) else { throw Self.damage }
            pages += page.children
            let unused = page.unused
            guard bytes[unused].contains(where: { $0 != 0 }) else { continue }
            let zeros = [UInt8](repeating: 0, count: unused.count)
            guard
                pwrite(descriptor, zeros, zeros.count, off_t(start + unused.lowerBound))
                    == zeros.count
            else {
                throw StorageError.inputOutput(code: Int(ResultCode.SQLITE_IOERR_WRITE.rawValue))
            }
            isChanged = true
        }
        guard !isChanged || fsync(descriptor) == 0 else {
            throw StorageError.inputOutput(code: Int(ResultCode.SQLITE_IOERR_FSYNC.rawValue))
        }
    }

    private static var damage: StorageError {
        .corrupt(code: Int(ResultCode.SQLITE_CORRUPT.rawValue))
    }
}

/// A page of a tree, as far as it is needed (sqlite.org/fileformat2.html, 1.6).
struct TreePage {
    /// The first pages of the trees below; none for a leaf.
    private(set) var children: [Int] = []
    /// Between the index of the cells and the first of them.
    let unused: Range<Int>

    /// - Parameter isFirst: whether it is the file's, which begins with the file's own header.
    /// - Returns: Nil for what is no such page.
    init?(_ bytes: [UInt8], isFirst: Bool) {
        let header = isFirst ? 100 : 0
        guard bytes.count >= 512 else { return nil }
        func number(at offset: Int, bytes count: Int) -> Int {
            bytes[offset..<offset + count].reduce(0) { $0 << 8 | Int($1) }
        }
        let isLeaf: Bool
        switch bytes[header] {
        case 2, 5: isLeaf = false
        case 10, 13: isLeaf = true
        default: return nil
        }
        let cells = number(at: header + 3, bytes: 2)
        let index = header + (isLeaf ? 8 : 12)
        // 0 stands for 65,536.
        let content = number(at: header + 5, bytes: 2)
        let end = content == 0 ? 65_536 : content
        guard end <= bytes.count, index + 2 * cells <= end else { return nil }
        unused = index + 2 * cells..<end
        guard !isLeaf else { return }
        for cell in 0..<cells {
            let place = number(at: index + 2 * cell, bytes: 2)
            guard place >= end, place <= bytes.count - 4 else { return nil }
            children.append(number(at: place, bytes: 4))
        }
        children.append(number(at: header + 8, bytes: 4))
    }
}

extension Database {
    /// Makes sure that what was deleted is in no file (`EngramStore.erase`).
    func erase(from file: DatabaseFile) throws {
        try emptyLog()
        guard try property(.departure) != nil else { return }
        // Nobody writes meanwhile, and nothing is written by it that would stand in the log.
        try inTransaction(.immediate) {
            let roots = try Int.fetchAll(
                self, sql: "SELECT rootpage FROM sqlite_schema WHERE rootpage > 0")
            try file.zeroUnused(
                pageSize: try Int.fetchOne(self, sql: "PRAGMA page_size") ?? 0,
                pageCount: try Int.fetchOne(self, sql: "PRAGMA page_count") ?? 0,
                roots: [1] + roots)
            return .rollback
        }
        // Pages as they were would be written back with the next change.
        try execute(sql: "PRAGMA shrink_memory")
        try execute(
            sql: "DELETE FROM properties WHERE name = ?",
            arguments: [Property.departure.rawValue])
    }
}
