/// A row of a database that may be damaged or forged. What is not of the type and in the range that
/// the store writes is `.corrupt`.
struct StoredRow {
    private let row: SQLRow
    private let table: String

    init(_ row: SQLRow, of table: String) {
        self.row = row
        self.table = table
    }

    func text(_ column: String) throws(StorageError) -> String {
        guard case .text(let text) = row[column] else { throw damage(column) }
        return text
    }

    func textIfPresent(_ column: String) throws(StorageError) -> String? {
        row[column] == .null ? nil : try text(column)
    }

    func integer(_ column: String) throws(StorageError) -> Int64 {
        guard case .integer(let number) = row[column] else { throw damage(column) }
        return number
    }

    func number(
        _ column: String, in range: ClosedRange<Int> = RecordBounds.numbers
    ) throws(StorageError) -> Int {
        guard let number = Int(exactly: try integer(column)), range.contains(number) else {
            throw damage(column)
        }
        return number
    }

    func numberIfPresent(_ column: String) throws(StorageError) -> Int? {
        row[column] == .null ? nil : try number(column)
    }

    func flag(_ column: String) throws(StorageError) -> Bool { try number(column, in: 0...1) == 1 }

    func realIfPresent(_ column: String) throws(StorageError) -> Double? {
        switch row[column] {
        case .null: return nil
        case .real(let number) where number.isFinite: return number
        default: throw damage(column)
        }
    }

    /// Seconds since 1970.
    func time(_ column: String) throws(StorageError) -> Double {
        // False for what is not a number, too.
        guard let seconds = try realIfPresent(column), RecordBounds.times.contains(seconds) else {
            throw damage(column)
        }
        return seconds
    }

    func timeIfPresent(_ column: String) throws(StorageError) -> Double? {
        row[column] == .null ? nil : try time(column)
    }

    func bytes(_ column: String) throws(StorageError) -> [UInt8] {
        guard case .bytes(let bytes) = row[column] else { throw damage(column) }
        return bytes
    }

    func bytesIfPresent(_ column: String) throws(StorageError) -> [UInt8]? {
        row[column] == .null ? nil : try bytes(column)
    }

    /// What stands after the zeros of an erasable content.
    func erasable(_ column: String) throws(StorageError) -> [UInt8] {
        let stored = try bytes(column)
        let lead = row.columns.leadBytes
        guard stored.count >= lead else { throw damage(column) }
        return lead == 0 ? stored : Array(stored[lead...])
    }

    func damage(_ column: String) -> StorageError {
        .corrupt(code: 0, place: "\(table).\(column)")
    }
}
