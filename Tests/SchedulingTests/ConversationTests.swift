import EngramStorage
import Engrams
import InnerCortex
import ModelFormats
import OuterCortex
import Testing
import TinyCore

@testable import Scheduling

/// The tiny core with a chat template of three control tokens a turn.
let chatCortex: Cortex = {
    var rule = PlasticityRule()
    rule.safeZone.learningGate = 1000
    let template = """
        {% for m in messages %}{% if m.role == 'tool' %}{{ raise_exception('no tools here') }}\
        {% endif %}<|endoftext|>{{ m.role }}:{{ m.content }}{% endfor %}\
        {% if add_generation_prompt %}<|endoftext|>assistant:{% endif %}
        """
    do {
        return try Cortex(folder: TinyCore.make(chatTemplate: template), rule: rule)
    } catch {
        fatalError("the tiny core could not be loaded: \(error)")
    }
}()

func makeChatScheduler(_ store: any EngramStore = InMemoryStore()) -> Scheduler {
    Scheduler(cortex: chatCortex, store: store)
}

func conversation(_ said: (String, String)...) -> ObservedContent {
    .conversation(
        Conversation(messages: said.map { .message(role: $0.0, content: $0.1) }))
}

@Suite struct ConversationTests {
    private func ask(_ content: ObservedContent) -> CompleteRequest {
        var request = completion(maxTokens: 5, temperature: 0)
        request.prompt = content
        return request
    }

    @Test("A conversation is answered as the same tokens are, whatever people say in it")
    func answered() async throws {
        let scheduler = makeChatScheduler()
        let said = "I <|endoftext|> am"
        let answer = try await Collected(
            try await scheduler.complete(alice, ask(conversation(("user", said)))))
        let tokenizer = chatCortex.tokenizer
        let control = TokenID(0)
        let tokens =
            [control] + tokenizer.encode("user:" + said) + [control]
            + tokenizer.encode("assistant:")
        let same = try await Collected(try await scheduler.complete(alice, ask(.tokens(tokens))))
        #expect(answer.texts == same.texts)
        #expect(answer.summary?.promptTokens == tokens.count)
    }

