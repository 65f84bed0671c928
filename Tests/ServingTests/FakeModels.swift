import Engrams
import InnerCortex
import ModelFormats
import Scheduling
import Synchronization

/// Personal models without a model: sessions are counters, and completions count words. A prompt's
/// first word chooses how a completion goes: SLOW (a word every 20 ms), HANG (nothing, until it is
/// cancelled), FAIL (breaks off after two words), FULL (the queue is full), LOOP
/// (monitors fire).
final class FakeModels: PersonalModels {
    struct State {
        var health = Health.ready
        var sessions: [SessionID: SessionState] = [:]
        var observed: [ObserveRequest] = []
        var completions: [CompleteRequest] = []
        var verdicts: [FeedbackRequest] = []
        var merges: [MergeRequest] = []
        var started = 0
        var running = 0
        var cancelled = 0
        var checkpoints: [CheckpointState] = []
        var answers: [String: ObserveResult] = [:]
    }

    let state = Mutex(State())

    let model = ModelDescription(
        name: "fake-core", created: 1_700_000_000, contextLength: 512, vocabularySize: 1000,
        identity: CortexIdentity(
            core: "c0", sparseAutoencoder: "5a", rule: "77", vocabularySize: 1000, latentCount: 64,
            hiddenSize: 8),
        kernelClass: "scalar")

    let seal = CoreSeal(
        files: ["config.json": "c1", "model.safetensors": "c2"], zone: SafeZone(),
        constitution: Constitution(
            files: ["config.json": "c1", "model.safetensors": "c2"], zone: SafeZone(),
            protectedTokens: [.init(text: "ok", id: 7)], protectedLatents: [3],
            probes: [
                Probe(name: "polite", prompt: "Dear", required: " Sir", margin: 1.5),
                Probe(
                    name: "both", prompt: "A", required: " b", forbidden: " c", margin: -0.25),
            ]), hash: "c0de")

    private static let engram = EngramSummary(
        bytes: 4096, biases: 3, biasNorm: 0.1, contexts: 2, sequenceNorm: 0.2, synapses: 1,
        featureNorm: 0.3)
    private static let adaptation = AdaptationReport(
        klMean: 0.012345678901234567, klMax: 0.1, strengthMin: 0.75)

    func health() async -> Health { state.withLock { $0.health } }

    func statistics() async -> Statistics {
        var statistics = Statistics()
        statistics.observedTokens = 17
        statistics.safety.observedFrozenBits = 40.5
        statistics.safety.pausedCompletions = 2
        statistics.safety.firingSessions = [.repetition: 3]
        statistics.sessions = state.withLock { $0.sessions.count }
        statistics.feedbackEvents = state.withLock { $0.verdicts.count }
        return statistics
    }

    private func make(_ id: SessionID, learn: LearnMode = .none) -> SessionState {
        SessionState(
            id: id, revision: .zero, base: nil, tokensLearned: 0, events: 0, learn: learn,
            created: 1_700_000_000, updated: 1_700_000_000.25, engram: Self.engram)
    }

    func createSession(_ request: CreateSession) async throws -> SessionState {
        let name = request.name ?? SessionName(rawValue: "s1")!
        let id = SessionID(user: request.user, name: name)
        if case .checkpoint(let checkpoint) = request.from {
            throw ServiceError.checkpointNotFound(checkpoint)
        }
        return try state.withLock { state in
            guard state.sessions[id] == nil else { throw ServiceError.sessionExists(id) }
            let session = make(id, learn: request.learn)
            state.sessions[id] = session
            return session
        }
    }

    func sessions(of user: UserID?, page: Page) async throws -> Listing<SessionState> {
        let all = state.withLock { $0.sessions.values.filter { user == nil || $0.id.user == user } }
            .sorted { $0.id.description < $1.id.description }
            .filter { page.after == nil || $0.id.description > page.after! }
        return Listing(items: Array(all.prefix(page.limit)), hasMore: all.count > page.limit)
    }

    func session(_ id: SessionID) async throws -> SessionState { try change(id) { _ in } }

    private func change(
        _ id: SessionID, ifMatch: Revision? = nil, _ body: (inout SessionState) -> Void
    ) throws -> SessionState {
        try state.withLock { state in
            guard var session = state.sessions[id] ?? (id.name == .default ? make(id) : nil) else {
                throw ServiceError.sessionNotFound(id)
            }
            if let ifMatch, ifMatch != session.revision {
                throw ServiceError.revisionConflict(expected: ifMatch, found: session.revision)
            }
            body(&session)
            state.sessions[id] = session
            return session
        }
    }

    func discard(_ id: SessionID, ifMatch: Revision?) async throws {
        _ = try change(id, ifMatch: ifMatch) { _ in }
        state.withLock { $0.sessions[id] = nil }
    }

