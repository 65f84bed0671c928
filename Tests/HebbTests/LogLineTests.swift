import Foundation
import Logging
import Testing

@testable import hebb

struct LogLineTests {
    private func line(_ format: LogFormat, _ metadata: Logger.Metadata, message: String = "request")
        -> String
    {
        LogLine(
            moment: Date(timeIntervalSince1970: 1_700_000_000.25), level: .info,
            logger: "hebb.http", message: message, metadata: metadata
        ).text(as: format)
    }

    private static let hostile = [
        "a\nb", "a\r\nb", "x\" level=error", "a=b", "", " ", "\u{1b}[2J", "\u{0}", "\u{85}",
        "\u{2028}", "\u{202e}gnp", "a\\", "\u{7f}", "\u{e0001}", "é 東",
    ]

    @Test("A line of text has its fields in order, plain where they are plain")
    func text() {
        #expect(
            line(.text, ["status": .stringConvertible(200), "id": "req-1", "route": "/v1/models"])
                == "2023-11-14T22:13:20.250Z info hebb.http: request id=req-1 route=/v1/models "
                + "status=200")
    }

    @Test("A line of JSON has numbers as numbers")
    func json() throws {
        let text = line(
            .json,
            [
                "status": .stringConvertible(200), "ms": .stringConvertible(0.25), "id": "7",
                "cancelled": .stringConvertible(true),
            ])
        #expect(
            text == #"{"time":"2023-11-14T22:13:20.250Z","level":"info","logger":"hebb.http","#
                + #""message":"request","cancelled":true,"id":"7","ms":0.25,"status":200}"#)
    }

    @Test("Whatever is logged, it is one line that says just that", arguments: hostile)
    func forging(value: String) throws {
        for format in LogFormat.allCases {
            for text in [
                line(format, ["id": "\(value)"]), line(format, [value: "x"]),
                line(format, ["list": .array(["\(value)"])]), line(format, [:], message: value),
            ] {
                #expect(
                    text.unicodeScalars.allSatisfy {
                        ![.control, .format, .lineSeparator, .paragraphSeparator]
                            .contains($0.properties.generalCategory)
                    }, "\(text.debugDescription)")
                guard format == .json else { continue }
                let read = try JSONSerialization.jsonObject(with: Data(text.utf8))
                #expect(read is [String: Any])
            }
        }
        let read = try JSONSerialization.jsonObject(
            with: Data(line(.json, ["id": "\(value)"]).utf8))
        #expect((read as? [String: Any])?["id"] as? String == value)
        // In text a value that is no plain word is a JSON string, so it can be told from more fields.
        let text = line(.text, ["id": "\(value)"])
        #expect(text.contains("id=\""))
    }
}
