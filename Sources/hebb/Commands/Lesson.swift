import Foundation
import Synchronization

/// One run of `observe` over several texts.
struct Lesson {
    let client: ServerClient
    let address: SessionAddress
    let reward: Double?
    /// How far it is, for whoever wants to know it meanwhile.
    let tally: LessonTally
    private let texts: [(document: TextDocument, pieces: [Range<Int>])]
    private var naming: PieceNaming
    private var bar: ProgressBar
    /// How often each piece came so far: equal pieces of one run are all learned.
    private var occurrences: [String: Int] = [:]
    /// What the session's journal says, once it was asked for.
    private var past: Past?
    private(set) var total = Learned(file: "total")
    private(set) var files: [Learned] = []
    private(set) var revision: Int?

    init(
        client: ServerClient, address: SessionAddress, naming: PieceNaming, reward: Double?,
        pieces: TextPieces, texts: [TextDocument]
    ) {
        self.client = client
        self.address = address
        self.naming = naming
        self.reward = reward
        self.texts = texts.map { ($0, pieces.ranges(of: $0.bytes)) }
        tally = LessonTally(
            pieces: self.texts.reduce(0) { $0 + $1.pieces.count }, naming: naming,
            address: address)
        bar = ProgressBar(
            label: "", total: texts.reduce(0) { $0 + $1.bytes.count }, countsBytes: true)
    }

    struct Report: Encodable {
        let session: String
        let run: String
        let revision: Int?
        let files: [Learned]
        let total: Learned
    }

    var report: Report {
        Report(
            session: address.description, run: naming.runID(for: address), revision: revision,
            files: files, total: total)
    }

    /// Sends the texts piece by piece; waits for each to be durable.
    /// - Parameter finished: called after each text.
    mutating func learn(finished: (Learned) -> Void) async throws {
        defer { bar.finish() }
        var sentBytes = 0
        for (document, pieces) in texts {
            var learned = Learned(file: document.name)
            bar.label = URL(fileURLWithPath: document.name).lastPathComponent
            // A first piece can take seconds.
            bar.show(done: sentBytes, note: "")
            for range in pieces {
                let observation = try await observe(document.text(range))
                learned.add(observation, sentBytes: range.count)
                total.add(observation, sentBytes: range.count)
                tally.count(under: naming)
                revision = observation?.revision ?? revision
                sentBytes += range.count
                if observation?.replayed ?? true { bar.begin(at: sentBytes) }
                bar.show(done: sentBytes, note: Figure.bits(learned.bitsPerByte))
            }
            files.append(learned)
            bar.finish()
            finished(learned)
        }
    }

    private struct Body: Encodable {
        let text: String
        let reward: Double?
    }

    /// Nil: it was learned before and has been forgotten, and so it stays.
    private mutating func observe(_ text: String) async throws -> WireObservation? {
        let content = PieceNaming.Content(text: text, reward: reward)
        let count = occurrences[content.key, default: 0]
        occurrences[content.key] = count + 1
        while true {
            let observation: WireObservation?
            do {
                observation = try await send(content, count)
            } catch ClientError.refused(_, _, "idempotency_key_spent", _) {
                observation = nil
            }
            // Of what came before, a reset may have dropped all since: then it is new again.
            if let observation, observation.replayed != true { return observation }
            guard case .usual(let secret, let since) = naming else { return observation }
            let known: Past
            if let past {
                known = past
            } else {
                known = try await Past(of: address, client: client)
                past = known
            }
            guard let start = known.start(after: observation?.revision), start != since else {
                return observation
            }
            naming = .usual(secret: secret, since: start)
        }
    }

    private func send(_ content: PieceNaming.Content, _ count: Int) async throws -> WireObservation
    {
        try await client.exchange(
            "POST", address.path("observe"), body: Body(text: content.text, reward: reward),
            headers: ["Idempotency-Key": naming.name(of: content, count: count, for: address)],
            retries: 5)
    }

    /// What a session's journal says of texts that were learned before.
    private struct Past {
        /// The newest event that put something else in the place of what had been learned.
        private var replacement: WireEvent?
        private var hasForgotten = false
        private let created: String?

        init(of address: SessionAddress, client: ServerClient) async throws {
            created = try await Self.session(address, client: client).created
            try await WireEvent.each(of: address, client: client) { event in
                let replaces = ["reset", "restore", "import", "merge"].contains(event.kind)
                if replaces { replacement = event }
                hasForgotten = hasForgotten || event.forgotten
            }
        }

