import InnerCortex
import ModelFormats
import Scheduling

/// What both kinds of completions read alike.
extension JSONFields {
    /// How tokens are drawn.
    /// - Parameter vocabularySize: what `logit_bias` may speak of.
    func sampling(vocabularySize: Int) throws(RequestError) -> SamplingOptions {
        var options = SamplingOptions()
        if let value = try number("temperature", in: 0...2) {
            options.temperature = Float(value)
        }
        // -1 is how vLLM's clients switch it off.
        if let value = try integer("top_k", in: -1...1_000_000) {
            options.topK = max(0, value)
        }
        if let value = try number("top_p", in: 0...1) {
            // 0 leaves the likeliest token, as OpenAI has it.
            options.topP = max(Float(value), .leastNormalMagnitude)
        }
        if let value = try number("min_p", in: 0...1) { options.minP = Float(value) }
        if let value = try number("repetition_penalty", in: 0.01...10) {
            options.repetitionPenalty = Float(value)
        }
        if let value = try number("frequency_penalty", in: -2...2) {
            options.frequencyPenalty = Float(value)
        }
        if let value = try number("presence_penalty", in: -2...2) {
            options.presencePenalty = Float(value)
        }
        options.logitBias = try logitBias(vocabularySize: vocabularySize)
        return options
    }

    private static let biasesMaximum = 1024

    private func logitBias(vocabularySize: Int) throws(RequestError) -> [TokenID: Float] {
        guard let given = value("logit_bias") else { return [:] }
        guard case .object(let members) = given else {
            throw wrongType("logit_bias", expected: "an object", found: given)
        }
        guard members.count <= Self.biasesMaximum else {
            throw .outOfRange(
                parameter: path("logit_bias"), found: "\(members.count) tokens",
                allowed: "up to \(Self.biasesMaximum)")
        }
        var biases: [TokenID: Float] = [:]
        for member in members {
            let bias: Double? =
                switch member.value {
                case .integer(let whole): Double(whole)
                case .number(let real): real
                default: nil
                }
            guard let token = Int(member.name), (0..<vocabularySize).contains(token),
                let bias, (-100...100).contains(bias)
            else {
                throw .outOfRange(
                    parameter: path("logit_bias"), found: "another entry",
                    allowed: "token ids from 0 to \(vocabularySize - 1), with -100 to 100 each")
            }
            biases[TokenID(token)] = Float(bias)
        }
        return biases
    }

    /// What ends an answer.
    func stops() throws(RequestError) -> [String] {
        var stops: [String] = []
        switch value("stop") {
        case nil: break
        case .string(let text)?: stops = [text]
        case .array(let elements)?:
            for element in elements {
                guard case .string(let text) = element else {
                    throw wrongType("stop", expected: "an array of strings", found: element)
                }
                stops.append(text)
            }
        case let other?:
            throw wrongType("stop", expected: "a string or an array", found: other)
        }
        guard stops.count <= CompleteRequest.stopsMaximum, stops.allSatisfy({ !$0.isEmpty }) else {
            throw .outOfRange(
                parameter: "stop", found: "\(stops.count) texts",
                allowed: "up to \(CompleteRequest.stopsMaximum), none of them empty")
        }
        return stops
    }

    /// What OpenAI's API or another server's knows, would change the answer, and is not here:
    /// answering as if it had not been asked for would be wrong without a sign. Values without
    /// effect pass.
    func refuseUnsupported(_ shape: CompletionShape, count: Int) throws(RequestError) {
        if let bestOf = try integer("best_of", in: 1...20), bestOf > count {
            throw .unsupported(parameter: "best_of", reason: "this server draws n answers as asked")
        }
        if try boolean("echo") == true {
            throw .unsupported(parameter: "echo", reason: "the prompt is not sent back")
        }
        if let suffix = try string("suffix"), !suffix.isEmpty {
            throw .unsupported(parameter: "suffix", reason: "the core does not fill in the middle")
        }
        for name in shape.unsupported {
            switch value(name) {
            case nil, .bool(false)?, .integer(0)?, .array([])?, .object([])?, .string("none")?,
                .string("auto")?:
                continue
            case .some:
                throw .unsupported(parameter: name, reason: "this server does not have it")
            }
        }
    }
}
