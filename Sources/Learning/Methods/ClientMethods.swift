// SPDX-License-Identifier: Apache-2.0

/// The client-side methods that a job asks for by the keys of `training.settings`; all are off without a key and at 0.
///
/// | key | method | values |
/// |---|---|---|
/// | `proximal_mu` | FedProx, the pull to the round's model | 0 or more |
/// | `margin_lambda`, `margin_form` | FedLD's margin control, ``MarginObjective`` | 0 or more; 0, 1 or 2 |
/// | `calibration_tau` | FedLC, ``CalibratedObjective`` | 0 or more |
/// | `sam_rho` | FedSAM, the gradient at `w + rho g / (norm(g) + 1e-12)`, the step at `w` | 0 or more |
/// | `moon_mu`, `moon_temperature` | MOON, the contrast with the client's previous model | 0 or more; above 0 (0.5) |
/// | `scaffold` | SCAFFOLD's control variates, option II | 0 or 1 |
/// | `dynamic_alpha` | FedDyn's dynamic regularisation | 0 or more |
/// | `local_normalisation` | FedBN, normalisation stays on the client | 0 or 1 |
/// | `personal_lambda`, `personal_epochs` | Ditto, a personal model beside the plain one | 0 or more; 1 or more |
/// | `hypergradient` | FedHyper-CL, the local rate follows the hypergradient | 0; 1 paper, 2 released code |
/// | `hypergradient_clients` | the clients of a round in the released form | 1 or more (10) |
/// | `update_momentum` | the update is the client's momentum over its updates | 0 up to, not including, 1 |
/// | `report_initial_loss` | the loss at the round's model goes with the update (q-FedAvg) | 0 or 1 |
/// | `report_uncertainty` | so does how uncertain that model is of so many samples (client selection) | 0 or more |
/// | `fedossl`, `fedossl_...` | FedoSSL, in the place of all others: ``OpenWorldSettings`` | |
///
/// What changes the loss (margin, calibration, contrast) is part of the gradient that FedSAM climbs; what is a term on
/// the parameters (weight decay, FedProx, SCAFFOLD, FedDyn) is applied at the parameters themselves. The margin sees
/// the calibrated logits. Ditto's personal model is trained with the same loss on the logits, and nothing else.
public struct ClientMethods: Sendable, Hashable {
    /// The keys of `training.settings` that are understood.
    public static let knownSettings =
        [
            "proximal_mu", "margin_lambda", "margin_form", "calibration_tau", "sam_rho", "moon_mu", "moon_temperature",
            "scaffold", "dynamic_alpha", "local_normalisation", "personal_lambda", "personal_epochs",
            "hypergradient", "hypergradient_clients", "update_momentum", "report_initial_loss",
            "report_uncertainty",
        ] + OpenWorldSettings.keys

    /// FedProx's mu.
    let proximalMu: Float
    /// FedLD's lambda.
    let marginLambda: Float
    /// What FedLD's norm is taken of.
    let marginForm: MarginObjective.Form
    /// FedLC's tau.
    let calibrationTau: Float
    /// FedSAM's rho.
    let ascentRadius: Float
    /// MOON's mu.
    let contrastMu: Float
    /// MOON's temperature.
    let contrastTemperature: Float
    /// Whether SCAFFOLD's control variates correct the steps.
    let usesControlVariates: Bool
    /// FedDyn's alpha.
    let dynamicAlpha: Float
    /// Whether normalisation stays on the client: FedBN.
    let keepsNormalisation: Bool
    /// Ditto's lambda.
    let personalLambda: Float
    /// The passes that the personal model is trained for; nil for as many as the plain one.
    let personalEpochs: Int?
    /// How the local learning rate follows the hypergradient; nil for not at all.
    let hypergradient: HypergradientRate.Form?
    /// The coefficient of a client's momentum over its updates; 0 for none.
    let updateMomentum: Float
    /// Whether the loss at the round's model is computed.
    let reportsInitialLoss: Bool
    /// The most samples of which the round's model's uncertainty is computed; 0 for none.
    let uncertaintySamples: Int
    /// FedoSSL; nil for none.
    public let openWorld: OpenWorldSettings?

