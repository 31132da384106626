// SPDX-License-Identifier: Apache-2.0

internal import ModelState

/// What the steps of one training minimise and how.
struct StepPlan {
    /// The models that a contrastive loss compares with, and its settings.
    struct Contrast {
        let global: ParameterVector
        let previous: ParameterVector
        let mu: Float
        let temperature: Float
    }

    /// The loss on the logits.
    var objective: any LocalObjective
    /// The term on the parameters; nil for none.
    var term: ParameterTerm?
    /// The loss on the features; nil for none.
    var contrast: Contrast?
    /// How far along the gradient the gradient of a step is taken: FedSAM's rho, 0 for at the parameters themselves.
    var ascentRadius: Float = 0
    /// How the learning rate changes from step to step; nil for not at all.
    var hypergradient: HypergradientRate.Form?
    /// The round's model at the client's last round.
    var lastStart: ParameterVector?
    /// The passes over the samples.
    var epochs: Int
}
