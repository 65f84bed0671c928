/// A piece of a template's text.
struct JinjaToken {
    enum Kind: Equatable {
        case data(JinjaText)
        case variableBegin
        case variableEnd
        case blockBegin
        case blockEnd
        case name(String)
        case string(JinjaText)
        case integer(Int)
        case float(Double)
        case symbol(String)
        case end
    }

    let kind: Kind
    let line: Int

    /// What the token is, for an error's text.
    var description: String {
        switch kind {
        case .data: "text"
        case .variableBegin: "{{"
        case .variableEnd: "}}"
        case .blockBegin: "{%"
        case .blockEnd: "%}"
        case .name(let name): ModelFormats.quoted(name)
        case .string: "a string"
        case .integer, .float: "a number"
        case .symbol(let symbol): ModelFormats.quoted(symbol)
        case .end: "the end of the template"
        }
    }
}
