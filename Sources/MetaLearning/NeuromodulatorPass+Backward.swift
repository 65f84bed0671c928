import Foundation
import Kernels
import OuterCortex

extension NeuromodulatorPass {
    /// The gradient of Σ_s weights[s]·losses[s] over the tokens of the newest forward pass.
    ///
    /// Uses up what the forward pass left: one call for each.
    /// - Parameters:
    ///   - weights: shape [S].
    ///   - parameters: those of the forward pass.
    /// - Returns: shape [layout.count].
    mutating func backward(weights: [Float], parameters: [Float]) -> [Float] {
        let (sites, columns) = (layout.sites, columns)
        var gradient = [Float](repeating: 0, count: layout.count)
        // dLoss/dz = weight·(softmax(z) − 1[the token that came]).
        for (segment, weight) in weights.enumerated() {
            for column in starts[segment]..<starts[segment + 1] { logits[column] *= weight }
            logits[starts[segment] + NeuromodulatorDataset.targetSlot] -= weight
        }
        // dLoss/d(g⊙m) starts as dLoss/dz in every row; the readout adds its own.
        var gatedGradient = [Float](repeating: 0, count: sites * columns)
        for site in 0..<sites {
            gatedGradient.replaceSubrange(
                site * columns..<(site + 1) * columns, with: logits[..<columns])
        }
        var hiddenGradient = [Float](repeating: 0, count: tokens.count * layout.hidden)
        if layout.readout > 0 {
            propagateReadout(parameters, &gradient, &gatedGradient, &hiddenGradient)
        }
        propagateGains(parameters, &gradient, gatedGradient, &hiddenGradient)
        return gradient
    }

    /// Through q: A, c, C and o, and what it asks of g⊙m and h.
    private mutating func propagateReadout(
        _ parameters: [Float], _ gradient: inout [Float], _ gatedGradient: inout [Float],
        _ hiddenGradient: inout [Float]
    ) {
        let (sites, units, count, columns) = (layout.sites, layout.readout, tokens.count, columns)
        var error = Array(logits[..<columns])
        for column in unread { error[column] = 0 }
        // From here `active` is the gradient of the units' arguments with the terms, `resting`
        // that of both arguments' common part.
        var context = [Float](repeating: 0, count: count * units)
        for unit in 0..<units {
            let row = unit * columns..<(unit + 1) * columns
            gradient[layout.readoutOutput.lowerBound + unit] =
                FlatMatrix.dot(error, 0..<columns, active, row)
                - FlatMatrix.dot(error, 0..<columns, resting, row)
            let weight = parameters[layout.readoutOutput.lowerBound + unit]
            Self.throughTanh(&active, &resting, error, weight: weight, row: row.lowerBound)
            for segment in 0..<count {
                context[segment * units + unit] = FlatMatrix.sum(
                    resting, row.lowerBound + starts[segment]..<row.lowerBound + starts[segment + 1]
                )
            }
        }
        FlatMatrix.gradient(
            active, gated, m: units, k: columns, n: sites, across: true, stride: sites + 1,
            into: &gradient, layout.readoutWeight)
        for unit in 0..<units {
            let row = unit * columns..<(unit + 1) * columns
            gradient[layout.readoutWeight.lowerBound + unit * (sites + 1) + sites] =
                FlatMatrix.dot(resting, row, levels, 0..<columns)
        }
        FlatMatrix.sumRows(context, rows: count, into: &gradient, layout.readoutBias)
        FlatMatrix.gradient(
            context, hidden, m: units, k: count, n: layout.hidden, into: &gradient,
            layout.readoutContext)
        FlatMatrix.back(
            context, parameters, layout.readoutContext, m: count, k: units, n: layout.hidden,
            beta: 0, into: &hiddenGradient)
        FlatMatrix.addWeightedColumns(
            parameters, layout.readoutWeight, stride: sites + 1, of: active, k: units, m: sites,
            n: columns, to: &gatedGradient)
    }

    /// Through g and h: W₁, b₁, W₂ and b₂.
    private func propagateGains(
        _ parameters: [Float], _ gradient: inout [Float], _ gatedGradient: [Float],
        _ hiddenGradient: inout [Float]
    ) {
        let (sites, count, columns) = (layout.sites, tokens.count, columns)
        var driveGradient = [Float](repeating: 0, count: count * sites)
        for segment in 0..<count {
            for site in 0..<sites {
                let index = segment * sites + site
                // At the cap the gain does not move.
                guard gains[index] < Neuromodulator.gainLimit else { continue }
                let range = site * columns + starts[segment]..<site * columns + starts[segment + 1]
                // d softplus(x)/dx = 1/(1 + e⁻ˣ).
                driveGradient[index] =
                    FlatMatrix.dot(gatedGradient, range, terms, range) / (1 + expf(-drive[index]))
            }
        }
        FlatMatrix.gradient(
            driveGradient, hidden, m: sites, k: count, n: layout.hidden, into: &gradient,
            layout.gainWeight)
        FlatMatrix.sumRows(driveGradient, rows: count, into: &gradient, layout.gainBias)
        FlatMatrix.back(
            driveGradient, parameters, layout.gainWeight, m: count, k: sites, n: layout.hidden,
            beta: 1, into: &hiddenGradient)
        for index in hiddenGradient.indices {
            hiddenGradient[index] *= 1 - hidden[index] * hidden[index]
        }
        FlatMatrix.gradient(
            hiddenGradient, standardized, m: layout.hidden, k: count, n: layout.statistics,
            into: &gradient, layout.hiddenWeight)
        FlatMatrix.sumRows(hiddenGradient, rows: count, into: &gradient, layout.hiddenBias)
    }

    /// With T = tanh of a unit: active ← error·o·(1 − T²), resting ← that − the same of resting.
    private static func throughTanh(
        _ active: inout [Float], _ resting: inout [Float], _ error: [Float], weight: Float, row: Int
    ) {
        let errors = error.span
        var first = active.mutableSpan
        var second = resting.mutableSpan
        for column in errors.indices {
            let (a, b) = (first[row + column], second[row + column])
            let scaled = weight * errors[column]
            let one = scaled * (1 - a * a)
            first[row + column] = one
            second[row + column] = one - scaled * (1 - b * b)
        }
    }
}
