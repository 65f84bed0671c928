import ArgumentParser
import Foundation
import Logging

/// How the server writes its log.
enum LogFormat: String, ExpressibleByArgument, CaseIterable { case text, json }

/// One entry of the log as one line. Whatever is in it, it stays one line and one entry: characters
/// that could end a line, move a terminal's cursor or turn the direction of writing are escaped.
struct LogLine {
    var moment: Date
    var level: Logger.Level
    var logger: String
    var message: String
    var metadata: Logger.Metadata

    func text(as format: LogFormat) -> String {
        let time = moment.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
        let fields = metadata.sorted { $0.key < $1.key }
        switch format {
        case .text:
            let words = fields.map { "\(Self.word($0.key))=\(Self.word("\($0.value)"))" }
            let said =
                message.unicodeScalars.contains(where: Self.isUnsafe)
                ? Self.quoted(message) : message
            return (["\(time) \(level) \(logger): \(said)"] + words).joined(separator: " ")
        case .json:
            let head = [
                ("time", time), ("level", level.rawValue), ("logger", logger),
                ("message", message),
            ].map { "\(Self.quoted($0)):\(Self.quoted($1))" }
            let rest = fields.map { "\(Self.quoted($0.key)):\(Self.json($0.value))" }
            return "{" + (head + rest).joined(separator: ",") + "}"
        }
    }

    /// As it is where it cannot be mistaken for anything else.
    private static func word(_ text: String) -> String {
        let isPlain =
            !text.isEmpty
            && text.utf8.allSatisfy { byte in
                byte > 0x20 && byte < 0x7f && !"\"\\=".utf8.contains(byte)
            }
        return isPlain ? text : quoted(text)
    }

    /// A JSON string.
    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": result += "\\\(scalar)"
            case "\n": result += "\\n"
            case _ where isUnsafe(scalar):
                for unit in String(scalar).utf16 {
                    let digits = String(unit, radix: 16)
                    result += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
                }
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    private static func json(_ value: Logger.MetadataValue) -> String {
        switch value {
        case .stringConvertible(let number as Int): "\(number)"
        case .stringConvertible(let number as Double) where number.isFinite: "\(number)"
        case .stringConvertible(let flag as Bool): "\(flag)"
        case .array(let values): "[" + values.map(json).joined(separator: ",") + "]"
        case .dictionary(let fields):
            "{"
                + fields.sorted { $0.key < $1.key }
                .map { "\(quoted($0.key)):\(json($0.value))" }.joined(separator: ",") + "}"
        default: quoted("\(value)")
        }
    }

    private static func isUnsafe(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned:
            true
        default: false
        }
    }
}

/// Writes log lines to stderr, each in one call, so that they do not mix. A reader that went away
/// is no error: the server has other work.
struct LineLogHandler: LogHandler {
    let label: String
    let format: LogFormat
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]

    init(label: String, format: LogFormat, level: Logger.Level) {
        self.label = label
        self.format = format
        logLevel = level
    }

    subscript(metadataKey key: String) -> Logger.MetadataValue? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let line = LogLine(
            moment: Date(), level: event.level, logger: label, message: event.message.description,
            metadata: metadata.merging(event.metadata ?? [:]) { $1 })
        Terminal.remark(line.text(as: format))
    }
}
