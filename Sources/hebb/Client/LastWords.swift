import Dispatch
import Foundation

/// Says something when Ctrl-C (SIGINT), SIGTERM or a closed terminal (SIGHUP) ends the program, and
/// lets the signal do then what it would have done at once: the shell that started the program
/// learns that it was interrupted, and stops its loop.
///
/// What is said must be true at any moment, since it is asked for on a thread of its own.
final class LastWords {
    private let sources: [(number: Int32, source: any DispatchSourceSignal)]

    /// - Parameter words: what to say on stderr; nil: nothing.
    init(_ words: @escaping @Sendable () -> String?) {
        let queue = DispatchQueue(label: "hebb.last-words")
        sources = [SIGINT, SIGTERM, SIGHUP].compactMap { number in
            // The default action would end the process before the source hears of it. Who started
            // us may have had the signal ignored, as nohup does: then it stays so.
            if Self.isIgnoring(signal(number, SIG_IGN)) { return nil }
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler {
                // A progress bar may stand in the line.
                if Terminal.showsProgress { Terminal.remark("\r\u{1B}[K", terminator: "") }
                if let words = words() { Terminal.remark(words) }
                signal(number, SIG_DFL)
                kill(getpid(), number)
            }
            source.resume()
            return (number, source)
        }
    }

    /// From here on signals end the program without a word again.
    func end() {
        for (number, source) in sources {
            source.cancel()
            signal(number, SIG_DFL)
        }
    }

    /// Functions cannot be compared, and SIG_IGN is the number 1 in the place of one, by POSIX as by
    /// every C library.
    private static func isIgnoring(_ handler: (@convention(c) (Int32) -> Void)?) -> Bool {
        unsafeBitCast(handler, to: Int.self) == 1
    }
}
