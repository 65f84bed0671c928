public import ModelFormats

extension Neuromodulator {
    /// The greatest numbers of statistics, hidden units, sites and readout units that a file may
    /// have.
    public static let shapeLimits = (statistics: 1024, hidden: 1024, sites: 64, readout: 256)
    /// The greatest magnitude of a stored number: past it products of two could leave the range
    /// of a float, and no training comes near it.
    public static let valueLimit: Float = 1e6

    /// The tensors of a rule file that hold this network: `gate.*`, and `readout.*` when there is
    /// a readout. All F32.
    public func tensors() -> [SafetensorsWriter.Entry] {
        let gate: [SafetensorsWriter.Entry] = [
            .floats("gate.mean", shape: [statisticCount], mean),
            .floats("gate.inverse_deviation", shape: [statisticCount], inverseDeviation),
            .floats("gate.hidden.weight", shape: [hiddenCount, statisticCount], hiddenWeight),
            .floats("gate.hidden.bias", shape: [hiddenCount], hiddenBias),
            .floats("gate.gain.weight", shape: [siteCount, hiddenCount], gainWeight),
            .floats("gate.gain.bias", shape: [siteCount], gainBias),
        ]
        guard readoutCount > 0 else { return gate }
        return gate + [
            .floats("readout.weight", shape: [readoutCount, siteCount + 1], readoutWeight),
            .floats("readout.bias", shape: [readoutCount], readoutBias),
            .floats("readout.context", shape: [readoutCount, hiddenCount], readoutContext),
            .floats("readout.output", shape: [readoutCount], readoutOutput),
        ]
    }

    /// Reads what `tensors()` wrote. A file without any `readout.*` has no readout.
    ///
    /// - Throws: `CortexError.unreadableRule` that names the file and the tensor, when one is
    ///   missing, is not F32, has a shape that does not agree with the others or is over
    ///   `shapeLimits`, or holds a number that is not finite or over `valueLimit`.
    public init(file: SafetensorsFile) throws(CortexError) {
        let limits = Self.shapeLimits
        let reader = NeuromodulatorReader(file: file)
        let statistics = try reader.size(of: "gate.mean", limit: limits.statistics)
        let hidden = try reader.size(of: "gate.hidden.bias", limit: limits.hidden)
        let sites = try reader.size(of: "gate.gain.bias", limit: limits.sites)
        let hasReadout = file.names.contains { $0.hasPrefix("readout.") }
        let readout =
            hasReadout ? try reader.size(of: "readout.bias", limit: limits.readout) : 0
        func optional(_ name: String, _ shape: [Int]) throws(CortexError) -> [Float] {
            hasReadout ? try reader.floats(name, shape: shape) : []
        }
        self.init(
            mean: try reader.floats("gate.mean", shape: [statistics]),
            inverseDeviation: try reader.floats("gate.inverse_deviation", shape: [statistics]),
            hiddenWeight: try reader.floats("gate.hidden.weight", shape: [hidden, statistics]),
            hiddenBias: try reader.floats("gate.hidden.bias", shape: [hidden]),
            gainWeight: try reader.floats("gate.gain.weight", shape: [sites, hidden]),
            gainBias: try reader.floats("gate.gain.bias", shape: [sites]),
            readoutWeight: try optional("readout.weight", [readout, sites + 1]),
            readoutBias: try optional("readout.bias", [readout]),
            readoutContext: try optional("readout.context", [readout, hidden]),
            readoutOutput: try optional("readout.output", [readout]))
    }
}

/// Tensors of a file, with every way in which they can be wrong as one error.
private struct NeuromodulatorReader {
    let file: SafetensorsFile

    private func refusal(_ reason: String) -> CortexError {
        .unreadableRule(file: file.name, reason: reason)
    }

    private func tensor(_ name: String) throws(CortexError) -> SafetensorsFile.Tensor {
        do {
            let tensor = try file.tensor(name)
            guard tensor.type == .f32 else {
                throw refusal("the tensor \(name) is \(tensor.type.rawValue), not F32")
            }
            return tensor
        } catch let error as CortexError {
            throw error
        } catch {
            throw refusal("the tensor \(name) is missing")
        }
    }

    /// The length of a vector, which the other shapes must agree with.
    func size(of name: String, limit: Int) throws(CortexError) -> Int {
        let shape = try tensor(name).shape
        guard shape.count == 1, (1...limit).contains(shape[0]) else {
            throw refusal("the tensor \(name) has shape \(shape), not one size in 1...\(limit)")
        }
        return shape[0]
    }

    func floats(_ name: String, shape: [Int]) throws(CortexError) -> [Float] {
        let tensor = try tensor(name)
        guard tensor.shape == shape else {
            throw refusal("the tensor \(name) has shape \(tensor.shape), not \(shape)")
        }
        let values = tensor.floats()
        // False for NaN too.
        let limit = Neuromodulator.valueLimit
        if let index = values.firstIndex(where: { !($0.magnitude <= limit) }) {
            throw refusal(
                "the tensor \(name) has \(values[index]) at \(index), outside ±\(limit)")
        }
        return values
    }
}
