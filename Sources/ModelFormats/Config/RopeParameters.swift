import Kernels

/// Rotary position embedding: the angle of pair i at position p is p·f_i, with
/// f_i = theta^(-2i/rotarySize), changed by `scaling`.
public struct RopeParameters: Sendable, Equatable {
    /// How the frequencies are stretched to reach beyond the length of the pre-training.
    public enum Scaling: Sendable, Equatable {
        case none
        /// f_i / factor.
        case linear(factor: Float)
        /// NTK scaling, which changes theta only beyond `max_position_embeddings`. We serve no
        /// position beyond that (`ModelConfig.contextLength`), so it is the same as `none` here.
        case dynamic(factor: Float)
        /// Llama 3.1: wavelengths over originalContextLength/lowFrequencyFactor are divided by
        /// `factor`, those under originalContextLength/highFrequencyFactor are kept, those between
        /// are interpolated.
        case llama3(
            factor: Float, lowFrequencyFactor: Float, highFrequencyFactor: Float,
            originalContextLength: Int)
        /// f_i / factors_i: what a GGUF file has of `llama3`.
        case each([Float])
    }

    static let thetas = 1.0...1e12
    private static let factors = 1.0...1e6

    /// The base of the frequencies, 1...1e12.
    public let theta: Double
    public let scaling: Scaling

    public init(theta: Double, scaling: Scaling = .none) {
        self.theta = theta
        self.scaling = scaling
    }

    /// Reads what a family without rotary positions does not have: nil for such.
    ///
    /// - Parameter fallback: theta where the file does not state it; nil: no rotary positions.
    init?(
        _ fields: ConfigFields, _ theta: ConfigKey, fallback: Double?
    ) throws(ModelFormatError) {
        guard let fallback else { return nil }
        switch fields.kind {
        case .huggingFace(let json):
            try self.init(json, theta.huggingFace ?? "", fallback: fallback)
        case .gguf(let metadata, let source, let prefix):
            let key = fields.name(theta) ?? ""
            self.init(
                theta: try metadata.number(key, in: Self.thetas) ?? fallback,
                scaling: try Self.scaling(metadata, source, prefix))
        }
    }

    /// Reads `rope_parameters` (transformers 5), or `rope_theta` and `rope_scaling` (before it).
    private init(
        _ config: JSONFields, _ key: String, fallback: Double
    ) throws(ModelFormatError) {
        let newer = try config.fields("rope_parameters")
        let older = try config.fields("rope_scaling")
        let scaling = newer ?? older
        let nested = try scaling?.number("rope_theta", in: Self.thetas)
        let flat = try config.number(key, in: Self.thetas)
        theta = nested ?? flat ?? fallback
        self.scaling = try scaling.map(Self.scaling) ?? .none
    }

    static func scaling(_ fields: JSONFields) throws(ModelFormatError) -> Scaling {
        func factor() throws(ModelFormatError) -> Float {
            Float(try fields.require("factor", try fields.number("factor", in: Self.factors)))
        }
        let newer = try fields.string("rope_type")
        let older = try fields.string("type")
        switch newer ?? older ?? "default" {
        case "default":
            return .none
        case "linear":
            return .linear(factor: try factor())
        case "dynamic":
            return .dynamic(factor: try factor())
        case "llama3":
            let low = try fields.require(
                "low_freq_factor", try fields.number("low_freq_factor", in: 1e-3...1e6))
            let high = try fields.require(
                "high_freq_factor", try fields.number("high_freq_factor", in: 1e-3...1e6))
            guard low < high else {
                throw .outOfBounds(
                    file: fields.file, location: fields.path + "low_freq_factor", found: "\(low)",
                    allowed: "less than high_freq_factor, which is \(high)",
                    remedy: "Correct the file.")
            }
            let length = "original_max_position_embeddings"
            return .llama3(
                factor: try factor(), lowFrequencyFactor: Float(low),
                highFrequencyFactor: Float(high),
                originalContextLength: try fields.require(
                    length, try fields.integer(length, in: 1...ModelConfig.Limit.context)))
        case let other:
            throw fields.unsupported(
                "rope_type", quoted(other), supported: "default, linear, dynamic, llama3")
        }
    }

    /// llama.cpp's keys, and the tensor in which its converter leaves Llama 3's factors.
    private static func scaling(
        _ metadata: any ConfigValues, _ source: any ModelSource, _ prefix: String
    ) throws(ModelFormatError) -> Scaling {
        let name = "rope_freqs.weight"
        if source.tensorNames.contains(name) {
            let tensor = try source.tensor(name)
            let values = tensor.encoding == .float32 ? tensor.floats() : []
            guard tensor.shape.count == 1, values.count <= ModelConfig.Limit.headSize / 2,
                !values.isEmpty, values.allSatisfy({ (1e-3...1e6).contains($0) })
            else {
                throw .outOfBounds(
                    file: tensor.file, location: "tensor \(quoted(name))",
                    found: "\(tensor.shape) of \(tensor.typeName)",
                    allowed: "a factor for each rotary pair, F32, 0.001 to 1000000",
                    remedy: "Fetch the model again.")
            }
            return .each(values)
        }
        let key = "\(prefix).rope.scaling.type"
        switch try metadata.string(key) ?? "none" {
        case "none": return .none
        case "linear":
            let factor = "\(prefix).rope.scaling.factor"
            let found = try metadata.require(
                factor, try metadata.number(factor, in: Self.factors))
            return .linear(factor: Float(found))
        case let other:
            throw metadata.unsupported(key, quoted(other), supported: "none, linear")
        }
    }
}
