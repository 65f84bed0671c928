import Foundation
import Kernels
import Testing
import TinyCore

@testable import InnerCortex
@testable import ModelFormats

@Suite("Answers within a grammar")
struct GrammarTests {
    private func value(_ json: String) throws -> ChatValue {
        ChatValue(try JSONScanner.parse(Array(json.utf8), file: "a schema"))
    }

    private func takes(_ grammar: ByteGrammar, _ text: String) -> Bool {
        var automaton = GrammarAutomaton(grammar)
        var state = automaton.start()
        for byte in text.utf8 { state = automaton.step(state, byte) }
        return automaton.mayEnd(state)
    }

    @Test("Any object is JSON, and nothing else is")
    func objects() {
        for text in [
            "{}", "{ }", #"{"a":1}"#, #"{"a": -0.5e+10, "b": [1, "x", null, true, {"c": []}]}"#,
            "{\n  \"a\": \"\\u00e9\\n\"\n}", #"{"é你😀":false}"#, #"{"a":"\ud7ff"}"#,
        ] {
            #expect(takes(JSONGrammar.object, text), "\(text)")
            #expect(!takes(JSONGrammar.object, String(text.dropLast())), "\(text)")
            #expect(!takes(JSONGrammar.object, text + "}"), "\(text)")
        }
        for text in [
            "", "[]", "1", #"{"a":01}"#, #"{"a":.5}"#, #"{"a":1,}"#, #"{a:1}"#, #"{"a" :1}"#,
            #"{"a":"\x"}"#, "{\"a\":\"\t\"}", #"{"a":"\ud800"}"#, "{    }", #"{"a":tru}"#,
            #"{"a":1 2}"#, " {}",
        ] {
            #expect(!takes(JSONGrammar.object, text), "\(text)")
        }
        var automaton = GrammarAutomaton(JSONGrammar.object)
        var state = automaton.start()
        for byte in Array(#"{"a":""#.utf8) + [0xc0] { state = automaton.step(state, byte) }
        #expect(state == GrammarAutomaton.dead)
    }

    @Test(
        "A schema takes what fits it and refuses what does not",
        arguments: [
            (#"{"type":"boolean"}"#, ["true", "false"], ["null", "1", "\"true\""]),
            (#"{"type":["integer","null"]}"#, ["0", "-17", "null"], ["1.5", "01", "-", ""]),
            (
                #"{"enum":["yes","no",3,null,{"a":[1]}]}"#,
                [#""yes""#, #""no""#, "3", "null", #"{"a":[1]}"#], [#""ye""#, #""yesno""#, "4"]
            ),
            (#"{"const":"a\"b"}"#, [#""a\"b""#], [#""a""#]),
            (
                #"{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"string"}},"required":["a"]}"#,
                [#"{"a":1}"#, #"{"a": 1, "b": "x"}"#],
                ["{}", #"{"b":"x"}"#, #"{"a":"1"}"#, #"{"a":1,"c":2}"#, #"{"a":1,}"#]
            ),
            (
                #"{"type":"object","properties":{"a":{},"b":{}}}"#,
                ["{}", #"{"b":[]}"#, #"{"a":{},"b":2}"#], [#"{,"b":1}"#, #"{"b":1,"a":1}"#]
            ),
            (
                #"{"type":"object","additionalProperties":{"type":"integer"}}"#,
                ["{}", #"{"x":1,"y":2}"#], [#"{"x":"1"}"#]
            ),
            (#"{"type":"object","additionalProperties":false}"#, ["{}"], [#"{"x":1}"#]),
            (
                #"{"type":"array","items":{"type":"integer"},"minItems":2,"maxItems":3}"#,
                ["[1,2]", "[1, 2, 3]"], ["[]", "[1]", "[1,2,3,4]", "[1,2,]"]
            ),
            (#"{"type":"array","minItems":2}"#, ["[1,2]", "[1,{},[]]"], ["[]", "[1]"]),
            (#"{"type":"array","maxItems":0}"#, ["[]", "[ ]"], ["[1]"]),
            (
                #"{"anyOf":[{"type":"integer"},{"type":"array","items":{"type":"integer"}}]}"#,
                ["1", "[1]"], [#""1""#, "[[1]]"]
            ),
            (
                ##"{"$ref":"#/$defs/n","$defs":{"n":{"type":"object","properties":{"v":{"type":"integer"},"next":{"anyOf":[{"$ref":"#/$defs/n"},{"type":"null"}]}},"required":["v","next"]}}}"##,
                [#"{"v":1,"next":null}"#, #"{"v":1,"next":{"v":2,"next":null}}"#],
                [#"{"v":1}"#, #"{"v":1,"next":1}"#]
            ),
            (#"{"allOf":[{"type":"null"}],"title":"t","description":"d"}"#, ["null"], ["1"]),
            ("{}", ["1", "[{}]", #""x""#], ["x"]),
        ])
    func schemas(schema: String, good: [String], bad: [String]) throws {
        let grammar = try JSONGrammar.schema(value(schema))
        for text in good { #expect(takes(grammar, text), "\(schema) \(text)") }
        for text in bad { #expect(!takes(grammar, text), "\(schema) \(text)") }
    }

    @Test(
        "What is not supported is refused by name",
        arguments: [
            (#"{"type":"string","pattern":"a"}"#, "'pattern'"),
            (#"{"type":"string","minLength":1}"#, "'minLength'"),
            (#"{"type":"integer","minimum":0}"#, "'minimum'"),
            (
                #"{"type":"object","properties":{"a":{"type":"string","format":"date"}}}"#,
                "#/properties/a: 'format'"
            ),
            (#"{"not":{}}"#, "'not'"), (#"{"type":"tuple"}"#, "'tuple'"),
            (#"{"allOf":[{},{}]}"#, "'allOf'"), (#"{"anyOf":[]}"#, "'anyOf'"),
            (#"{"anyOf":[{}],"properties":{}}"#, "'properties'"),
            (#"{"type":"array","maxItems":1000}"#, "'maxItems'"),
            (#"{"type":"array","minItems":3,"maxItems":2}"#, "'minItems'"),
            (##"{"$ref":"#/x"}"##, "'$ref'"), (#"{"$ref":"http://a"}"#, "'$ref'"),
            (##"{"$ref":"#"}"##, "'$ref'"),
            (##"{"$ref":"#/$defs/a","$defs":{"a":{"anyOf":[{"$ref":"#/$defs/a"}]}}}"##, "'$ref'"),
            (##"{"type":"object","properties":{"a":{"$ref":"#"}},"required":["a"]}"##, "no text"),
            ("[]", "no schema"),
        ])
    func refused(schema: String, word: String) throws {
        let given = try value(schema)
        let error = #expect(throws: JSONSchemaError.self) { try JSONGrammar.schema(given) }
        #expect(error?.description.contains(word) == true, "\(String(describing: error))")
    }

    @Test("A call is one of the functions, with arguments of its own")
    func calls() throws {
        let grammar = JSONGrammar.call(
            of: [
                (
                    "f",
                    try JSONGrammar.schema(
                        value(
                            #"{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]}"#
                        ))
                ),
                (
                    "g",
                    try JSONGrammar.schema(
                        value(#"{"type":"object","additionalProperties":false}"#))
                ),
            ], open: "<c>", close: "</c>")
        #expect(takes(grammar, #"<c>{"name": "f", "arguments": {"a": 1}}</c>"#))
        #expect(takes(grammar, #"<c>{"name": "g", "arguments": {}}</c>"#))
        for text in [
            #"<c>{"name": "g", "arguments": {"a": 1}}</c>"#, #"{"name": "g", "arguments": {}}"#,
            #"<c>{"name": "h", "arguments": {}}</c>"#,
        ] {
            #expect(!takes(grammar, text))
        }
    }

    private static let tokenizer: Tokenizer? = {
        guard let folder = try? TinyCore.make() else { return nil }
        defer { TinyCore.remove(folder) }
        return try? Tokenizer(folder: folder)
    }()

    /// Draws tokens at random among those that are allowed.
    private func draw(_ grammar: ByteGrammar, seed: UInt64, tokens limit: Int) throws -> (
        String, Bool
    ) {
        let tokenizer = try #require(Self.tokenizer)
        let end = TokenID(0)
        var constraint = AnswerConstraint(
            grammar, order: TokenOrder(tokenizer, vocabularySize: tokenizer.vocabularySize),
            tokenizer: tokenizer, ends: [end])
        var generator = SeededGenerator(seed: seed)
        var sampler = Sampler(options: SamplingOptions(), seed: seed)
        var tokens: [TokenID] = []
        while tokens.count < limit, !constraint.isComplete {
            // Brackets and quotes that close, now and then.
            let logits = (0..<tokenizer.vocabularySize).map { index in
                let bytes = tokenizer.bytes(of: TokenID(index))
                return 2 * generator.normal()
                    + (bytes.count == 1 && "}]\"".utf8.contains(bytes[0]) ? 5 : 0)
            }
            let allowed = constraint.allowed()
            #expect(!allowed.isEmpty)
            let token = sampler.next(logits: logits.span, history: [], allowed: allowed)
            #expect(allowed.contains(token.index))
            if token == end { break }
            constraint.accept(token)
            tokens.append(token)
        }
        return (tokenizer.decode(tokens), tokens.count < limit)
    }

    @Test("Whatever the model would rather say, an answer that ends fits its grammar")
    func drawn() throws {
        let schema = ##"""
            {"type":"object","required":["name","kind","tags"],"properties":{
              "name":{"type":"string"},"kind":{"enum":["heron","eel"]},
              "tags":{"type":"array","items":{"type":"integer"},"maxItems":4},
              "next":{"anyOf":[{"$ref":"#"},{"type":"null"}]}}}
            """##
        let fitting = try JSONGrammar.schema(value(schema))
        var ended = 0
        for seed in UInt64(1)...60 {
            let (text, isWhole) = try draw(fitting, seed: seed, tokens: 300)
            if isWhole {
                ended += 1
                let object = try #require(
                    try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
                #expect(object["name"] is String)
                #expect(["heron", "eel"].contains(object["kind"] as? String))
                #expect((object["tags"] as? [Int])?.count ?? 9 <= 4)
            }
            let (any, isAnyWhole) = try draw(JSONGrammar.object, seed: seed, tokens: 300)
            if isAnyWhole {
                ended += 1
                #expect(try JSONSerialization.jsonObject(with: Data(any.utf8)) is [String: Any])
            }
        }
        #expect(ended > 60)
    }

    @Test("A schema that was made to be costly is refused or answered by, within the bounds")
    func hostile() throws {
        let ways = (0..<40).map { _ in ##"{"type":"array","items":{"$ref":"#"}}"## }
        let ambiguous = ##"{"anyOf":[\##(ways.joined(separator: ","))]}"##
        let (text, _) = try draw(JSONGrammar.schema(value(ambiguous)), seed: 3, tokens: 200)
        #expect(text.hasPrefix("["))
        let names = (0..<3000).map { #""word \#($0)""# }.joined(separator: ",")
        let (word, isWhole) = try draw(
            JSONGrammar.schema(value(#"{"enum":[\#(names)]}"#)), seed: 5, tokens: 50)
        #expect(isWhole && word.hasPrefix(#""word "#))
        let long = String(repeating: "a", count: 70_000)
        let tooLong = try value(#"{"const":"\#(long)"}"#)
        #expect(throws: JSONSchemaError.self) { try JSONGrammar.schema(tooLong) }
        let many = (0..<30).map { _ in #"{"type":"array","minItems":256}"# }
        let nested = try value(
            #"{"anyOf":[\#(Array(repeating: many.joined(separator: ","), count: 30).joined(separator: ","))]}"#
        )
        #expect(throws: JSONSchemaError.self) { try JSONGrammar.schema(nested) }
    }
}
