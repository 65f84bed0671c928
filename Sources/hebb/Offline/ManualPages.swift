import Foundation

/// Manual pages in roff's `man` macros, made of ArgumentParser's own description of the commands.
struct ManualPages {
    /// What `--experimental-dump-help` prints.
    private struct Description: Decodable {
        let command: Command
    }

    private struct Command: Decodable {
        let commandName: String
        let abstract: String?
        let discussion: String?
        let shouldDisplay: Bool?
        let subcommands: [Command]?
        let arguments: [Argument]?

        /// Those that there is a page of.
        var shown: [Command] {
            (subcommands ?? []).filter { $0.shouldDisplay != false && $0.commandName != "help" }
        }
    }

    private struct Argument: Decodable {
        struct Name: Decodable {
            let kind: String
            let name: String

            var text: String { (kind == "short" ? "-" : "--") + name }
        }

        let kind: String
        let names: [Name]?
        let valueName: String?
        let abstract: String?
        let discussion: String?
        let defaultValue: String?
        let allValues: [String]?
        let isOptional: Bool
        let isRepeating: Bool
        let shouldDisplay: Bool?
    }

    private let root: Command

    /// - Parameter json: ArgumentParser's description of the root command and all under it.
    /// - Throws: when it has another form than that of the version that we are built with.
    init(described json: String) throws {
        root = try JSONDecoder().decode(Description.self, from: Data(json.utf8)).command
    }

    /// Name and text of each page; subcommands of a command (`hebb checkpoint list`) are on its.
    var files: [(name: String, text: String)] {
        [(root.commandName + ".1", page(of: root, named: root.commandName))]
            + root.shown.map { command in
                let name = root.commandName + "-" + command.commandName
                return (name + ".1", page(of: command, named: name))
            }
    }

    private func page(of command: Command, named name: String) -> String {
        let isRoot = name == root.commandName
        let words = isRoot ? name : root.commandName + " " + command.commandName
        var roff = [
            ".TH \(Self.quoted(name.uppercased())) 1 \"\" \"Hebb\" \"Hebb\"",
            ".SH NAME",
            "\(Self.escaped(name)) \\- \(Self.escaped(Self.withoutStop(command.abstract ?? "")))",
            ".SH SYNOPSIS", synopsis(of: command, words), ".SH DESCRIPTION",
        ]
        roff += Self.paragraphs(command.discussion ?? "")
        if isRoot {
            roff.append(".SH COMMANDS")
            for other in command.shown {
                roff += [
                    ".TP", ".BR \(Self.quoted("hebb-" + other.commandName)) (1)",
                    Self.escaped(other.abstract ?? ""),
                ]
            }
        } else {
            roff += options(of: command, heading: ".SH OPTIONS")
            for other in command.shown {
                roff += [
                    ".SH \(Self.quoted((words + " " + other.commandName).uppercased()))",
                    Self.escaped(other.abstract ?? ""), ".PP",
                    synopsis(of: other, words + " " + other.commandName),
                ]
                roff += Self.paragraphs(other.discussion ?? "") + options(of: other, heading: ".PP")
            }
        }
        let others = isRoot ? [] : [".BR hebb (1)"]
        roff += [".SH EXIT STATUS", "0 done, 1 failed, 2 used wrongly."]
        if !others.isEmpty { roff += [".SH SEE ALSO"] + others }
        return roff.joined(separator: "\n") + "\n"
    }

    private func synopsis(of command: Command, _ words: String) -> String {
        if !command.shown.isEmpty, (command.arguments ?? []).filter({ $0.kind != "flag" }).isEmpty {
            return "\\fB\(Self.escaped(words))\\fR \\fIcommand\\fR"
        }
        let positional = (command.arguments ?? []).filter { $0.kind == "positional" }.map {
            "\\fI\(Self.escaped($0.valueName ?? "argument"))\\fR" + ($0.isRepeating ? " ..." : "")
        }
        return (["\\fB\(Self.escaped(words))\\fR [\\fIoptions\\fR]"] + positional)
            .joined(separator: " ")
    }

    private func options(of command: Command, heading: String) -> [String] {
        let shown = (command.arguments ?? []).filter { $0.shouldDisplay != false }
        guard !shown.isEmpty else { return [] }
        return [heading]
            + shown.flatMap { argument -> [String] in
                var tag = (argument.names ?? []).map { "\\fB\(Self.escaped($0.text))\\fR" }
                    .joined(separator: ", ")
                if argument.kind != "flag", let value = argument.valueName {
                    tag += (tag.isEmpty ? "" : " ") + "\\fI\(Self.escaped(value))\\fR"
                }
                var text = [argument.abstract, argument.discussion].compactMap { $0 }
                    .joined(separator: " ")
                if let values = argument.allValues, !values.isEmpty {
                    text += " One of \(values.joined(separator: ", "))."
                }
                if let value = argument.defaultValue { text += " Default: \(value)." }
                return [".TP", tag, Self.escaped(text)]
            }
    }

    /// Lines that are indented, and examples, stay as they are; the rest is filled.
    private static func paragraphs(_ text: String) -> [String] {
        text.components(separatedBy: "\n\n").flatMap { paragraph -> [String] in
            let lines = paragraph.components(separatedBy: "\n").map(escaped)
            let isVerbatim = paragraph.hasPrefix("Example:") || paragraph.hasPrefix(" ")
            return isVerbatim ? [".PP", ".nf"] + lines + [".fi"] : [".PP"] + lines
        }
    }

    private static func withoutStop(_ text: String) -> String {
        text.hasSuffix(".") ? String(text.dropLast()) : text
    }

    /// What roff would take for a command or an escape stands for itself.
    static func escaped(_ text: String) -> String {
        let plain = text.replacingOccurrences(of: "\\", with: "\\e")
            .replacingOccurrences(of: "-", with: "\\-")
        return plain.hasPrefix(".") || plain.hasPrefix("'") ? "\\&" + plain : plain
    }

    private static func quoted(_ text: String) -> String { "\"\(escaped(text))\"" }
}
