// SPDX-License-Identifier: Apache-2.0

/// Makes codecs from the text that users write.
///
///     codec[:key=value,...][+wrapper[:key=value,...]]...          ecdq:bits=2+ef21
///
/// The codec's own ``UpdateCodec/specification`` is the canonical text: it parses to the same codec.
public enum CodecRegistry {
    /// The wrappers: `ef14`, `ef21`, `dgc` keep state with the client; see ``StatefulEncoder``.
    static let wrapperNames = FeedbackKind.names

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
        let base = try family.codec(arguments)
        guard parts.count > 1 else { return (base, nil) }
        guard parts.count == 2 else {
            throw UpdateCodingError(
                .unknownCodec,
                "codec '\(specification)': one wrapper at most; they exclude one another"
            )
        }
        let kind = try FeedbackKind(try CodecArguments(parts[1]))
        if case .momentumCorrection = kind, !(base is any SparseFractionCodec) {
            throw UpdateCodingError(.unknownCodec, "codec '\(specification)': dgc wraps topk or stc only")
        }
        return (base, kind)
    }
}
