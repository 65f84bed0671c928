/// What a template, which is a stranger's program, may use up.
///
/// The defaults are far above what models' templates need (the longest known is 17 KB and takes
/// 30,000 steps for 100 messages) and stop a hostile one within a second.
public struct ChatTemplateLimits: Sendable {
    /// Of the template's text, UTF-8 bytes.
    public var templateBytes = 1 << 20
    /// How deep expressions and statements nest in the template.
    public var nesting = 100
    /// Expressions evaluated, statements run, list elements made and values compared, together.
    public var steps = 4_000_000
    /// Code points of all strings made on the way, together; each takes four bytes while it lives.
    public var textScalars = 64 << 20
    /// Of the rendered text, UTF-8 bytes.
    public var outputBytes = 16 << 20
    /// How deep evaluation goes, macros in macros included. Bounds the stack.
    public var evaluationDepth = 300
    /// How deep lists and dictionaries lie in each other.
    public var valueDepth = 100
    /// Of one `range`, as Jinja's sandbox has it.
    public var rangeLength = 100_000

    public init() {}
}
