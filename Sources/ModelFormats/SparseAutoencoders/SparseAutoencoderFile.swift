/// A sparse autoencoder as SAELens stores it: `cfg.json` and `sae_weights.safetensors`.
///
/// With x′ = normalised x (minus b_dec when `appliesDecoderBiasToInput`), the latents are:
/// - standard: relu(x′·W_enc + b_enc);
/// - topk: the `k` largest of x′·W_enc + b_enc, then relu. With `rescalesActivationsByDecoderNorm`
///   the pre-activations are multiplied by ‖W_dec row‖ before, and divided by it in decoding;
/// - jumprelu: p·(p > threshold) of p = relu(x′·W_enc + b_enc);
/// - gated: (x′·W_enc + b_gate > 0)·relu(x′·(W_enc·e^{r_mag}) + b_mag).
///
/// The reconstruction is latents·W_dec + b_dec, with the normalisation undone.
public struct SparseAutoencoderFile: Sendable, Equatable {
    public enum Architecture: String, Sendable, CaseIterable {
        case standard
        case topk
        case jumprelu
        case gated
    }

    /// What is done to an activation vector before it is encoded.
    public enum Normalization: String, Sendable, CaseIterable {
        case none
        /// Multiplied by a constant that was estimated over the training data and, in a finished
        /// SAE, folded into the weights: nothing is left to do.
        case expectedAverageOnlyIn = "expected_average_only_in"
        /// Scaled to norm √d_in, and back after decoding.
        case constantNormRescale = "constant_norm_rescale"
        /// Centred and scaled to unit variance (ε = 1e-5), and back after decoding.
        case layerNorm = "layer_norm"
    }

    /// The tensors that only the gated architecture has, each of shape [d_sae].
    public struct Gate: Sendable, Equatable {
        /// b_gate.
        public var gateBias: [Float]
        /// b_mag.
        public var magnitudeBias: [Float]
        /// r_mag, in log space.
        public var magnitudeScale: [Float]

        public init(gateBias: [Float], magnitudeBias: [Float], magnitudeScale: [Float]) {
            self.gateBias = gateBias
            self.magnitudeBias = magnitudeBias
            self.magnitudeScale = magnitudeScale
        }
    }

    public var architecture: Architecture
    /// d_in.
    public var inputSize: Int
    /// d_sae.
    public var latentCount: Int
    /// How many latents stay active; topk only.
    public var k: Int?
    public var appliesDecoderBiasToInput: Bool
    public var normalization: Normalization
    /// topk only.
    public var rescalesActivationsByDecoderNorm: Bool
    /// Where in the model the activations are read, in the words of TransformerLens; may be empty.
    public var hookName: String
    /// May be empty.
    public var modelName: String
    /// W_enc, shape [d_in, d_sae], row-major.
    public var encoderWeight: [Float]
    /// b_enc, shape [d_sae]; empty for the gated architecture.
    public var encoderBias: [Float]
    /// W_dec, shape [d_sae, d_in], row-major.
    public var decoderWeight: [Float]
    /// b_dec, shape [d_in].
    public var decoderBias: [Float]
    /// Shape [d_sae]; jumprelu only.
    public var threshold: [Float]?
    /// Gated only.
    public var gate: Gate?

    /// Makes a value; `validate(name:)` and `write(folder:)` check that its parts agree.
    public init(
        architecture: Architecture, inputSize: Int, latentCount: Int, k: Int? = nil,
        appliesDecoderBiasToInput: Bool = true, normalization: Normalization = .none,
        rescalesActivationsByDecoderNorm: Bool = false, hookName: String, modelName: String,
        encoderWeight: [Float], encoderBias: [Float], decoderWeight: [Float], decoderBias: [Float],
        threshold: [Float]? = nil, gate: Gate? = nil
    ) {
        self.architecture = architecture
        self.inputSize = inputSize
        self.latentCount = latentCount
        self.k = k
        self.appliesDecoderBiasToInput = appliesDecoderBiasToInput
        self.normalization = normalization
        self.rescalesActivationsByDecoderNorm = rescalesActivationsByDecoderNorm
        self.hookName = hookName
        self.modelName = modelName
        self.encoderWeight = encoderWeight
        self.encoderBias = encoderBias
        self.decoderWeight = decoderWeight
        self.decoderBias = decoderBias
        self.threshold = threshold
        self.gate = gate
    }

    /// Checks sizes, the tensors that the architecture needs, and that every value is finite.
    ///
    /// - Parameter name: what errors call the SAE.
    /// - Complexity: O(d_in·d_sae).
    public func validate(name: String) throws(ModelFormatError) {
        let (weightCount, overflow) = inputSize.multipliedReportingOverflow(by: latentCount)
        guard inputSize > 0, latentCount > 0, !overflow else {
            throw Self.malformed(name, "d_in and d_sae", "\(inputSize) and \(latentCount)")
        }
        let sizes: [(String, [Float]?, Int?)] = [
            ("W_enc", encoderWeight, weightCount),
            ("b_enc", encoderBias, architecture == .gated ? 0 : latentCount),
            ("W_dec", decoderWeight, weightCount),
            ("b_dec", decoderBias, inputSize),
            ("threshold", threshold, architecture == .jumprelu ? latentCount : nil),
            ("b_gate", gate?.gateBias, architecture == .gated ? latentCount : nil),
            ("b_mag", gate?.magnitudeBias, architecture == .gated ? latentCount : nil),
            ("r_mag", gate?.magnitudeScale, architecture == .gated ? latentCount : nil),
        ]
        for (tensor, values, count) in sizes {
            guard values?.count == count else {
                throw Self.malformed(
                    name, tensor,
                    "\(values?.count ?? 0) values, \(architecture.rawValue) of d_in \(inputSize) "
                        + "and d_sae \(latentCount) needs \(count ?? 0)")
            }
            guard (values ?? []).allSatisfy(\.isFinite) else {
                throw Self.malformed(name, tensor, "NaN or infinity among its values")
            }
        }
        guard architecture == .topk ? (k.map { 1...latentCount ~= $0 } ?? false) : k == nil else {
            throw Self.malformed(
                name, "k",
                "\(k.map(String.init) ?? "absent"); topk needs 1 to \(latentCount), others none")
        }
    }

    static func malformed(_ file: String, _ place: String, _ problem: String) -> ModelFormatError {
        .malformed(
            file: file, location: place, problem: problem,
            remedy: "The SAE is damaged or of another kind than its cfg.json says: export it again."
        )
    }
}
