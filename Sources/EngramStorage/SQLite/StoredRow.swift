import GRDB

/// A row of a file that may be damaged or forged. What is not of the type and in the range that the
/// store writes is `.corrupt`; GRDB's own subscripts end the process there, for all users.
struct StoredRow {
    private let row: Row
    private let table: String

    init(_ row: Row, of table: String) {
        self.row = row
        self.table = table
    }

    /// - Throws: `.corrupt`, also for NULL unless `Value` is optional.
    func value<Value: DatabaseValueConvertible>(_ column: String) throws(StorageError) -> Value {
        do {
            return try row.decode(Value.self, forColumn: column)
        } catch {
            throw damage(column)
        }
    }

    func number(
        _ column: String, in range: ClosedRange<Int> = RecordBounds.numbers
    ) throws(StorageError) -> Int {
        let number: Int = try value(column)
        guard range.contains(number) else { throw damage(column) }
        return number
    }

    func numberIfPresent(_ column: String) throws(StorageError) -> Int? {
        guard let _: Int = try value(column) else { return nil }
        return try number(column)
    }

    /// Seconds since 1970.
    func time(_ column: String) throws(StorageError) -> Double {
        let seconds: Double = try value(column)
        // False for what is not a number, too.
        guard RecordBounds.times.contains(seconds) else { throw damage(column) }
        return seconds
    }

    func damage(_ column: String) -> StorageError {
        .corrupt(code: 0, place: "\(table).\(column)")
    }
}
