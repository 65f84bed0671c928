public import Foundation
import Synchronization

/// Starts programs, one at a time.
///
/// Foundation learns of a program's end by a socket that the program holds. A second program that
/// is started in the same moment inherits that socket too; the first one's end is then noticed
/// only when both have ended, and who waits for it may wait for ever.
public enum ProcessLaunch {
    private static let turn = Mutex(())

    public static func run(_ process: Process) throws {
        try turn.withLock { _ in try process.run() }
    }
}
