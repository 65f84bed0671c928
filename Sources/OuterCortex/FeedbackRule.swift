/// What a reward is worth to the tokens of an answer: the numbers between a person's verdict and
/// the third factor of `PlasticityRule.learn`. Pure arithmetic; the same verdicts in the same order
/// give the same factors.
///
/// - An answer judged alone has the advantage a = r. Answers judged together are compared with each
///   other: a = (r − mean)/std (group-relative advantage, Shao et al. 2024).
/// - A streak of n verdicts of one sign is believed more: gain g = 1 + ¼·(n − 1), at most 2.
/// - Token t of a liked answer gets g·a·γ^t: what came first made what came later likely.
/// - Token t of a disliked answer gets −g·|a|·p/(1 − p), without discount. Times the error
///   1 − p of that token this is −g·|a|·p: the gradient of unlikelihood, ln(1 − p) (Welleck et al.
///   2020). It vanishes as the token becomes unlikely, where the error of a plain negative reward
///   grows for ever; and a token that the model is sure of moves at full step, where it would not
///   move at all if the ratio were clipped at 1.
public enum FeedbackRule {
    /// γ: how much less each later token of a liked answer learns.
    public static let discount: Float = 0.98
    /// What each further verdict of a streak adds to the gain, and the largest gain.
    public static let gainStep = 0.25
    public static let maximumGain = 2.0
    /// |g·a| of an answer is at most this: one good answer among sixteen bad ones has a = 4.
    public static let maximumDrive: Float = 2
    /// What share of their rate latent → token synapses learn at: latents are many texts' own.
    static let featureShare: Float = 0.125
    /// The largest p/(1 − p), reached at p = .99: only so that the division has an end.
    static let maximumOdds: Float = 100
    /// A token whose factor is smaller is left out: it would learn next to nothing, and its
    /// synapses would still slow down from having been used.
    static let minimumFactor: Float = 0.01

    /// The advantage of each answer, dimensionless: r itself for one answer; for several
    /// (r − mean)/std with the standard deviation of just these, and 0 for all when they are equal
    /// or so close that their squared differences underflow to 0.
    /// - Parameter rewards: each in −1...1.
    public static func advantages(of rewards: [Double]) -> [Double] {
        guard rewards.count > 1 else { return rewards }
        // Asked first: the deviation of equal numbers need not come out as exactly 0.
        guard let first = rewards.first, rewards.contains(where: { $0 != first }) else {
            return rewards.map { _ in 0 }
        }
        let count = Double(rewards.count)
        let mean = rewards.reduce(0, +) / count
        let variance = rewards.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count
        guard variance > 0 else { return rewards.map { _ in 0 } }
        return rewards.map { ($0 - mean) / variance.squareRoot() }
    }

    /// The streak of verdicts of one sign after one more: its length, negative for dislikes. A group
    /// says which answer is better and not whether any is good, so it ends a streak, as 0 does.
    public static func streak(after streak: Int, rewards: [Double]) -> Int {
        guard rewards.count == 1, let reward = rewards.first, reward != 0 else { return 0 }
        let sign = reward > 0 ? 1 : -1
        let limit = 1 << 30
        return streak.signum() == sign ? max(-limit, min(limit, streak + sign)) : sign
    }

    /// 1 + ¼·(|streak| − 1), at most 2; 1 where there is none.
    public static func gain(streak: Int) -> Double {
        min(maximumGain, 1 + gainStep * Double(max(1, streak.magnitude) - 1))
    }

    /// The third factor of one token.
    /// - Parameters:
    ///   - drive: g·a, within ±`maximumDrive`.
    ///   - discount: γ^t.
    ///   - probability: p, of the token under the uncapped adapted model, in 0...1.
    static func factor(drive: Float, discount: Float, probability: Float) -> Float {
        guard drive < 0 else { return drive * discount }
        // Not `probability / (1 − probability)` bounded afterwards: that is ∞ or NaN at 1.
        let odds = probability >= 0.99 ? maximumOdds : probability / (1 - probability)
        return drive * min(maximumOdds, odds)
    }
}
