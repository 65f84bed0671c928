/// Times as the API writes them, e.g. `2026-03-01T09:30:00.250Z`.
enum RFC3339 {
    /// The first and the last second that it can write, those of the years 0 and 9999.
    private static let writable = -62_167_219_200...253_402_300_799.0

    /// - Parameter seconds: since 1970, UTC; kept to the millisecond. Outside of what RFC 3339 can
    ///   write it is the nearest that it can; 1970 for what is no number.
    static func text(_ seconds: Double) -> String {
        let writable = min(max(seconds, Self.writable.lowerBound), Self.writable.upperBound)
        let milliseconds = seconds.isNaN ? 0 : Int((writable * 1000).rounded())
        let (day, rest) = floorDivide(milliseconds, 86_400_000)
        let (year, month, dayOfMonth) = civil(fromDay: day)
        return "\(pad(year, 4))-\(pad(month, 2))-\(pad(dayOfMonth, 2))"
            + "T\(pad(rest / 3_600_000, 2)):\(pad(rest / 60_000 % 60, 2))"
            + ":\(pad(rest / 1000 % 60, 2)).\(pad(rest % 1000, 3))Z"
    }

    /// Howard Hinnant's days-to-civil over 400-year eras that start on the first of March.
    private static func civil(fromDay day: Int) -> (year: Int, month: Int, day: Int) {
        let (era, dayOfEra) = floorDivide(day + 719_468, 146_097)
        let yearOfEra =
            (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        return (
            yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month,
            dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        )
    }

    private static func floorDivide(_ a: Int, _ b: Int) -> (quotient: Int, remainder: Int) {
        let quotient = a >= 0 ? a / b : (a - b + 1) / b
        return (quotient, a - quotient * b)
    }

    private static func pad(_ number: Int, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }
}
