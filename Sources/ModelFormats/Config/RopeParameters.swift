/// Rotary position embedding: the angle of pair i at position p is p·f_i, with
/// f_i = theta^(-2i/headSize), changed by `scaling`.
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
    }

    /// The base of the frequencies, 1...1e12.
    public let theta: Double
    public let scaling: Scaling

    public init(theta: Double, scaling: Scaling = .none) {
        self.theta = theta
        self.scaling = scaling
    }

    /// Reads `rope_parameters` (transformers 5), or `rope_theta` and `rope_scaling` (before it).
    init(_ config: JSONFields) throws(ModelFormatError) {
        let newer = try config.fields("rope_parameters")
        let older = try config.fields("rope_scaling")
        let scaling = newer ?? older
        let nested = try scaling?.number("rope_theta", in: 1...1e12)
        let flat = try config.number("rope_theta", in: 1...1e12)
        theta = nested ?? flat ?? 10_000
        for fields in [config, scaling].compactMap({ $0 }) {
            let partial = try fields.number("partial_rotary_factor", in: 0...1) ?? 1
            guard partial == 1 else {
                throw fields.unsupported("partial_rotary_factor", "\(partial)", supported: "1")
            }
        }
        guard let scaling else {
            self.scaling = .none
            return
        }
        self.scaling = try Self.scaling(scaling)
    }

    private static func scaling(_ fields: JSONFields) throws(ModelFormatError) -> Scaling {
        let factors = 1.0...1e6
        func factor() throws(ModelFormatError) -> Float {
            Float(try fields.require("factor", try fields.number("factor", in: factors)))
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
                    length, try fields.integer(length, in: 1...ModelConfig.maximumContextLength)))
        case let other:
            throw fields.unsupported(
                "rope_type", quoted(other), supported: "default, linear, dynamic, llama3")
        }
    }
}
