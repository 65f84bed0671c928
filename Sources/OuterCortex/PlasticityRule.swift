public import Engrams
public import Foundation

/// How the outer cortex learns: coefficients, not code. Read from `rule.json` beside the core.
///
/// All sites share one joint error, e_j = 1[j = y] − p_j, as local three-factor rules: presynaptic
/// activity × broadcast prediction error × neuromodulation (Frémaux and Gerstner 2016). The error
/// is taken from the uncapped adapted p: taken from what the safe zone lets out it winds up.
public struct PlasticityRule: Sendable, Equatable, Codable {
    /// η of the token bias b, logits per unit error.
    public var biasRate: Float = 0.08
    /// η_o of sequence synapses of order 1, 2, …; as many orders as entries.
    public var sequenceRates: [Float] = [0.7, 1, 1]
    /// A context seen n times again learns at η_o/(1 + this·n).
    public var sequenceSlowing: Float = 0.3
    /// η of latent → token synapses.
    public var featureRate: Float = 2
    /// G0: a synapse whose usage is G learns at η/√(1 + G/G0). 0 switches the slowing off.
    public var featureUsageScale: Float = 0.03
    /// η of the site gains.
    public var gainRate: Float = 0.005
    /// Tokens with p below this take no part as wrong answers: about ten remain.
    public var errorThreshold: Float = 0.01
    /// The running mean of the frozen loss (the learning gate's input) spans this many tokens.
    public var gateHorizon: Float = 32
    /// The bounds that go with these coefficients.
    public var safeZone = SafeZone()

    public init() {}

    public static let fileName = "rule.json"
    static let formatName = "hebb.rule"
    static let formatVersion = 1

    private enum CodingKeys: String, CodingKey {
        case format
        case version = "format_version"
        case biasRate = "bias_rate"
        case sequenceRates = "sequence_rates"
        case sequenceSlowing = "sequence_slowing"
        case featureRate = "feature_rate"
        case featureUsageScale = "feature_usage_scale"
        case gainRate = "gain_rate"
        case errorThreshold = "error_threshold"
        case gateHorizon = "gate_horizon"
        case safeZone = "safe_zone"
    }

    /// Reads a rule file's content. A coefficient that is not there keeps its default.
    public init(json: Data, name: String) throws(CortexError) {
        do {
            self = try JSONDecoder().decode(PlasticityRule.self, from: json)
        } catch let error as CortexError {
            throw error
        } catch {
            throw .unreadableRule(file: name, reason: "it is not a rule in JSON (\(error))")
        }
        try validate(name: name)
    }

    /// The file's content, stable for equal rules.
    public func json() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        return try encoder.encode(self)
    }

    private func validate(name: String) throws(CortexError) {
        let checks: [(String, Float, ClosedRange<Float>)] =
            [
                ("bias_rate", biasRate, 0...10), ("sequence_slowing", sequenceSlowing, 0...100),
                ("feature_rate", featureRate, 0...100),
                ("feature_usage_scale", featureUsageScale, 0...1e6),
                ("gain_rate", gainRate, 0...1), ("error_threshold", errorThreshold, 0...1),
                ("gate_horizon", gateHorizon, 1...1e6),
            ] + sequenceRates.map { ("sequence_rates", $0, 0...10) }
        for (key, value, allowed) in checks where !allowed.contains(value) {
            throw .unreadableRule(file: name, reason: "\(key) is \(value), outside \(allowed)")
        }
        guard sequenceRates.count <= 8 else {
            throw .unreadableRule(file: name, reason: "sequence_rates has more than 8 orders")
        }
        do {
            try safeZone.validate()
        } catch {
            throw .unreadableRule(file: name, reason: "\(error)")
        }
    }

    public init(from decoder: any Decoder) throws {
        let box = try decoder.container(keyedBy: CodingKeys.self)
        let format = try box.decodeIfPresent(String.self, forKey: .format)
        let version = try box.decodeIfPresent(Int.self, forKey: .version)
        guard format == Self.formatName, version == Self.formatVersion else {
            throw CortexError.unreadableRule(
                file: Self.fileName,
                reason: "it needs \"format\": \"\(Self.formatName)\" and \"format_version\": "
                    + "\(Self.formatVersion)")
        }
        func read<T: Decodable>(_ key: CodingKeys, _ value: inout T) throws {
            if let found = try box.decodeIfPresent(T.self, forKey: key) { value = found }
        }
        try read(.biasRate, &biasRate)
        try read(.sequenceRates, &sequenceRates)
        try read(.sequenceSlowing, &sequenceSlowing)
        try read(.featureRate, &featureRate)
        try read(.featureUsageScale, &featureUsageScale)
        try read(.gainRate, &gainRate)
        try read(.errorThreshold, &errorThreshold)
        try read(.gateHorizon, &gateHorizon)
        try read(.safeZone, &safeZone)
    }

    public func encode(to encoder: any Encoder) throws {
        var box = encoder.container(keyedBy: CodingKeys.self)
        try box.encode(Self.formatName, forKey: .format)
        try box.encode(Self.formatVersion, forKey: .version)
        try box.encode(biasRate, forKey: .biasRate)
        try box.encode(sequenceRates, forKey: .sequenceRates)
        try box.encode(sequenceSlowing, forKey: .sequenceSlowing)
        try box.encode(featureRate, forKey: .featureRate)
        try box.encode(featureUsageScale, forKey: .featureUsageScale)
        try box.encode(gainRate, forKey: .gainRate)
        try box.encode(errorThreshold, forKey: .errorThreshold)
        try box.encode(gateHorizon, forKey: .gateHorizon)
        try box.encode(safeZone, forKey: .safeZone)
    }
}
