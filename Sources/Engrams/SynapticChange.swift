/// The one form in which any synapse of any site changes:
///
///     Δw = A·pre·post + B·pre + C·post + D − O·post²·w
///
/// with every coefficient already multiplied by the step (rate × third factor). Hebb's rule is A
/// alone with the postsynaptic activity as post, Oja's is A = O (Oja 1982), the general ABCD rule
/// of Niv et al. 2002 and Najarro and Risi 2020 sets the rest, and error-modulated rules put a
/// prediction error in the place of post. It is applied where pre and post meet: at active
/// presynaptic neurons, for the tokens that take part in the error.
public struct SynapticChange: Sendable, Equatable {
    /// A, B, C, D and O, times the step.
    public var coincidence: Float
    public var presynaptic: Float
    public var postsynaptic: Float
    public var constant: Float
    public var selfLimit: Float

    public init(
        coincidence: Float, presynaptic: Float = 0, postsynaptic: Float = 0, constant: Float = 0,
        selfLimit: Float = 0
    ) {
        self.coincidence = coincidence
        self.presynaptic = presynaptic
        self.postsynaptic = postsynaptic
        self.constant = constant
        self.selfLimit = selfLimit
    }

    /// Δw of one synapse.
    /// - Parameters: its weight, and the activities on its two sides, dimensionless.
    @inline(__always)
    public func callAsFunction(weight: Float, pre: Float, post: Float) -> Float {
        coincidence * pre * post + presynaptic * pre + postsynaptic * post + constant
            - selfLimit * post * post * weight
    }

    /// The same change with another step: each coefficient times `factor`.
    @inline(__always)
    public func scaled(by factor: Float) -> SynapticChange {
        SynapticChange(
            coincidence: coincidence * factor, presynaptic: presynaptic * factor,
            postsynaptic: postsynaptic * factor, constant: constant * factor,
            selfLimit: selfLimit * factor)
    }
}
