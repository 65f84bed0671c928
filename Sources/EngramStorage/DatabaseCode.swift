/// A database's own code of a failure, as one number: SQLite's extended result codes, which are all
/// small, and PostgreSQL's SQLSTATE, read in base 36, of which none is.
struct DatabaseCode: CustomStringConvertible {
    let number: Int

    init(_ number: Int) { self.number = number }

    /// Nil for what is no SQLSTATE.
    init?(state: String) {
        guard state.utf8.count == 5, let number = Int(state, radix: 36), number >= Self.first else {
            return nil
        }
        self.number = number
    }

    /// "01000", a warning; no failure has a lower one.
    private static let first = 36 * 36 * 36

    var description: String {
        guard number >= Self.first else { return "SQLite \(number)" }
        let digits = String(number, radix: 36, uppercase: true)
        return "PostgreSQL " + String(repeating: "0", count: max(0, 5 - digits.count)) + digits
    }
}
