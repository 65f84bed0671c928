import Foundation
import MetaLearning

/// Texts on disk: a file, or every `.txt` file under a folder.
enum TextFolder {
    /// Name and text of each, in the order of paths; bytes that are no UTF-8 become U+FFFD.
    /// - Throws: `TrainingError.noText` when there is none.
    static func texts(at path: String) throws -> [(name: String, text: String)] {
        let paths = try files(at: path)
        guard !paths.isEmpty else { throw TrainingError.noText(folder: path) }
        return try paths.map { file in
            let url = URL(fileURLWithPath: file)
            let text = String(decoding: try InputText(path: file).bytes, as: UTF8.self)
            return (url.deletingPathExtension().lastPathComponent, text)
        }
    }

    private static func files(at path: String) throws -> [String] {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw ClientError.unreadableFile(path: path, reason: "it is not there")
        }
        guard isFolder.boolValue else { return [path] }
        let names = try FileManager.default.subpathsOfDirectory(atPath: path)
        return names.filter { $0.hasSuffix(".txt") }.sorted().map { path + "/" + $0 }
    }
}
