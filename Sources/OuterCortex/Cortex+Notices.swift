import InnerCortex
import ModelFormats

extension Cortex {
    /// What of the folder's files is used in another way than they say, for people; one sentence each.
    public var notices: [String] {
        var notices: [String] = []
        if inner.hasHeadBesideConfig {
            notices.append(
                "config.json ties lm_head to the embedding, but the weights hold another "
                    + "lm_head.weight: that one is used")
        }
        let names = tokenizer.namesBeyondEmbedding
        if !names.isEmpty {
            let shown = names.prefix(5).map(\.debugDescription).joined(separator: ", ")
            notices.append(
                "tokenizer.json adds tokens beyond the embedding's "
                    + "\(inner.config.vocabularySize) rows; they are read as text: " + shown
                    + (names.count > 5 ? " and \(names.count - 5) more" : ""))
        }
        if let chatFault {
            notices.append("the chat template is of no use, so there is no chat: \(chatFault)")
        }
        return notices
    }
}