    func observe(_ id: SessionID, _ request: ObserveRequest) async throws -> ObserveResult {
        if let key = request.idempotencyKey, var old = state.withLock({ $0.answers[key] }) {
            old.replayed = true
            return old
        }
        let size: Int
        switch request.content {
        case .text(let text): size = text.utf8.count
        case .tokens(let tokens): size = tokens.count
        }
        guard size <= 1 << 20 else { throw ServiceError.textTooLarge(bytes: size, limit: 1 << 20) }
        let session = try change(id, ifMatch: request.ifMatch) { session in
            session.revision = session.revision.next
            session.tokensLearned += size
            session.events += 1
        }
        let result = ObserveResult(
            event: EventID(rawValue: "ev_\(session.revision)"), tokens: size, bytes: size,
            bitsPerByte: BitsPerByte(frozen: 2.5, adapted: 2.1), revision: session.revision,
            adaptation: Self.adaptation,
            certificate: CertificateBrief(
                tokens: size, certifiedGainPercent: -3.5, measuredGainPercent: 16,
                confidence: 0.95), replayed: false)
        state.withLock { state in
            state.observed.append(request)
            if let key = request.idempotencyKey { state.answers[key] = result }
        }
        return result
    }

    func safety(_ id: SessionID) async throws -> SafetyReport {
        let session = try await session(id)
        var certificate = GainCertificate(zone: SafeZone())
        for token in 0..<session.tokensLearned {
            certificate.add(TokenGain(frozenLoss: 3, gain: token % 4 == 0 ? -0.5 : 1))
        }
        let readings = CollapseMonitor.Monitor.allCases.map { monitor in
            CollapseMonitor.Reading(
                monitor: monitor, value: monitor == .repetition ? 0.75 : nil,
                isFiring: monitor == .repetition && session.events > 1)
        }
        return SafetyReport(
            session: id, revision: session.revision, since: .zero, engram: session.engram,
            zone: SafeZone(), divergence: DivergenceTally(), certificate: certificate,
            monitors: readings,
            lastAudit: session.events == 0
                ? nil
                : ProbeAudit(
                    occasion: .checkpoint, revision: session.revision, tokensLearned: 9, probes: 2,
                    worst: ProbeReading(probe: "polite", measured: -4.5, bound: .atLeast(-3))))
    }

    /// Knows the completions that were asked for by an id, with all their choices.
    func feedback(_ id: SessionID, _ request: FeedbackRequest) async throws -> FeedbackResult {
        for verdict in request.verdicts {
            let isKnown = state.withLock { state in
                state.completions.contains {
                    $0.completion?.completion == verdict.answer.completion
                }
            }
            guard isKnown else {
                throw ServiceError.completionNotFound(verdict.answer, remembered: 3)
            }
        }
        let session = try change(id, ifMatch: request.ifMatch) {
            $0.revision = $0.revision.next
        }
        state.withLock { $0.verdicts.append(request) }
        return FeedbackResult(
            event: EventID(rawValue: "ev_\(session.revision)"), tokens: 5, learnedTokens: 4,
            streak: 1, gain: 1, revision: session.revision, adaptation: Self.adaptation,
            answers: request.verdicts.map {
                FeedbackResult.Answer(
                    id: $0.answer, reward: $0.reward, advantage: $0.reward, tokens: 5,
                    logprobBefore: -7.5, logprobAfter: -6.25)
            }, replayed: false)
    }

    func score(_ id: SessionID, _ request: ScoreRequest) async throws -> ScoreResult {
        let session = try await session(id)
        let gain = request.frozenOnly ? 0 : 0.1 * Double(session.revision.rawValue)
        let token = TokenScore(token: TokenID(7), text: "the", frozen: 1.0 / 3, adapted: 0.25)
        return ScoreResult(
            tokens: 1, bytes: request.text.utf8.count,
            bitsPerByte: BitsPerByte(frozen: 2.5, adapted: 2.5 - gain), revision: session.revision,
            perToken: request.perToken ? [token] : nil)
    }

    func reset(_ id: SessionID, to target: ResetTarget, ifMatch: Revision?) async throws
        -> SessionState
    {
        if case .checkpoint(let checkpoint) = target {
            throw ServiceError.checkpointNotFound(checkpoint)
        }
        return try change(id, ifMatch: ifMatch) { $0.revision = $0.revision.next }
    }

    func checkpoint(_ id: SessionID, name: String?, note: String?, ifMatch: Revision?)
        async throws -> CheckpointState
    {
        if name == "BROKEN" {
            throw ServiceError.probeFailed(
                ProbeReading(probe: "polite", measured: -4.5, bound: .atLeast(-3)))
        }
        let session = try change(id, ifMatch: ifMatch) { _ in }
        return state.withLock { state in
            let checkpoint = CheckpointState(
                id: CheckpointID(rawValue: "cp_\(state.checkpoints.count + 1)"), name: name,
                note: note,
                parent: state.checkpoints.last?.id, revision: session.revision, tokensLearned: 9,
                created: 1_700_000_001, bytes: 4096, hash: "ab", isHead: true)
            state.checkpoints.append(checkpoint)
            return checkpoint
        }
    }

