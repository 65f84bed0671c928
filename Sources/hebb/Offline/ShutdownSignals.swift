import Dispatch
import Foundation

/// SIGINT and SIGTERM as a sequence: the first asks for a clean end, a second one ends at once.
/// SIGHUP (a terminal that closes) and SIGPIPE (a log's reader that goes) end nothing.
final class ShutdownSignals {
    private let sources: [any DispatchSourceSignal]
    private let stream: AsyncStream<Int32>

    init() {
        let (stream, continuation) = AsyncStream.makeStream(of: Int32.self)
        let queue = DispatchQueue(label: "hebb.signals")
        self.stream = stream
        for number in [SIGHUP, SIGPIPE] { signal(number, SIG_IGN) }
        sources = [SIGINT, SIGTERM].map { number in
            // The default action would end the process before the source hears of it.
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler { continuation.yield(number) }
            source.resume()
            return source
        }
    }

    /// Waits for the first signal; from then on another one ends the process at once.
    func first() async {
        var iterator = stream.makeAsyncIterator()
        _ = await iterator.next()
        for number in [SIGINT, SIGTERM] { signal(number, SIG_DFL) }
        for source in sources { source.cancel() }
    }
}
