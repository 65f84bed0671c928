/// What a linear projection of a Transformer block is for. Raw values are the names in our files.
public enum ProjectionKind: String, Sendable, CaseIterable {
    case query = "q"
    case key = "k"
    case value = "v"
    /// Queries, keys and values in one matrix (gpt2, gpt_neox).
    case queryKeyValue = "qkv"
    case attentionOutput = "o"
    /// The gate of SwiGLU and its like.
    case gate
    case up
    case down
}

/// One linear projection of a model: a matrix whose change a low-rank adapter can be.
public enum ProjectionSite: Hashable, Sendable {
    case block(Int, ProjectionKind)
    /// The matrix that makes logits of final hidden states.
    case unembedding

    /// The block it is in; nil for the unembedding.
    public var block: Int? {
        if case .block(let index, _) = self { index } else { nil }
    }
}

extension ProjectionSite: CustomStringConvertible {
    /// `3.down`, or `unembedding`: as in engram files.
    public var description: String {
        switch self {
        case .block(let index, let kind): "\(index).\(kind.rawValue)"
        case .unembedding: "unembedding"
        }
    }

    /// What `description` gave, to the letter; nil for anything else.
    public init?(_ description: String) {
        if description == "unembedding" {
            self = .unembedding
            return
        }
        let parts = description.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let index = Int(parts[0]), index >= 0,
            String(index) == parts[0], let kind = ProjectionKind(rawValue: String(parts[1]))
        else { return nil }
        self = .block(index, kind)
    }
}

extension ProjectionSite: Comparable {
    /// Block by block, in the order in which a pass comes to them; the unembedding last.
    public static func < (left: ProjectionSite, right: ProjectionSite) -> Bool {
        left.order < right.order
    }

    private var order: (Int, Int) {
        switch self {
        case .block(let index, let kind):
            (index, ProjectionKind.allCases.firstIndex(of: kind) ?? 0)
        case .unembedding: (.max, 0)
        }
    }
}

/// The sizes of a core's projections: which there are, and what goes in and out.
public struct ProjectionShapes: Hashable, Sendable, Codable {
    /// `ModelConfig.Family`'s raw value; empty for no core at all.
    public var family = ""
    public var layers = 0
    public var hidden = 0
    public var intermediate = 0
    /// Outputs of all query heads, and of all key heads.
    public var queries = 0
    public var keys = 0
    public var vocabulary = 0
    /// Width of a head where Hugging Face's adapters have a projection's outputs head by head
    /// (gpt_neox); else 0, as an adapter then fits without it.
    public var headSize = 0

    /// A core without projections: every site is refused.
    public init() {}

    public init(_ config: ModelConfig) {
        family = config.family.rawValue
        layers = config.layerCount
        hidden = config.hiddenSize
        intermediate = config.intermediateSize
        queries = config.headCount * config.headSize
        keys = config.keyValueHeadCount * config.headSize
        vocabulary = config.vocabularySize
        headSize = config.family.architecture.huggingFace.orders.isEmpty ? 0 : config.headSize
    }

    /// Nil for a core without projections.
    var architecture: Architecture? { ModelConfig.Family(rawValue: family)?.architecture }

    /// Inputs and outputs of a projection; nil where the core has no such.
    public func size(of site: ProjectionSite) -> (inputs: Int, outputs: Int)? {
        guard let architecture else { return nil }
        guard case .block(let index, let kind) = site else { return (hidden, vocabulary) }
        guard (0..<layers).contains(index), architecture.projections.contains(kind) else {
            return nil
        }
        switch kind {
        case .query: return (hidden, queries)
        case .key, .value: return (hidden, keys)
        case .queryKeyValue: return (hidden, queries + 2 * keys)
        case .attentionOutput: return (queries, hidden)
        case .gate, .up: return (hidden, intermediate)
        case .down: return (intermediate, hidden)
        }
    }

    /// Where in Hugging Face's order each of a projection's outputs is; nil where it is ours.
    func places(of site: ProjectionSite) -> [Int]? {
        guard case .block(_, let kind) = site, let size = size(of: site),
            let order = architecture?.huggingFace.orders[kind]
        else { return nil }
        return order.places(count: size.outputs, headSize: headSize)
    }

    /// As one line of an engram file's metadata: the family and the numbers, by blanks.
    public var text: String {
        ([family] + numbers.map(String.init)).joined(separator: " ")
    }

    private var numbers: [Int] {
        [layers, hidden, intermediate, queries, keys, vocabulary]
            + (headSize > 0 ? [headSize] : [])
    }

    /// What `text` gave; nil for anything else.
    public init?(text: String) {
        let parts = text.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        let numbers = parts.dropFirst().compactMap { Int($0) }
        guard (7...8).contains(parts.count), numbers.count == parts.count - 1,
            numbers.allSatisfy({ (0...16_777_216).contains($0) }),
            parts[0].isEmpty || ModelConfig.Family(rawValue: parts[0]) != nil
        else { return nil }
        family = parts[0]
        (layers, hidden, intermediate) = (numbers[0], numbers[1], numbers[2])
        (queries, keys, vocabulary) = (numbers[3], numbers[4], numbers[5])
        headSize = numbers.count > 6 ? numbers[6] : 0
        guard self.text == text else { return nil }
    }
}
