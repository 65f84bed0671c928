import Foundation

/// Where tests write. All of it goes away when the process ends, also what a test forgot, or could
/// not remove because it was in use to the end.
public enum TemporaryPlace {
    private static let root: URL = {
        atexit { try? FileManager.default.removeItem(at: TemporaryPlace.root) }
        return FileManager.default.temporaryDirectory
            .appendingPathComponent("hebb-tests-\(UUID().uuidString)")
    }()

    /// A path that nobody else has, for a file or a folder that does not exist yet; the folder
    /// above it does not either.
    public static func path(_ purpose: String) -> String {
        root.appendingPathComponent("\(purpose)-\(UUID().uuidString)").path
    }
}