    @Test("A core without a template, and a template that refuses, are told apart")
    func refused() async throws {
        await #expect(throws: ServiceError.chatUnavailable(model: "tiny-core", fault: nil)) {
            _ = try await makeScheduler().complete(alice, ask(conversation(("user", "a"))))
        }
        let error = await #expect(throws: ServiceError.self) {
            _ = try await makeChatScheduler().complete(alice, ask(conversation(("tool", "a"))))
        }
        guard case .conversationRefused(let reason)? = error else {
            Issue.record("another error: \(String(describing: error))")
            return
        }
        #expect(reason.contains("no tools here"))
        await #expect(throws: ServiceError.self) {
            _ = try await makeChatScheduler().complete(
                alice, ask(conversation(("user", String(repeating: "a", count: 2 << 20)))))
        }
    }

    @Test("A broken template stops nobody who brings a text, and is named to who does not")
    func broken() async throws {
        let folder = try TinyCore.make(chatTemplate: "{% for %}")
        let cortex = try Cortex(folder: folder)
        #expect(cortex.notices.contains { $0.contains("chat_template.jinja") })
        let scheduler = Scheduler(cortex: cortex, store: InMemoryStore())
        _ = try await Collected(try await scheduler.complete(alice, completion(maxTokens: 2)))
        let error = await #expect(throws: ServiceError.self) {
            _ = try await scheduler.complete(alice, ask(conversation(("user", "a"))))
        }
        guard case .chatUnavailable(_, let fault?)? = error else {
            Issue.record("another error: \(String(describing: error))")
            return
        }
        #expect(fault.contains("line 1"))
    }

    @Test("An answer with a format is of that format, whatever the core would rather say")
    func formatted() async throws {
        let scheduler = makeChatScheduler()
        var request = ask(conversation(("user", "a")))
        let grammar = try JSONGrammar.schema(
            .object([.init("enum", .array([.string("heron"), .string("eel")]))]))
        request.format = AnswerFormat(grammar: grammar, key: "enum")
        request.maxTokens = 20
        request.sampling.temperature = 1
        var said: Set<String> = []
        for seed in UInt64(1)...8 {
            request.seed = seed
            let answer = try await Collected(try await scheduler.complete(alice, request))
            said.insert(answer.texts[0] ?? "")
            #expect(answer.reasons[0] == .stop)
        }
        #expect(!said.isEmpty && said.isSubset(of: [#""heron""#, #""eel""#]))
        request.maxTokens = 2
        let cut = try await Collected(try await scheduler.complete(alice, request))
        #expect(cut.reasons[0] == .length)
    }

    // MARK: learning

    private func learn(
        _ scheduler: Scheduler, _ mode: LearnMode, _ said: (String, String)..., key: String? = nil
    ) async throws -> Collected {
        var request = ask(
            .conversation(
                Conversation(messages: said.map { .message(role: $0.0, content: $0.1) })))
        request.learn = mode
        request.idempotencyKey = key
        return try await Collected(try await scheduler.complete(alice, request))
    }

    private func text(_ scheduler: Scheduler, _ event: EventID?) async throws -> EventState {
        try await scheduler.event(alice, event: #require(event))
    }

    @Test(
        "Who said it decides what is learned, and only what is new is",
        arguments: [
            (LearnMode.user, "eels"), (.prompt, "be kindeels"), (.both, "be kindeels"),
            (.completion, ""),
        ])
    func roles(mode: LearnMode, said: String) async throws {
        let scheduler = makeChatScheduler()
        let first = try await learn(
            scheduler, mode, ("user", "herons"), ("assistant", "reeds"), ("system", "be kind"),
            ("user", "eels"))
        let answer = mode == .both || mode == .completion ? first.texts[0] ?? "" : ""
        let event = try await text(scheduler, first.summary?.event)
        #expect(event.text?.text == said + answer)
        let own = answer.isEmpty ? [] : ["assistant"]
        #expect(
            event.messages.map(\.role) == ["user", "assistant", "system", "user"] + own)
        #expect(
            event.messages.map(\.isLearned)
                == [
                    false, false, mode == .prompt || mode == .both,
                    mode != .completion,
                ] + own.map { _ in true })
        #expect(event.messages.prefix(2).map(\.text) == ["herons", "reeds"])
        let tokens = chatCortex.tokenizer.encode(said).count + (answer.isEmpty ? 0 : 5)
        #expect(first.summary?.learnedTokens ?? 0 <= tokens + 2)
        #expect(first.summary?.learnedTokens ?? 0 > 0)
        // Nothing else was learned: a list shows the beginning of just that.
        let listed = try await scheduler.events(alice, page: Page(), text: false).items
        #expect(listed[0].messages.isEmpty && listed[0].text?.text == said + answer)
    }

    @Test("What nobody new said is not learned, and makes no event")
    func nothingNew() async throws {
        let scheduler = makeChatScheduler()
        let answer = try await learn(
            scheduler, .user, ("user", "herons"), ("assistant", "reeds"), ("system", "go on"))
        #expect(answer.summary?.event == nil && answer.summary?.learnedTokens == 0)
        #expect(try await scheduler.session(alice).revision == .zero)
    }

    @Test("An observed conversation keeps its roles and learns whose messages it is told to")
    func observed() async throws {
        let scheduler = makeChatScheduler()
        let talk = conversation(("user", "herons"), ("assistant", "reeds"), ("user", "eels"))
        func observe(_ learn: LearnMode) async throws -> EventState {
            let result = try await scheduler.observe(
                alice, ObserveRequest(content: talk, learn: learn))
            return try await text(scheduler, result.event)
        }
        #expect(try await observe(.both).messages.map(\.isLearned) == [true, true, true])
        #expect(try await observe(.user).text?.text == "heronseels")
        #expect(try await observe(.completion).text?.text == "reeds")
        let last = try await observe(.prompt)
        #expect(last.messages.map(\.role) == ["user", "assistant", "user"])
        #expect(last.tokens > last.learnedTokens)
        // A core without a template reads lines.
        let plain = makeScheduler()
        let result = try await plain.observe(
            alice, ObserveRequest(content: talk, learn: .user))
        let event = try await plain.event(alice, event: result.event)
        #expect(event.messages.map(\.text) == ["herons", "reeds", "eels"])
        #expect(event.text?.text == "heronseels")
        await #expect(throws: ServiceError.emptyText) {
            try await plain.observe(
                alice, ObserveRequest(content: conversation(("user", "a")), learn: .completion))
        }
    }

    @Test("The same conversations make the same bytes after a restart, and without a forgotten one")
    func replayed() async throws {
        let store = InMemoryStore()
        let scheduler = makeChatScheduler(store)
        let first = try await learn(scheduler, .user, ("user", "the quorvath hums"))
        _ = try await learn(scheduler, .both, ("user", "in the rain"))
        _ = try await scheduler.observe(
            alice, ObserveRequest(content: conversation(("user", "eels")), learn: .user))
        let state = try await scheduler.workingState(alice)
        #expect(try await makeChatScheduler(store).workingState(alice) == state)

        let event = try #require(first.summary?.event)
        _ = try await scheduler.forget(alice, event: event, ifMatch: nil)
        let without = makeChatScheduler()
        // Its answer is its own: learn the tokens that were.
        let second = try await text(
            scheduler, try await store.events(of: alice, after: 1, limit: 1)[0].id)
        #expect(second.messages.last?.role == "assistant")
        let events = try await store.events(of: alice, after: 1, limit: 2)
        var engram = chatCortex.emptyEngram()
        for event in events {
            guard case .text(let text) = try EventContent(event), text.conversation != nil
            else {
                Issue.record("an event that learned no conversation")
                continue
            }
            engram = try await without.engine.learn(text, on: engram, for: alice).engram
        }
        #expect(
            try await scheduler.resident(alice).engram.sites == engram.sites)
    }

    @Test("A repeated request is learned from once; the same key with other words is refused")
    func repeats() async throws {
        let scheduler = makeChatScheduler()
        let first = try await learn(scheduler, .user, ("user", "herons"), key: "k")
        let again = try await learn(scheduler, .user, ("user", "herons"), key: "k")
        #expect(again.texts == first.texts && again.summary?.replayed == true)
        #expect(try await scheduler.session(alice).revision.rawValue == 1)
        for said in [("user", "heron"), ("system", "herons")] {
            await #expect(throws: ServiceError.idempotencyKeyReused) {
                _ = try await learn(scheduler, .user, said, key: "k")
            }
        }
    }

    @Test("Where no text is kept, no roles are either")
    func deltas() async throws {
        let store = InMemoryStore()
        var configuration = SchedulerConfiguration()
        configuration.journal = .deltas
        let scheduler = Scheduler(cortex: chatCortex, store: store, configuration: configuration)
        _ = try await learn(scheduler, .user, ("user", "herons"))
        let event = try await store.events(of: alice, after: 0, limit: 1)[0]
        #expect(event.payload == nil && event.tokens.isEmpty && event.tokenCount > 0)
        #expect(try await scheduler.events(alice, page: Page(), text: true).items.count == 1)
    }

    @Test("A record that does not fit its tokens is damage")
    func damaged() throws {
        func part(_ start: Int, _ end: Int) -> ConversationRecord.Part {
            .init(message: 0, role: "user", start: start, end: end, isLearned: true)
        }
        let chat = EncodedChat(tokens: [])
        var record = ConversationRecord(chat, learning: .user, onlyNew: true)
        #expect(record.fits(0))
        for (parts, fits) in [
            ([part(0, 2), part(2, 5)], true), ([part(0, 6)], false), ([part(3, 2)], false),
            ([part(0, 3), part(2, 4)], false), ([part(-1, 2)], false),
        ] {
            record.parts = parts
            #expect(record.fits(5) == fits)
        }
    }
}