        /// One that was discarded is made anew: its time tells it from the one before.
        private static func session(
            _ address: SessionAddress, client: ServerClient
        ) async throws -> WireSession {
            do {
                return try await client.exchange("GET", address.path())
            } catch ClientError.refused(_, _, "session_not_found", _) {
                return try await client.exchange(
                    "POST", "/v1/sessions",
                    body: ["user": "\(address.user)", "id": "\(address.name)"])
            }
        }

        /// From where on a piece counts that was learned before; nil: from where it was.
        /// - Parameter revision: of the session when it learned it; nil: that is forgotten, or was
        ///   discarded with a session of the same name.
        func start(after revision: Int?) -> String? {
            if let replacement {
                return (revision ?? 0) < replacement.revision ? replacement.id : nil
            }
            return revision == nil && !hasForgotten ? created : nil
        }
    }
}

/// How far a run is; read from other threads while it goes on.
final class LessonTally: Sendable {
    private let pieces: Int
    private let address: SessionAddress
    private let state: Mutex<(done: Int, naming: PieceNaming)>

    init(pieces: Int, naming: PieceNaming, address: SessionAddress) {
        self.pieces = pieces
        self.address = address
        state = Mutex((0, naming))
    }

    func count(under naming: PieceNaming) { state.withLock { $0 = ($0.done + 1, naming) } }

    /// What to say when the run ends early, and how to go on with it.
    var whenStopped: String {
        let (done, naming) = state.withLock { $0 }
        let id = naming.runID(for: address)
        let how =
            if case .usual = naming {
                "the same command goes on from there"
            } else {
                "the same command with --run \(id) goes on from there"
            }
        return "run \(id) stopped after \(done) of \(pieces) pieces; \(how)"
    }
}

/// What was learned from one text, or from all of a run.
struct Learned: Encodable {
    /// Bytes, tokens and pieces of text.
    struct Amount: Encodable, Equatable {
        var bytes = 0
        var tokens = 0
        var pieces = 0

        fileprivate mutating func add(_ observation: WireObservation, bytes: Int) {
            self.bytes += bytes
            tokens += observation.tokens
            pieces += 1
        }
    }

    let file: String
    private(set) var all = Amount()
    /// Of it, what the session had learned before this run.
    private(set) var before = Amount()
    /// Pieces that were forgotten on purpose, and were not learned again.
    private(set) var forgottenPieces = 0
    private var bitsFrozen = 0.0
    private var bitsAdapted = 0.0

    init(file: String) { self.file = file }

    /// As each piece was measured when it was learned.
    var bitsPerByte: WireBits {
        let bytes = Double(max(all.bytes, 1))
        return WireBits(frozen: bitsFrozen / bytes, adapted: bitsAdapted / bytes)
    }

    var line: String {
        let stays =
            forgottenPieces == 0
            ? "" : "; \(Figure.grouped(forgottenPieces)) pieces were forgotten and stay so"
        if before == all {
            return "\(file): learned before\(stays); --again learns it once more"
        }
        let tokens = Figure.grouped(all.tokens - before.tokens)
        let line =
            "\(file): \(tokens) tokens learned from \(Figure.bytes(all.bytes - before.bytes)), "
            + Figure.bits(bitsPerByte)
        return before.pieces == 0
            ? line + stays
            : line + "; \(Figure.bytes(before.bytes)) more were learned before" + stays
    }

    /// - Parameter observation: of a piece; nil: it was forgotten.
    mutating func add(_ observation: WireObservation?, sentBytes: Int) {
        guard let observation else {
            forgottenPieces += 1
            return
        }
        let length = observation.bytes ?? sentBytes
        all.add(observation, bytes: length)
        if observation.replayed == true { before.add(observation, bytes: length) }
        bitsFrozen += observation.bitsPerByte.frozen * Double(length)
        bitsAdapted += observation.bitsPerByte.adapted * Double(length)
    }

    private enum CodingKeys: String, CodingKey {
        case file, bytes, tokens, pieces, bitsPerByte, learnedBefore, forgottenPieces
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(file, forKey: .file)
        try container.encode(all.bytes, forKey: .bytes)
        try container.encode(all.tokens, forKey: .tokens)
        try container.encode(all.pieces, forKey: .pieces)
        try container.encode(bitsPerByte, forKey: .bitsPerByte)
        try container.encode(before, forKey: .learnedBefore)
        try container.encode(forgottenPieces, forKey: .forgottenPieces)
    }
}