    func checkpoints(_ id: SessionID, page: Page) async throws -> Listing<CheckpointState> {
        Listing(items: state.withLock { $0.checkpoints }, hasMore: false)
    }

    func restore(_ id: SessionID, checkpoint: CheckpointID, ifMatch: Revision?) async throws
        -> SessionState
    {
        guard state.withLock({ $0.checkpoints.contains { $0.id == checkpoint } }) else {
            throw ServiceError.checkpointNotFound(checkpoint)
        }
        return try change(id, ifMatch: ifMatch) { $0.base = checkpoint }
    }

    func deleteCheckpoint(_ id: SessionID, checkpoint: CheckpointID) async throws {
        guard state.withLock({ $0.checkpoints.last?.id != checkpoint }) else {
            throw ServiceError.checkpointInUse(checkpoint)
        }
        state.withLock { $0.checkpoints.removeAll { $0.id == checkpoint } }
    }

    /// A text, a longer one, a verdict, and a checkpoint.
    private static let events = [
        EventState(
            id: EventID(rawValue: "ev_1"), kind: "observe", revision: Revision(rawValue: 1),
            created: 1_700_000_000, tokens: 3, learnedTokens: 2, reward: -0.5, text: "The heron"),
        EventState(
            id: EventID(rawValue: "ev_2"), kind: "completion", revision: Revision(rawValue: 2),
            created: 1_700_000_001, tokens: 90, learnedTokens: 88, text: "Long", isPreview: true),
        EventState(
            id: EventID(rawValue: "ev_3"), kind: "feedback", revision: Revision(rawValue: 3),
            created: 1_700_000_002, tokens: 4, learnedTokens: 4,
            verdicts: [
                .init(reward: 1, advantage: 1, tokens: 2, prompt: "The", answer: " heron")
            ]),
        EventState(
            id: EventID(rawValue: "ev_4"), kind: "checkpoint", revision: Revision(rawValue: 4),
            created: 1_700_000_003, target: CheckpointID(rawValue: "ckpt-1")),
    ]

    func events(_ id: SessionID, page: Page, text: Bool) async throws -> Listing<EventState> {
        var events = Self.events
        if text { events[1].isPreview = false }
        if let after = page.after {
            guard let index = events.firstIndex(where: { $0.id.rawValue == after }) else {
                throw ServiceError.eventNotFound(EventID(rawValue: after))
            }
            events.removeFirst(index + 1)
        }
        return Listing(
            items: Array(events.prefix(page.limit)), hasMore: events.count > page.limit)
    }

    func event(_ id: SessionID, event: EventID) async throws -> EventState {
        guard var found = Self.events.first(where: { $0.id == event }) else {
            throw ServiceError.eventNotFound(event)
        }
        found.isPreview = false
        return found
    }

    func forget(_ id: SessionID, event: EventID, ifMatch: Revision?) async throws
        -> ForgetReceipt
    {
        let found = try await self.event(id, event: event)
        switch found.kind {
        case "checkpoint":
            throw ServiceError.notForgettable(event, kind: found.kind, advice: "Delete it.")
        case "feedback": throw ServiceError.cannotForget(event, reason: "there is no text")
        case "completion": throw ServiceError.notErased(event, reason: "It is busy.")
        default: break
        }
        return ForgetReceipt(
            event: event, session: id, kind: found.kind, created: found.created,
            forgotten: 1_700_000_009,
            sessions: [
                .init(
                    session: id, revisionBefore: Revision(rawValue: 4),
                    revisionAfter: Revision(rawValue: 5), hashBefore: "aa", hashAfter: "bb")
            ],
            checkpoints: [
                .init(
                    checkpoint: CheckpointID(rawValue: "ckpt-1"), hashBefore: "cc", hashAfter: "dd",
                    failedProbe: ProbeReading(
                        probe: "counting", measured: -1, bound: .atLeast(0)))
            ], replayedEvents: 2)
    }

    func exportDelta(_ id: SessionID, scope: DeltaScope) async throws -> ExportedDelta {
        let session = try await session(id)
        return ExportedDelta(file: [0, 255, 13, 10], revision: session.revision, hash: "abcd")
    }

    func exportAdapter(_ id: SessionID, _ request: AdapterRequest) async throws -> ExportedAdapter {
        guard request.allowsPartial else {
            throw ServiceError.refused(reason: "a LoRA holds changes of weights")
        }
        let session = try await session(id)
        return ExportedAdapter(
            file: Array("\(request.scope) \(request.format)".utf8), revision: session.revision,
            hash: "dcba", fidelity: "text=session; tokens=7")
    }

