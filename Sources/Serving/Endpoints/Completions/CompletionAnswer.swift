import Scheduling

/// Turns the events of a generation into OpenAI's objects: one whole answer, or chunks.
struct CompletionAnswer: Sendable {
    private(set) var id: String
    let created: Int
    let model: String
    let call: CompletionCall

    private(set) var totals = CompletionTotals()
    private var choices: [Int: CompletionChoice] = [:]
    /// Choices of which a chunk has been sent.
    private var begun: Set<Int> = []
    /// The newest chunk that ends a choice. It waits for what follows it: the last one of all
    /// carries the account of the whole request.
    private var held: CompletionChoice?

    init(id: String, created: Int, model: String, call: CompletionCall) {
        self.id = id
        self.created = created
        self.model = model
        self.call = call
    }

    // MARK: a whole answer

    mutating func collect(_ event: CompletionEvent, prompt: Int) {
        switch event {
        case .repeated(let first): id = first?.rawValue ?? id
        case .piece(let piece):
            let index = self.index(piece.choice, prompt: prompt)
            var choice = choices.removeValue(forKey: index) ?? empty(piece.choice, prompt: prompt)
            choice.text += piece.text
            choice.logprobs?.append(piece)
            choices[index] = choice
        case .choiceFinished(let number, let reason):
            let index = self.index(number, prompt: prompt)
            let choice = empty(number, prompt: prompt)
            choices[index, default: choice].finishReason = reason
        case .finished(let summary): totals.add(summary)
        }
    }

    var whole: JSONValue {
        let ordered = choices.values.sorted { $0.index < $1.index }
        return object(
            choices: ordered.map(whole), usage: totals.usage,
            plasticity: totals.plasticity(mode: call.mode))
    }

    private func whole(_ choice: CompletionChoice) -> JSONValue {
        guard call.shape == .chat else { return choice.textJSON }
        var choice = choice
        choice.take(call.tools)
        return choice.messageJSON
    }

    // MARK: a stream

    /// The chunks to send now for one event.
    mutating func chunks(_ event: CompletionEvent, prompt: Int) -> [JSONValue] {
        switch event {
        case .repeated(let first):
            id = first?.rawValue ?? id
            return []
        case .piece(let piece):
            if piece.text.isEmpty && piece.logprobs.isEmpty { return [] }
            // Whether it is a call is seen when it is whole.
            if call.tools != nil {
                collect(event, prompt: prompt)
                return []
            }
            var choice = empty(piece.choice, prompt: prompt)
            choice.text = piece.text
            choice.logprobs?.append(piece)
            return release() + opening(choice.index, of: piece.choice, prompt) + [chunk(choice)]
        case .choiceFinished(let number, let reason):
            var choice = empty(number, prompt: prompt)
            choice.finishReason = reason
            choice.logprobs = nil
            var before = release() + opening(choice.index, of: number, prompt)
            if var said = choices.removeValue(forKey: choice.index) {
                said.take(call.tools)
                choice.calls = said.calls
                (said.calls, before) = ([], before + (said.text.isEmpty ? [] : [chunk(said)]))
                if !choice.calls.isEmpty {
                    var calls = empty(number, prompt: prompt)
                    calls.calls = choice.calls
                    before.append(chunk(calls))
                }
            }
            held = choice
            return before
        case .finished(let summary):
            totals.add(summary)
            return []
        }
    }

    /// The last chunks, after the last prompt.
    mutating func lastChunks() -> [JSONValue] {
        let plasticity = totals.plasticity(mode: call.mode)
        if call.includesUsage {
            return release() + [
                object(
                    choices: [], usage: totals.usage, plasticity: plasticity, isChunk: true)
            ]
        }
        let last = held.map { [part($0)] } ?? []
        held = nil
        return [object(choices: last, usage: nil, plasticity: plasticity, isChunk: true)]
    }

    private mutating func release() -> [JSONValue] {
        defer { held = nil }
        return held.map { [chunk($0)] } ?? []
    }

    /// In chat a choice begins with who speaks.
    private mutating func opening(_ index: Int, of choice: Int, _ prompt: Int) -> [JSONValue] {
        guard call.shape == .chat, begun.insert(index).inserted else { return [] }
        return [chunk(empty(choice, prompt: prompt), isFirst: true)]
    }

    private func chunk(_ choice: CompletionChoice, isFirst: Bool = false) -> JSONValue {
        object(
            choices: [part(choice, isFirst: isFirst)], usage: call.includesUsage ? .null : nil,
            plasticity: nil, isChunk: true)
    }

    private func part(_ choice: CompletionChoice, isFirst: Bool = false) -> JSONValue {
        call.shape == .chat ? choice.deltaJSON(isFirst: isFirst) : choice.textJSON
    }

    // MARK: shapes

    private func index(_ choice: Int, prompt: Int) -> Int {
        prompt * call.choicesPerPrompt + choice
    }

    private func empty(_ choice: Int, prompt: Int) -> CompletionChoice {
        CompletionChoice(
            index: index(choice, prompt: prompt),
            logprobs: call.requests[prompt].topLogprobs.map {
                CompletionLogprobs(call.shape, top: $0)
            },
            plasticityMode: call.mode == .compare
                ? (choice.isMultiple(of: 2) ? .adapted : .frozen) : nil)
    }

    private func object(
        choices: [JSONValue], usage: JSONValue?, plasticity: JSONValue?, isChunk: Bool = false
    ) -> JSONValue {
        .object(compact: [
            "id": .string(id), "object": .string(call.shape.object(isChunk: isChunk)),
            "created": .integer(created),
            "model": .string(model), "choices": .array(choices), "usage": usage,
            "plasticity": plasticity,
        ])
    }
}
