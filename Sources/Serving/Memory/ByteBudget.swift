/// A bound on the bytes in use at once by many, as a value.
struct ByteBudget: Sendable, Equatable {
    let capacity: Int
    private(set) var used = 0

    init(capacity: Int) { self.capacity = capacity }

    /// Puts a new claim in the place of an old one.
    ///
    /// - Parameters:
    ///   - old: a claim that stands, 0 for none.
    ///   - new: at least 0; 0 gives the old one back.
    /// - Returns: false, with nothing changed, where there is no room to grow.
    mutating func replace(_ old: Int, by new: Int) -> Bool {
        guard new <= old || new - old <= capacity - used else { return false }
        used += new - old
        return true
    }
}