    func importDelta(_ id: SessionID, file: [UInt8], ifMatch: Revision?) async throws
        -> SessionState
    {
        guard file == [0, 255, 13, 10] else {
            throw ServiceError.refused(reason: "the file is of another core")
        }
        return try change(id, ifMatch: ifMatch) { $0.revision = $0.revision.next }
    }

    /// Takes what `importDelta` takes, and one file that it does not.
    func transferDelta(
        _ id: SessionID, file: [UInt8], ifMatch: Revision?
    ) async throws -> TransferResult {
        let known: [UInt8] = [0, 255, 13, 10]
        guard file == known || file == [7] else {
            throw ServiceError.refused(reason: "the file is of another shape")
        }
        let session = try change(id, ifMatch: ifMatch) { $0.revision = $0.revision.next }
        let changes: [TransferReport.Change] =
            file == known ? [] : [.init(part: "SAE", learnedOn: "aa", here: "bb")]
        return TransferResult(
            session: session,
            report: TransferReport(
                changes: changes, sites: [.init(name: "features", before: 9, after: 0)]),
            measured: file == known
                ? nil
                : TextMeasurement(
                    tokens: 8, bytes: 20, bitsPerByte: BitsPerByte(frozen: 2, adapted: 1.5)))
    }

    /// Knows the checkpoint `ckpt-1` and the sessions that were made.
    func merge(_ id: SessionID, _ request: MergeRequest) async throws -> MergeResult {
        for term in request.terms {
            switch term.source {
            case .checkpoint(let checkpoint):
                guard checkpoint.rawValue == "ckpt-1" else {
                    throw ServiceError.checkpointNotFound(checkpoint)
                }
            case .session(let name): _ = try await session(SessionID(user: id.user, name: name))
            }
        }
        state.withLock { $0.merges.append(request) }
        let session = try change(id, ifMatch: request.ifMatch) { $0.revision = $0.revision.next }
        return MergeResult(event: EventID(rawValue: "evt-merge"), session: session)
    }

    func complete(_ id: SessionID, _ request: CompleteRequest) async throws
        -> AsyncThrowingStream<CompletionEvent, any Error>
    {
        let session = try await session(id)
        var words: [Substring] = []
        if case .text(let text) = request.prompt { words = text.split(separator: " ") }
        if words.first == "FULL" {
            throw ServiceError.queueFull(capacity: 64, retryAfterSeconds: 3)
        }
        state.withLock { state in
            state.completions.append(request)
            state.started += 1
            state.running += 1
        }
        return AsyncThrowingStream { continuation in
            let task = Task { [self, words] in
                do {
                    try await generate(request, String(words.first ?? ""), session) {
                        continuation.yield($0)
                    }
                    continuation.finish()
                } catch { continuation.finish(throwing: error) }
            }
            continuation.onTermination = { [self] reason in
                state.withLock { state in
                    state.running -= 1
                    if case .cancelled = reason { state.cancelled += 1 }
                }
                task.cancel()
            }
        }
    }

    private func generate(
        _ request: CompleteRequest, _ manner: String, _ session: SessionState,
        _ yield: (CompletionEvent) -> Void
    ) async throws {
        if manner == "HANG" { try await Task.sleep(for: .seconds(60)) }
        let choices = request.mode == .compare ? 2 * request.count : request.count
        for choice in 0..<choices {
            for word in 0..<request.maxTokens {
                if manner == "SLOW" { try await Task.sleep(for: .milliseconds(20)) }
                if manner == "FAIL", word == 2 { throw ServiceError.storage(reason: "disk full") }
                let text = "w\(word) "
                let token = TokenLogprob(text: text, bytes: Array(text.utf8), logprob: -0.5)
                let part = TokenLogprob(text: "\u{fffd}", bytes: [0xe2, 0x80], logprob: -1.5)
                yield(
                    .piece(
                        CompletionPiece(
                            choice: choice, text: text,
                            logprobs: request.topLogprobs == nil ? [] : [(token, [token, part])])))
            }
            yield(.choiceFinished(choice: choice, reason: .length))
        }
        yield(
            .finished(
                CompletionSummary(
                    session: session.id, revision: session.revision,
                    revisionAfter: request.learn == nil || request.learn == LearnMode.none
                        ? session.revision : session.revision.next,
                    learnedTokens: request.learn == .completion ? request.maxTokens : 0,
                    promptTokens: 3, completionTokens: choices * request.maxTokens,
                    adaptation: Self.adaptation,
                    paused: manner == "LOOP" ? [.repetition, .distributionRank] : [],
                    event: nil)))
    }
}
