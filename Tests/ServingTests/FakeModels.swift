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
    static let adaptation = Adaptation(
        klMean: 0.012345678901234567, klMax: 0.1, strengthMin: 0.75)

    func health() async -> Health { state.withLock { $0.health } }

    func statistics() async -> Statistics {
        var statistics = Statistics()
        statistics.observedTokens = 17
        statistics.latency.firstToken.add(0.2)
        statistics.latency.firstToken.add(99)
        statistics.latency.interToken.add(0.004, times: 7)
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
            let session = make(id, learn: request.learn ?? LearnMode.none)
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

    func session(_ id: SessionID) async throws -> SessionState {
        if let there = state.withLock({ $0.sessions[id] }) { return there }
        guard id.name == .default else { throw ServiceError.sessionNotFound(id) }
        return make(id)
    }

    func change(
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

    func deleteUser(_ user: UserID) async throws -> DepartureReceipt {
        try state.withLock { state in
            let gone = state.sessions.keys.filter { $0.user == user }
            guard !gone.isEmpty else { throw ServiceError.userNotFound(user) }
            guard user.rawValue != "sticky" else {
                throw ServiceError.userNotErased(user, reason: "The database is locked.")
            }
            for id in gone { state.sessions[id] = nil }
            return DepartureReceipt(
                user: user, deleted: 1_700_000_005, sessions: gone.count, checkpoints: 2, events: 3,
                bytes: 4096)
        }
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
        case .conversation(let conversation): size = conversation.messages.count
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
                    worst: ProbeReading(probe: "polite", measured: -4.5, bound: .atLeast(-3)),
                    fit: ProbeFit(scope: .continuations, scale: 0.5, probes: ["polite"])))
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
}
