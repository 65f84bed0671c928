import EngramStorage
import Engrams

/// The time of each record: a user's only grow, whatever the clock does.
@SchedulerActor
final class RecordClock {
    /// The latest time that a clock is believed: a day before the latest that can be stored, since
    /// each record's time is a little later than the one before it.
    private nonisolated static let latest = RecordBounds.times.upperBound - 86_400

    /// What a clock says, or the nearest that can be stored; 1970 for what is no number.
    nonisolated static func believable(_ clock: Double) -> Double {
        clock > 0 ? min(clock, latest) : 0
    }

    /// Users whose newest time is remembered. Beyond them all are looked up again.
    private static let usersMaximum = 4096

    private let store: any EngramStore
    private let now: @Sendable () -> Double
    /// The newest on record, of users that something was written for lately.
    private(set) var newest: [UserID: Double] = [:]

    nonisolated init(store: any EngramStore, now: @escaping @Sendable () -> Double) {
        self.store = store
        self.now = now
    }

    /// The time of a user's next record, seconds since 1970: the clock's, but later than every time
    /// that the user has on record, also where the clock has been set back; a clock outside of what
    /// can be stored counts as the nearest that can. So what came from a state is never older than
    /// it, and a session is always younger than what was made of one that had its name before;
    /// forgetting relies on both.
    func next(for user: UserID) async throws -> Double {
        if newest[user] == nil {
            // Each event leaves its time on its session. A discarded session's are gone, and nothing
            // will be compared with them: forgotten is only what a session still has.
            let sessions = try await store.sessions(of: user, after: nil, limit: .max)
            if newest.count >= Self.usersMaximum { newest = [:] }
            // Another request may have been faster.
            newest[user] = sessions.map(\.updated).reduce(newest[user] ?? 0, max)
        }
        let time = max(Self.believable(now()), (newest[user] ?? 0).nextUp)
        newest[user] = time
        return time
    }

    func forget(_ user: UserID) { newest[user] = nil }
}
