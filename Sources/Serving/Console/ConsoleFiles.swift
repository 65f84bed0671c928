import CConsole
import Engrams

/// The files of the console, which are a part of the program.
struct ConsoleFiles: Sendable {
    struct File: Sendable {
        var bytes: [UInt8]
        var mediaType: String
        /// A digest of its bytes, so that a browser that has them need not be sent them again.
        var entityTag: String
    }

    /// The page itself.
    static let page = "index.html"
    /// Each of the others, as it is served.
    static let mediaTypes = ["text/css", "text/javascript", "image/svg+xml"]

    private let files: [String: File]

    init() {
        var files: [String: File] = [:]
        for index in 0..<hebb_console_count() {
            let file = hebb_console_at(index)
            let name = String(cString: file.name)
            let bytes = Array(UnsafeBufferPointer(start: file.bytes, count: file.count))
            files[name] = File(
                bytes: bytes, mediaType: Self.mediaType(of: name),
                entityTag: "\"\(ContentDigest.of(bytes).prefix(32))\"")
        }
        self.files = files
    }

    var names: Set<String> { Set(files.keys) }

    subscript(name: String) -> File? { files[name] }

    private static func mediaType(of name: String) -> String {
        switch name.split(separator: ".").last {
        case "html": "text/html; charset=utf-8"
        case "css": "text/css; charset=utf-8"
        case "js": "text/javascript; charset=utf-8"
        case "svg": "image/svg+xml"
        default: "application/octet-stream"
        }
    }
}
