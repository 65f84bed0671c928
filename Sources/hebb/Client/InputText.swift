import ArgumentParser
import Foundation

/// A text from a file, or from stdin when the path is `-`.
struct InputText {
    /// What to call it in messages: the file's name, or `stdin`.
    let name: String
    let bytes: [UInt8]

    /// Reads all of it; an empty text is an error, for there is nothing to learn from it.
    init(path: String) throws {
        name = path == "-" ? "stdin" : path
        do {
            let data =
                path == "-"
                ? try FileHandle.standardInput.readToEnd() ?? Data()
                : try Data(contentsOf: URL(fileURLWithPath: path))
            bytes = [UInt8](data)
        } catch {
            throw ClientError.unreadableFile(path: path, reason: Self.reason(of: error))
        }
        guard !bytes.isEmpty else { throw ClientError.emptyInput(name: name) }
    }

    /// The text of a range; bytes that are no UTF-8 become U+FFFD.
    func text(_ range: Range<Int>) -> String {
        String(decoding: bytes[range], as: UTF8.self)
    }

    static func reason(of error: any Error) -> String {
        let error = error as NSError
        if let cause = error.userInfo[NSUnderlyingErrorKey] as? NSError,
            cause.domain == NSPOSIXErrorDomain
        {
            return String(cString: strerror(Int32(cause.code)))
        }
        return error.localizedDescription
    }

    /// `-` may stand once among the files of a command.
    static func validate(_ files: [String]) throws {
        guard files.count(where: { $0 == "-" }) <= 1 else {
            throw ValidationError("stdin ('-') can be read once only")
        }
    }
}
