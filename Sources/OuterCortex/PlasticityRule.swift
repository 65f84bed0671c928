public import Engrams
public import Foundation

/// How the outer cortex learns: which sites are on, the coefficients of each, the neuromodulator,
/// and the bounds that go with them. Read from `rule.json` beside the core, and from
/// `rule.safetensors` what is learned and not written by hand.
///
/// All sites share one joint error, e_j = 1[j = y] − p_j, as local three-factor rules: presynaptic
/// activity × broadcast prediction error × neuromodulation (Frémaux and Gerstner 2016). The error
/// is taken from the uncapped adapted p: taken from what the safe zone lets out it winds up.
public struct PlasticityRule: Sendable, Equatable {
    /// b: a bias for each token.
    public var bias = SynapseRule(rate: 0.08)
    /// N: synapses from hashed contexts of 1, 2, … tokens; its own rate is a factor on `orderRates`.
    public var sequence: SynapseRule = {
        var rule = SynapseRule(rate: 1)
        rule.visitSlowing = 0.3
        return rule
    }()
    /// η_o of orders 1, 2, …; as many orders as entries.
    public var orderRates: [Float] = [0.7, 1, 1]
    /// W: SAE latent → token.
    public var feature: SynapseRule = {
        var rule = SynapseRule(rate: 2)
        rule.usageScale = 0.03
        return rule
    }()
    /// M: layer weights before the unembedding; needs the whitening of `rule.safetensors`.
    public var matrix = SynapseRule(rate: 0)
    /// E: the session's positions as neighbours of the present one.
    public var episode = EpisodeRule()
    /// Plasticity inside the network.
    public var layer = LayerRule()
    /// η of the slow gains.
    public var gainRate: Float = 0.005
    /// Tokens with p below this take no part as wrong answers: about ten remain.
    public var errorThreshold: Float = 0.01
    /// The running mean of the frozen loss (the learning gate's input) spans this many tokens.
    public var gateHorizon: Float = 32
    /// The bounds that go with these coefficients.
    public var safeZone = SafeZone()
    /// What was learned for it offline; nil: every site speaks at gain 1, and M is off.
    public var tensors = RuleTensors()

    public init() {}

    public static let fileName = "rule.json"
    static let formatName = "hebb.rule"
    static let formatVersion = 2

    /// Reads a rule file's content. A coefficient that is not there keeps its default.
    ///
    /// - Parameters:
    ///   - tensors: what goes with it; judged together with the coefficients.
    ///   - name: what errors call the file.
    public init(
        json: Data, tensors: RuleTensors = RuleTensors(), name: String
    ) throws(CortexError) {
        do {
            self = try JSONDecoder().decode(PlasticityRule.self, from: json)
        } catch let error as CortexError {
            throw error
        } catch {
            throw .unreadableRule(file: name, reason: "it is not a rule in JSON (\(error))")
        }
        self.tensors = tensors
        try validate(name: name)
    }

    /// Reads a rule file and, where it is there, the `rule.safetensors` beside it.
    /// - Parameter path: of the file, or of its folder.
    public init(path: String) throws(CortexError) {
        var isFolder: ObjCBool = false
        let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
        let url = URL(fileURLWithPath: path)
        let file = isFolder.boolValue ? url.appendingPathComponent(Self.fileName) : url
        guard exists, let json = FileManager.default.contents(atPath: file.path) else {
            throw .missing(file: file.path, remedy: "Name a rule.json, or a folder with one.")
        }
        try self.init(
            json: json, tensors: RuleTensors(folder: file.deletingLastPathComponent().path),
            name: file.path)
    }

    /// Writes both files of a rule into a folder.
    public func write(folder: String) throws {
        let root = URL(fileURLWithPath: folder)
        try json().write(to: root.appendingPathComponent(Self.fileName))
        let path = root.appendingPathComponent(RuleTensors.fileName)
        if tensors.isEmpty {
            try? FileManager.default.removeItem(at: path)
        } else {
            try Data(tensors.serialized()).write(to: path)
        }
    }

