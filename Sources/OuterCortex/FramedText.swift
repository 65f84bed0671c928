import InnerCortex
public import ModelFormats

/// The tokens of a text behind what stands before it in the core's context.
struct FramedText: Sendable {
    let tokens: [TokenID]
    /// How many of them come before the first that is predicted; at least 1.
    let given: Int

    /// The position that predicts the first token.
    var firstPosition: Int { given - 1 }
}

extension Cortex {
    /// A text of which every token is predicted: behind `opening`. One that begins with the
    /// tokenizer's own prefix gets no second one.
    func framed(_ text: [TokenID]) -> FramedText {
        let prefix = tokenizer.sequencePrefix
        let isFramed = !prefix.isEmpty && text.starts(with: prefix)
        return FramedText(
            tokens: isFramed ? text : opening + text, given: opening.count)
    }

    /// An answer behind its prompt, in the context that it was given in.
    func framed(_ answer: [TokenID], after prompt: [TokenID]) -> FramedText {
        FramedText(
            tokens: context(of: prompt) + answer, given: max(1, tokenizer.sequencePrefix.count))
    }

    /// What an answer to a prompt follows: the prompt behind what the tokenizer's post-processor puts
    /// before a text, and nothing more. Only where that is nothing at all does a start token stand.
    func context(of prompt: [TokenID]) -> [TokenID] {
        let prefix = tokenizer.sequencePrefix
        let context = prompt.starts(with: prefix) ? prompt : prefix + prompt
        return context.isEmpty ? opening : context
    }

    /// Whether a text has any token to predict: one that is nothing but its prefix has none.
    public func hasPredictions(_ text: [TokenID]) -> Bool {
        let framed = framed(text)
        return framed.tokens.count > framed.given
    }

    /// Whether the core's context has room for one token behind a prompt.
    public func hasRoom(after prompt: [TokenID]) -> Bool {
        context(of: prompt).count < inner.config.contextLength
    }
}
