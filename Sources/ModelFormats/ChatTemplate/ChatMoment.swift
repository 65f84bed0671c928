public import Foundation

/// The time that templates are told: a day and a time of day by some clock.
public struct ChatMoment: Sendable, Equatable {
    public let year: Int
    public let month: Int
    public let day: Int
    public let hour: Int
    public let minute: Int
    public let second: Int

    /// - Precondition: a day and a time that there are: years 1 to 9999.
    public init(
        year: Int, month: Int, day: Int, hour: Int = 0, minute: Int = 0, second: Int = 0
    ) {
        precondition(
            (1...9_999).contains(year) && (1...12).contains(month) && (1...31).contains(day))
        precondition(
            (0...23).contains(hour) && (0...59).contains(minute) && (0...60).contains(second))
        (self.year, self.month, self.day) = (year, month, day)
        (self.hour, self.minute, self.second) = (hour, minute, second)
    }

    /// What clocks show in a place that is `secondsFromGMT` ahead of Greenwich.
    public init(_ date: Date, secondsFromGMT: Int = 0) {
        let seconds = Int(date.timeIntervalSince1970.rounded(.down)) + secondsFromGMT
        let days = Int((Double(seconds) / 86_400).rounded(.down))
        (year, month, day) = Self.civil(days)
        let rest = seconds - days * 86_400
        (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60)
    }

    /// Days since 1970-01-01 of the Gregorian calendar.
    private var days: Int {
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let ofEra = shifted - era * 400
        let ofYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + ofEra * 365 + ofEra / 4 - ofEra / 100 + ofYear - 719_468
    }

    private static func civil(_ days: Int) -> (Int, Int, Int) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let ofEra = shifted - era * 146_097
        let year = (ofEra - ofEra / 1_460 + ofEra / 36_524 - ofEra / 146_096) / 365
        let ofYear = ofEra - (365 * year + year / 4 - year / 100)
        let month = (5 * ofYear + 2) / 153
        let day = ofYear - (153 * month + 2) / 5 + 1
        return (
            year + era * 400 + (month >= 10 ? 1 : 0), month < 10 ? month + 3 : month - 9, day
        )
    }

    /// 0 is Sunday.
    private var weekday: Int { ((days + 4) % 7 + 7) % 7 }

    private static let weekdays = [
        "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday",
    ]
    private static let months = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September",
        "October", "November", "December",
    ]

    /// `strftime` in the C locale.
    func formatted(_ format: String) throws(ChatTemplateError) -> String {
        var result = ""
        var rest = Substring(format)
        while let character = rest.popFirst() {
            guard character == "%", let first = rest.popFirst() else {
                result.append(character)
                continue
            }
            var directive = first
            // GNU's: no padding.
            let isBare = first == "-"
            if isBare {
                guard let next = rest.popFirst() else { return result + "%-" }
                directive = next
            }
            let text = try self.text(of: directive)
            result += isBare ? Self.bare(text) : text
        }
        return result
    }

    private static func bare(_ text: String) -> String {
        let rest = text.drop { $0 == "0" || $0 == " " }
        return rest.isEmpty ? "0" : String(rest)
    }

    private func text(of directive: Character) throws(ChatTemplateError) -> String {
        func padded(_ value: Int, _ width: Int = 2, _ fill: Character = "0") -> String {
            let digits = String(value)
            return String(repeating: fill, count: max(0, width - digits.count)) + digits
        }
        let hour12 = (hour + 11) % 12 + 1
        switch directive {
        case "Y": return String(year)
        case "y": return padded(year % 100)
        case "m": return padded(month)
        case "d": return padded(day)
        case "e": return padded(day, 2, " ")
        case "H": return padded(hour)
        case "I": return padded(hour12)
        case "M": return padded(minute)
        case "S": return padded(second)
        case "f": return "000000"
        case "p": return hour < 12 ? "AM" : "PM"
        case "A": return Self.weekdays[weekday]
        case "a": return String(Self.weekdays[weekday].prefix(3))
        case "B": return Self.months[month - 1]
        case "b", "h": return String(Self.months[month - 1].prefix(3))
        case "j": return padded(days - ChatMoment(year: year, month: 1, day: 1).days + 1, 3)
        case "w": return String(weekday)
        case "u": return String(weekday == 0 ? 7 : weekday)
        case "F": return try formatted("%Y-%m-%d")
        case "T", "X": return try formatted("%H:%M:%S")
        case "D", "x": return try formatted("%m/%d/%y")
        case "R": return try formatted("%H:%M")
        case "c": return try formatted("%a %b %e %H:%M:%S %Y")
        case "Z", "z": return ""
        case "n": return "\n"
        case "t": return "\t"
        case "%": return "%"
        default:
            throw ChatTemplateError(
                .unsupported,
                "the time directive %\(ModelFormats.quoted(String(directive)).dropFirst().dropLast())"
                    + "; supported: %a %A %b %B %c %d %D %e %f %F %H %I %j %m %M %n %p %R %S %t %T "
                    + "%u %w %x %X %y %Y %z %Z %%")
        }
    }
}
