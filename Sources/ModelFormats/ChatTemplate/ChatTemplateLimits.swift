/// What a template, which is a stranger's program, may use up.
///
/// The defaults are far above what models' templates need (of 101 known ones, 98 take under 100,000
/// steps for 1,000 messages; two go through all messages for each message) and stop a hostile one
/// within seconds.
public struct ChatTemplateLimits: Sendable {
    /// Of the template's text, UTF-8 bytes.
    public var templateBytes = 1 << 20
    /// How deep expressions and statements nest in the template.
    public var nesting = 100
    /// Expressions evaluated, statements run, list elements made and values compared, together.
    public var steps = 3_000_000
    /// Code points of all strings made on the way, together; each takes four bytes while it lives.
    public var textScalars = 32 << 20
    /// Of the rendered text, UTF-8 bytes.
    public var outputBytes = 8 << 20
    /// How deep evaluation goes, macros in macros included. Bounds the stack.
    public var evaluationDepth = 300
    /// How deep lists and dictionaries lie in each other.
    public var valueDepth = 100
    /// Of one `range`, as Jinja's sandbox has it.
    public var rangeLength = 100_000

    public init() {}
}
