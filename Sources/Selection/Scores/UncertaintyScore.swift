// SPDX-License-Identifier: Apache-2.0

/// A measure of how unsure a model is of a sample; larger means more worth sending.
///
/// p are the class probabilities `softmax(z / T)` of logits z at temperature T, p_t those of pass t of M passes
/// (dropout, augmentation or ensemble members), q their mean over the passes. Scores of a single pass look at pass 0.
public enum UncertaintyScore: String, Sendable, Hashable, CaseIterable, Codable {
    /// `1 - max p` (maximum softmax probability), 0 to 1 - 1/C.
    case msp
    /// `H(p) = -sum p log p` in nats, 0 to log C.
    case entropy
    /// `1 - (p1 - p2)` with the two largest probabilities, 0 to 1.
    case margin
    /// `-max z`; depends on the logits' scale, not on the temperature.
    case maxLogit = "max-logit"
    /// `-T log sum exp(z / T)` (Liu, Wang, Owens, Li 2020).
    case energy
    /// `H(q)` in nats, 0 to log C.
    case predictiveEntropy = "predictive-entropy"
    /// The mean over the passes of `H(p_t)`: the doubt that the passes share (aleatoric).
    case expectedEntropy = "expected-entropy"
    /// `H(q) - mean H(p_t) = mean KL(p_t || q)` (BALD; Houlsby et al. 2011): the doubt on which the passes differ.
    case mutualInformation = "mutual-information"
    /// The mean over the classes of the variance of p_t over the passes (of the population).
    case variance
    /// `-sum v log v` over the shares v of the passes' votes (vote entropy); equal logits vote for the first class.
    case disagreement
    /// `||p - y||` in the Euclidean norm, y the teacher's answer, mean over the passes (Paul, Ganguli, Dziugaite 2021).
    case el2n
    /// `||p - y|| sqrt(||h||^2 + 1)`: the norm of the cross-entropy's gradient with respect to the last layer's weights
    /// and biases for features h (GraNd restricted to the last layer), mean over the passes.
    case grand

    /// Finds a score by its text.
    ///
    /// - Throws: ``SelectionError`` with code `unknownScore`; the message lists the known names.
    public init(parsing text: String) throws {
        guard let score = UncertaintyScore(rawValue: text) else {
            let known = Self.allCases.map(\.rawValue).joined(separator: ", ")
            throw SelectionError(.unknownScore, "no score is named '\(text.prefix(64))'; known are \(known)")
        }
        self = score
    }

    /// Whether the score compares several passes; with one pass `mutual-information`, `variance` and `disagreement` are
    /// 0.
    public var comparesPasses: Bool {
        switch self {
        case .predictiveEntropy, .expectedEntropy, .mutualInformation, .variance, .disagreement: true
        case .msp, .entropy, .margin, .maxLogit, .energy, .el2n, .grand: false
        }
    }

    /// Whether the score needs a teacher's answers.
    public var needsTeacher: Bool { self == .el2n || self == .grand }

    /// Whether the score needs the last layer's inputs.
    public var needsFeatures: Bool { self == .grand }

    /// Whether the score needs logits: probabilities have lost their scale.
    public var needsLogits: Bool { self == .maxLogit || self == .energy }
}
