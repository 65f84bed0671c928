/// A file that strangers give us, and what must hold whatever is in it.
///
/// `read` is what the fuzzer calls with every input it makes and what an ordinary test calls with
/// every file of the corpus, so that a crash that was once found stays found.
public enum FuzzTarget: String, CaseIterable, Sendable {
    /// A PEFT adapter: a tar of its folder, or its configuration, a NUL byte and its weights.
    case adapter
    /// An SAE: `cfg.json`, a NUL byte, `sae_weights.safetensors`.
    case autoencoder
    /// A chat template, and after a NUL byte what people say.
    case chat
    /// A model's `config.json`.
    case config
    /// `constitution.yaml`, and after a NUL byte `constitution.sig`.
    case constitution
    /// An engram file of either kind.
    case engram
    /// A model's GGUF file.
    case gguf
    /// The JSON body of a request.
    case request
    /// `rule.json`, and after a NUL byte `rule.safetensors`.
    case rule
    /// Any safetensors file.
    case safetensors
    /// `tokenizer.json`, and after a NUL byte a text.
    case tokenizer

    /// Reads the input as the program would, and uses what came of it.
    ///
    /// - Returns: Whether the input was accepted. To refuse is no fault.
    /// - Throws: `BrokenPromise` when the reader's documentation does not hold.
    @discardableResult
    public func read(_ input: [UInt8]) throws -> Bool {
        switch self {
        case .adapter: try AdapterReading.read(input)
        case .autoencoder: try AutoencoderReading.read(input)
        case .chat: try ChatReading.read(input)
        case .config: try ConfigReading.read(input)
        case .constitution: try ConstitutionReading.read(input)
        case .engram: try EngramReading.read(input)
        case .gguf: try GGUFReading.read(input)
        case .request: try RequestReading.read(input)
        case .rule: try RuleReading.read(input)
        case .safetensors: try SafetensorsReading.read(input)
        case .tokenizer: try TokenizerReading.read(input)
        }
    }

    /// Small valid inputs to start from; the reader accepts every one.
    public func seeds() throws -> [[UInt8]] {
        switch self {
        case .adapter: try AdapterReading.seeds()
        case .autoencoder: try AutoencoderReading.seeds()
        case .chat: ChatReading.seeds()
        case .config: ConfigReading.seeds()
        case .constitution: ConstitutionReading.seeds()
        case .engram: try EngramReading.seeds()
        case .gguf: GGUFReading.seeds()
        case .request: RequestReading.seeds()
        case .rule: try RuleReading.seeds()
        case .safetensors: try SafetensorsReading.seeds()
        case .tokenizer: TokenizerReading.seeds()
        }
    }
}

/// Something that a reader promises and did not keep.
public struct BrokenPromise: Error, CustomStringConvertible {
    public let description: String
}

/// Throws unless `holds`.
func expect(_ holds: Bool, _ promise: @autoclosure () -> String) throws {
    guard holds else { throw BrokenPromise(description: promise()) }
}

/// What `body` makes, or a broken promise where it fails: for steps that cannot fail once the
/// input was accepted.
func must<Value>(_ step: String, _ body: () throws -> Value) throws -> Value {
    do { return try body() } catch {
        throw BrokenPromise(description: "\(step) of an accepted input: \(error)")
    }
}

/// The two parts of an input that stands for two files: before the first NUL, and after it.
func parts(of input: [UInt8]) -> (first: [UInt8], second: [UInt8]?) {
    guard let end = input.firstIndex(of: 0) else { return (input, nil) }
    return (Array(input[..<end]), Array(input[(end + 1)...]))
}
