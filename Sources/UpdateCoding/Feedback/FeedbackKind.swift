// SPDX-License-Identifier: Apache-2.0

/// Which memory a client keeps beside its codec.
enum FeedbackKind: Hashable, Sendable {
    /// Error feedback (EF14); an error older than so many rounds is dropped, 0 for never.
    case errorFeedback(maximumAgeRounds: Int)
    /// Differences to the last estimate (EF21).
    case differences
    /// Momentum correction with factor masking and a warm-up of the fraction (DGC).
    case momentumCorrection(momentum: Double, warmUpRounds: Int)
    /// A rate that follows the information in the client's updates.
    case adaptive(AdaptivePrecision.Bounds)

    static let names = ["ef14", "ef21", "dgc", "adaptive"]

    init(_ arguments: CodecArguments) throws(UpdateCodingError) {
        switch arguments.name {
        case "ef14":
            try arguments.allow("age")
            self = .errorFeedback(maximumAgeRounds: try arguments.integer("age", in: 0...1_000_000, default: 0))
        case "ef21":
            try arguments.allow()
            self = .differences
        case "dgc":
            try arguments.allow("momentum", "warmup")
            self = .momentumCorrection(
                momentum: try arguments.number("momentum", in: 0...0.999, default: 0.9),
                warmUpRounds: try arguments.integer("warmup", in: 0...1_000_000, default: 0)
            )
        case "adaptive":
            try arguments.allow("minimum", "maximum", "tolerance", "updates")
            let bounds = AdaptivePrecision.Bounds(
                minimumBits: try arguments.number("minimum", in: DitheredCodec.bitRange, default: 0.5),
                maximumBits: try arguments.number("maximum", in: DitheredCodec.bitRange, default: 6),
                tolerance: try arguments.number("tolerance", in: 1e-6...1e6, default: 0.1),
                updateCount: try arguments.integer("updates", in: 1...1_000_000, default: 10)
            )
            guard bounds.minimumBits <= bounds.maximumBits else {
                throw UpdateCodingError(.unknownCodec, "wrapper 'adaptive': 'minimum' is above 'maximum'")
            }
            self = .adaptive(bounds)
        default:
            throw UpdateCodingError(
                .unknownCodec,
                "no wrapper is named '\(arguments.name)'; known: \(Self.names.joined(separator: ", "))"
            )
        }
    }

    var specification: String {
        switch self {
        case .errorFeedback(let age): return age == 0 ? "ef14" : "ef14:age=\(age)"
        case .differences: return "ef21"
        case .momentumCorrection(let momentum, let warmUp):
            return "dgc:momentum=\(NumberText.text(momentum))" + (warmUp == 0 ? "" : ",warmup=\(warmUp)")
        case .adaptive(let bounds): return "adaptive:" + bounds.text
        }
    }
}