    /// The JSON file's content, stable for equal rules.
    public func json() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        return try encoder.encode(self)
    }

    /// SHA-256 over everything the rule consists of: what an engram names as its rule.
    public func contentHash() throws -> String {
        ContentDigest.of(
            Array(try json()) + (tensors.isEmpty ? [] : try tensors.serialized())
                + Array((tensors.recall?.digest ?? "").utf8))
    }

    /// Length of an episode's key; 0 when the site is off.
    var episodeKeySize: Int { episode.isOn ? tensors.keyProjection?.keySize ?? 0 : 0 }

    /// The most that learning by this rule leaves in an engram.
    var limits: EngramLimits {
        EngramLimits(
            episodes: episode.capacity, latentsOfEpisode: episode.indexedLatents,
            tokensOfContext: orderRates.count,
            sayings: tensors.recall == nil ? 0 : SayingMemory.capacity,
            keyOfSaying: tensors.recall?.keySize)
    }

    private func validate(name: String) throws(CortexError) {
        func refuse(_ reason: String) -> CortexError { .unreadableRule(file: name, reason: reason) }
        let sites = [
            ("bias", bias), ("sequence", sequence), ("feature", feature), ("matrix", matrix),
            ("layer.dense", layer.dense), ("layer.decoder", layer.decoder),
        ]
        for (site, rule) in sites {
            for (key, value, allowed) in rule.checks where !allowed.contains(value) {
                throw refuse("\(site).\(key) is \(value), outside \(allowed)")
            }
            guard rule.eligibility == 0 || site == "feature" || site == "matrix" else {
                throw refuse("\(site).eligibility must be 0: only feature and matrix have a trace")
            }
        }
        let checks: [(String, Float, ClosedRange<Float>)] =
            [
                ("gain_rate", gainRate, 0...1), ("error_threshold", errorThreshold, 0...1),
                ("gate_horizon", gateHorizon, 1...1e6),
            ] + orderRates.map { ("order_rates", $0, 0...10) } + episode.checks + layer.checks
        for (key, value, allowed) in checks where !allowed.contains(value) {
            throw refuse("\(key) is \(value), outside \(allowed)")
        }
        guard orderRates.count <= 8 else { throw refuse("order_rates has more than 8 orders") }
        do {
            try safeZone.validate()
        } catch {
            throw refuse("\(error)")
        }
        guard episode.sharedLatents <= episode.indexedLatents else {
            throw refuse("episode.shared_latents is above episode.indexed_latents")
        }
        if let neuromodulator = tensors.neuromodulator {
            let wanted = (LocalStatistics.count(orders: orderRates.count), siteCount)
            let found = (neuromodulator.statisticCount, neuromodulator.siteCount)
            guard found == wanted else {
                throw refuse(
                    "its neuromodulator reads \(found.0) statistics for \(found.1) sites, "
                        + "these order_rates make \(wanted.0) and \(wanted.1)")
            }
        }
    }
}

extension PlasticityRule: Codable {
    private enum CodingKeys: String, CodingKey {
        case format, bias, sequence, feature, matrix, episode, layer
        case version = "format_version"
        case orderRates = "order_rates"
        case gainRate = "gain_rate"
        case errorThreshold = "error_threshold"
        case gateHorizon = "gate_horizon"
        case safeZone = "safe_zone"
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
        try read(.bias, &bias)
        try read(.sequence, &sequence)
        try read(.orderRates, &orderRates)
        try read(.feature, &feature)
        try read(.matrix, &matrix)
        try read(.episode, &episode)
        try read(.layer, &layer)
        try read(.gainRate, &gainRate)
        try read(.errorThreshold, &errorThreshold)
        try read(.gateHorizon, &gateHorizon)
        try read(.safeZone, &safeZone)
    }

    public func encode(to encoder: any Encoder) throws {
        var box = encoder.container(keyedBy: CodingKeys.self)
        try box.encode(Self.formatName, forKey: .format)
        try box.encode(Self.formatVersion, forKey: .version)
        try box.encode(bias, forKey: .bias)
        try box.encode(sequence, forKey: .sequence)
        try box.encode(orderRates, forKey: .orderRates)
        try box.encode(feature, forKey: .feature)
        try box.encode(matrix, forKey: .matrix)
        try box.encode(episode, forKey: .episode)
        try box.encode(layer, forKey: .layer)
        try box.encode(gainRate, forKey: .gainRate)
        try box.encode(errorThreshold, forKey: .errorThreshold)
        try box.encode(gateHorizon, forKey: .gateHorizon)
        try box.encode(safeZone, forKey: .safeZone)
    }
}

extension PlasticityRule {
    /// The same rule with some sites off.
    public func without(_ sites: Set<PlasticSite>) -> PlasticityRule {
        var rule = self
        for site in sites {
            switch site {
            case .bias: rule.bias.rate = 0
            case .sequences: rule.sequence.rate = 0
            case .features: rule.feature.rate = 0
            case .matrix: rule.matrix.rate = 0
            case .episodes: rule.episode.capacity = 0
            case .layer:
                rule.layer.dense.rate = 0
                rule.layer.decoder.rate = 0
            case .sayings: rule.tensors.recall = nil
            }
        }
        return rule
    }
}
