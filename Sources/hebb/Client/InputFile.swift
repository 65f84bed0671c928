import ArgumentParser
import Foundation

/// What a command reads: a file, or stdin where the path is `-`.
enum InputFile {
    /// What to call it in messages: the path, or `stdin`.
    static func name(of path: String) -> String { path == "-" ? "stdin" : path }

    /// All of its bytes; none at all is an error, for there is nothing to send.
    ///
    /// - Parameters:
    ///   - limit: the most bytes that are taken in.
    ///   - look: sees the first bytes (up to 64 KiB), and may refuse the file before the rest of
    ///     it is read.
    /// - Throws: `ClientError`.
    static func bytes(
        at path: String, limit: Int = .max, look: ([UInt8]) throws -> Void = { _ in }
    ) throws -> [UInt8] {
        var bytes: [UInt8] = []
        do {
            let handle = try path == "-" ? .standardInput : open(path)
            // A pipe gives what it has, so that a short piece is not yet the end.
            while let piece = try handle.read(upToCount: 1 << 16), !piece.isEmpty {
                let isFirst = bytes.isEmpty
                bytes += piece
                if isFirst { try look(bytes) }
                guard bytes.count <= limit else {
                    throw ClientError.unreadableFile(
                        path: name(of: path),
                        reason: "it has more than \(Figure.bytes(limit)); give it in parts")
                }
            }
        } catch let error as ClientError {
            throw error
        } catch {
            throw ClientError.unreadableFile(path: name(of: path), reason: reason(of: error))
        }
        guard !bytes.isEmpty else { throw ClientError.emptyInput(name: name(of: path)) }
        return bytes
    }

    private static func open(_ path: String) throws -> FileHandle {
        var status = stat()
        guard stat(path, &status) == 0 else {
            throw ClientError.unreadableFile(path: path, reason: systemReason)
        }
        guard status.st_mode & S_IFMT != S_IFDIR else {
            throw ClientError.unreadableFile(path: path, reason: "it is a folder")
        }
        return try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
    }

    private static var systemReason: String { String(cString: strerror(errno)) }

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
    static func validate(_ paths: [String]) throws {
        guard paths.count(where: { $0 == "-" }) <= 1 else {
            throw ValidationError("stdin ('-') can be read once only")
        }
    }
}
