import InnerCortex
import ModelFormats
import Scheduling

/// Reads `response_format`, in OpenAI's form.
enum ResponseFormat {
    private enum Kind: String, CaseIterable {
        case text
        case object = "json_object"
        case schema = "json_schema"
    }

    /// - Returns: nil where an answer may be anything.
    static func read(_ fields: JSONFields) throws(RequestError) -> AnswerFormat? {
        guard let format = try fields.object("response_format") else { return nil }
        let kind = try format.choice(
            "type", of: Kind.self, allowed: Kind.allCases.map(\.rawValue))
        switch kind {
        case nil: throw .missing(parameter: format.path("type"))
        case .text?: return nil
        case .object?: return AnswerFormat(grammar: JSONGrammar.object, key: "json")
        case .schema?: break
        }
        guard let described = try format.object("json_schema") else {
            throw .missing(parameter: format.path("json_schema"))
        }
        // A name alone is a schema that says nothing.
        let schema = described.value("schema") ?? [:]
        do throws(JSONSchemaError) {
            return AnswerFormat(
                grammar: try JSONGrammar.schema(ChatValue(schema)),
                key: "schema:" + String(decoding: schema.serialized(), as: UTF8.self))
        } catch {
            throw .unsupported(parameter: described.path("schema"), reason: error.description)
        }
    }
}
