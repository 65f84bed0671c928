public import Engrams

/// How the core's chat template has a model call functions.
public enum ToolForm: Sendable {
    /// A JSON object between `<tool_call>` and `</tool_call>`, as Hermes and Qwen have it.
    case tagged
    /// In a way of its own, which answers are not searched for.
    case other
}

/// The core that is served.
public struct ModelDescription: Sendable {
    public var name: String
    public var created: Int
    public var contextLength: Int
    public var vocabularySize: Int
    public var identity: CortexIdentity
    public var kernelClass: String
    /// Nil where the chat template, if there is one, tells its model of no tools.
    public var tools: ToolForm?
    public init(
        name: String, created: Int, contextLength: Int, vocabularySize: Int,
        identity: CortexIdentity, kernelClass: String, tools: ToolForm? = nil
    ) {
        self.name = name
        self.created = created
        self.contextLength = contextLength
        self.vocabularySize = vocabularySize
        self.identity = identity
        self.kernelClass = kernelClass
        self.tools = tools
    }
}
