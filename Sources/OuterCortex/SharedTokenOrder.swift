import InnerCortex
import Synchronization

/// The order of a vocabulary, made when somebody first needs it.
final class SharedTokenOrder: Sendable {
    private let made = Mutex<TokenOrder?>(nil)

    func get(_ make: () -> TokenOrder) -> TokenOrder {
        made.withLock { order in
            if let order { return order }
            let new = make()
            order = new
            return new
        }
    }
}