    /// Reads and checks the settings of a job.
    ///
    /// - Throws: ``LearningError`` with code `unknownKey`, or `invalidSpecification` for a value outside its range or
    ///   for two methods that cannot work together.
    public init(settings: [String: Double]) throws {
        let reader = SettingsReader(settings: settings)
        try reader.refuseUnknown(known: Self.knownSettings)
        proximalMu = try reader.factor("proximal_mu")
        marginLambda = try reader.factor("margin_lambda")
        marginForm = MarginObjective.Form(rawValue: try reader.integer("margin_form", in: 0...2) ?? 0) ?? .frobenius
        calibrationTau = try reader.factor("calibration_tau")
        ascentRadius = try reader.factor("sam_rho")
        contrastMu = try reader.factor("moon_mu")
        contrastTemperature = try reader.positive("moon_temperature") ?? 0.5
        usesControlVariates = try reader.flag("scaffold")
        dynamicAlpha = try reader.factor("dynamic_alpha")
        keepsNormalisation = try reader.flag("local_normalisation")
        personalLambda = try reader.factor("personal_lambda")
        personalEpochs = try reader.integer("personal_epochs", in: 1...(1 << 20))
        let clients = try reader.integer("hypergradient_clients", in: 1...(1 << 20)) ?? 10
        switch try reader.integer("hypergradient", in: 0...2) ?? 0 {
        case 1: hypergradient = .paper
        case 2: hypergradient = .released(clients: clients)
        default: hypergradient = nil
        }
        updateMomentum = try reader.factor("update_momentum")
        guard updateMomentum < 1 else {
            throw LearningError(
                .invalidSpecification,
                "training.settings.update_momentum must be at least 0 and below 1, not \(updateMomentum)"
            )
        }
        reportsInitialLoss = try reader.flag("report_initial_loss")
        uncertaintySamples = try reader.integer("report_uncertainty", in: 0...(1 << 20)) ?? 0
        openWorld = try OpenWorldSettings(reader)
        try refuseConflicts(reader)
    }

    /// Whether a client remembers anything between rounds; then ``ClientState`` must be kept for it.
    public var keepsState: Bool {
        usesControlVariates || dynamicAlpha > 0 || contrastMu > 0 || keepsNormalisation || personalLambda > 0
            || hypergradient != nil || updateMomentum > 0
    }

    /// Whether control variates travel with the model and with the updates: SCAFFOLD.
    public var sendsControlVariate: Bool { usesControlVariates }

    /// Refuses pairs of methods of which one breaks what the other relies on.
    private func refuseConflicts(_ reader: SettingsReader) throws {
        if openWorld != nil,
            let other = reader.settings.keys.sorted().first(where: {
                !$0.hasPrefix("fedossl") && reader.settings[$0] != 0
            })
        {
            throw Self.conflict("fedossl", other, "FedoSSL has an objective and steps of its own")
        }
        let isDynamic = dynamicAlpha > 0
        if usesControlVariates, isDynamic {
            throw Self.conflict(
                "scaffold",
                "dynamic_alpha",
                "both correct the same drift of the clients, which together would be corrected twice"
            )
        }
        if isDynamic, proximalMu > 0 {
            throw Self.conflict(
                "dynamic_alpha",
                "proximal_mu",
                "FedDyn has a pull of its own, and with a second one its memory is not the client's gradient"
            )
        }
        if updateMomentum > 0, usesControlVariates || isDynamic {
            throw Self.conflict(
                "update_momentum",
                usesControlVariates ? "scaffold" : "dynamic_alpha",
                "the state follows what the client trained, and a momentum sends something else"
            )
        }
        if marginLambda > 0, marginForm == .logits, calibrationTau > 0 {
            throw Self.conflict(
                "margin_form: 2",
                "calibration_tau",
                "the calibration's offsets (100 tau for a class that a client lacks) would enter the norm of the logits"
            )
        }
    }

    private static func conflict(_ first: String, _ second: String, _ why: String) -> LearningError {
        LearningError(
            .invalidSpecification,
            "training.settings.\(first) and \(second) cannot work together: \(why); leave one out"
        )
    }
}
