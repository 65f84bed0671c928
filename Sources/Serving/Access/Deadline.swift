/// The time that a request's sender gives it.
enum Deadline {
    /// Cancels what is not done in time.
    /// - Throws: `.deadlinePassed`. What was done all the same, though late, is answered as that: it
    ///   may have been learned.
    static func keep<Output: Sendable>(
        _ deadline: ContinuousClock.Instant?, _ body: @escaping @Sendable () async throws -> Output
    ) async throws -> Output {
        guard let deadline else { return try await body() }
        return try await withThrowingTaskGroup(of: Output?.self) { group in
            group.addTask { try await body() }
            group.addTask {
                try await Task.sleep(until: deadline, clock: .continuous)
                return nil
            }
            if let output = try await group.next(), let output {
                group.cancelAll()
                return output
            }
            group.cancelAll()
            do {
                if let output = try await group.next(), let output { return output }
            } catch is CancellationError {}
            throw RequestError.deadlinePassed
        }
    }
}
