import EngramStorage
import Engrams

extension Scheduler {
    /// The latest moment that a clock is believed: a day before the latest that can be stored, since
    /// each record's moment is a little later than the one before it.
    private static let latestClock = RecordBounds.times.upperBound - 86_400

    /// What a clock says, or the nearest that can be stored; 1970 for what is no number.
    static func believable(_ clock: Double) -> Double { clock > 0 ? min(clock, latestClock) : 0 }

    /// Users whose newest moment is remembered. Beyond them all are looked up again.
    private static let momentsMaximum = 4096

    /// The moment of a user's next record, seconds since 1970: the clock's, but later than every
    /// moment that the user has on record, also where the clock has been set back; a clock outside of
    /// what can be stored counts as the nearest that can. So what came
    /// from a state is never older than it, and a session is always younger than what was made of
    /// one that had its name before; forgetting relies on both.
    func moment(for user: UserID) async throws -> Double {
        if moments[user] == nil {
            // Each event leaves its moment on its session. A discarded session's are gone, and
            // nothing will be compared with them: forgotten is only what a session still has.
            let sessions = try await store.sessions(of: user, after: nil, limit: .max)
            if moments.count >= Self.momentsMaximum { moments = [:] }
            // Another request may have been faster.
            moments[user] = sessions.map(\.updated).reduce(moments[user] ?? 0, max)
        }
        let moment = max(Self.believable(now()), (moments[user] ?? 0).nextUp)
        moments[user] = moment
        return moment
    }
}
