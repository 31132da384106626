// SPDX-License-Identifier: Apache-2.0

/// Makes codecs from the text that users write.
///
///     codec[:key=value,...][+wrapper[:key=value,...]]...          ecdq:bits=2+ef21
///
/// The codec's own ``UpdateCodec/specification`` is the canonical text: it parses to the same codec.
public enum CodecRegistry {
    /// The wrappers: `allocation` and `importance` change how tensors are coded; `ef14`, `ef21`, `dgc` and `adaptive`
    /// keep state with the client, see ``StatefulEncoder``.
    static let wrapperNames = TensorWrapper.names + FeedbackKind.names

    /// The names of the codecs of this module.
    public static var codecNames: [String] { CodecFamily.builtIn.map(\.name) }

    /// The names that an agent tells which can do all that this module can: codecs and wrappers.
    public static var agentNames: [String] { codecNames + wrapperNames }

    /// One specification that parses for each codec of this module.
    public static var examples: [String] { CodecFamily.builtIn.map(\.example) }

    /// The codec with this specification.
    ///
    /// A specification with wrappers gives a codec that decodes what the wrapped encoder sends, and that encodes as if
    /// the wrapper's memory were empty; ``encoder(_:adding:)`` gives the encoder with memory.
    ///
    /// - Parameters:
    ///   - specification: the text.
    ///   - families: codecs of other modules.
    /// - Throws: ``UpdateCodingError`` with code `unknownCodec` that lists the known names, keys or ranges.
    public static func codec(
        _ specification: String,
        adding families: [CodecFamily] = []
    ) throws(UpdateCodingError) -> any UpdateCodec {
        let parsed = try parse(specification, adding: families)
        guard let feedback = parsed.feedback else { return parsed.base }
        return FeedbackCodec(base: parsed.base, kind: feedback)
    }

    /// The encoder of a client: with memory where the specification has a wrapper or the codec a warm start.
    ///
    /// - Throws: ``UpdateCodingError`` as ``codec(_:adding:)`` does.
    public static func encoder(
        _ specification: String,
        adding families: [CodecFamily] = []
    ) throws(UpdateCodingError) -> any StatefulEncoder {
        let parsed = try parse(specification, adding: families)
        guard let feedback = parsed.feedback else {
            if let lowRank = parsed.base as? LowRankCodec { return WarmStartEncoder(codec: lowRank) }
            return PlainEncoder(codec: parsed.base)
        }
        switch feedback {
        case .errorFeedback(let age):
            return ErrorFeedbackEncoder(codec: parsed.base, maximumAgeRounds: age)
        case .differences:
            return DifferenceEncoder(codec: parsed.base)
        case .momentumCorrection(let momentum, let warmUp):
            return try MomentumCorrectionEncoder(
                codec: parsed.base,
                momentum: momentum,
                warmUpRounds: warmUp
            )
        case .adaptive(let bounds):
            return try AdaptiveEncoder(codec: parsed.base, bounds: bounds)
        }
    }

    /// Whether the encoder of this specification keeps a memory between rounds.
    ///
    /// - Throws: ``UpdateCodingError`` as ``codec(_:adding:)`` does.
    public static func remembers(
        _ specification: String,
        adding families: [CodecFamily] = []
    ) throws(UpdateCodingError) -> Bool {
        !(try encoder(specification, adding: families) is PlainEncoder)
    }

    private static func parse(
        _ specification: String,
        adding families: [CodecFamily]
    ) throws(UpdateCodingError) -> (base: any UpdateCodec, feedback: FeedbackKind?) {
        guard specification.utf8.count <= 256 else {
            throw UpdateCodingError(.unknownCodec, "a codec's specification has at most 256 bytes")
        }
        let parts = specification.split(separator: "+", omittingEmptySubsequences: false)
        let known = CodecFamily.builtIn + families
        let arguments = try CodecArguments(parts[0])
        guard let family = known.first(where: { $0.name == arguments.name }) else {
            let names = known.map(\.name).joined(separator: ", ")
            throw UpdateCodingError(.unknownCodec, "no codec is named '\(arguments.name)'; known: \(names)")
        }
        var base = try family.codec(arguments)
        var feedback: FeedbackKind?
        for part in parts.dropFirst() {
            let wrapper = try CodecArguments(part)
            guard feedback == nil else {
                throw UpdateCodingError(
                    .unknownCodec,
                    "codec '\(specification)': \(FeedbackKind.names.joined(separator: ", ")) exclude one another and "
                        + "come last"
                )
            }
            if TensorWrapper.names.contains(wrapper.name) {
                base = try TensorWrapper.wrap(base, wrapper)
            } else {
                feedback = try FeedbackKind(wrapper)
            }
        }
        if case .momentumCorrection = feedback, !(base is any SparseFractionCodec) {
            throw UpdateCodingError(.unknownCodec, "codec '\(specification)': dgc wraps topk or stc only")
        }
        if case .adaptive = feedback { _ = try AdaptiveEncoder.startBits(of: base) }
        return (base, feedback)
    }
}
