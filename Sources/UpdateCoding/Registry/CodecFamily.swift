// SPDX-License-Identifier: Apache-2.0

/// A name under which codecs are made from arguments.
public struct CodecFamily: Sendable {
    /// The name that begins a specification: `ecdq`.
    public let name: String
    /// An example that parses: `ecdq:bits=2`.
    public let example: String
    private let make: @Sendable (CodecArguments) throws(UpdateCodingError) -> any UpdateCodec

    /// Creates a family.
    public init(
        name: String,
        example: String,
        make: @escaping @Sendable (CodecArguments) throws(UpdateCodingError) -> any UpdateCodec
    ) {
        self.name = name
        self.example = example
        self.make = make
    }

    func codec(_ arguments: CodecArguments) throws(UpdateCodingError) -> any UpdateCodec { try make(arguments) }
}

extension CodecFamily {
    /// The codecs of this module.
    static let builtIn: [CodecFamily] = dense + quantizing + sparse + structured

    private static let dense = [
        CodecFamily(name: "fp32", example: "fp32") { (arguments) throws(UpdateCodingError) in
            try arguments.allow()
            return DenseFloatCodec()
        },
        CodecFamily(name: "bf16", example: "bf16") { (arguments) throws(UpdateCodingError) in
            try arguments.allow()
            return BrainFloatCodec()
        },
        CodecFamily(name: "int8", example: "int8") { (arguments) throws(UpdateCodingError) in
            try arguments.allow()
            return BlockIntegerCodec(width: .eight)
        },
        CodecFamily(name: "int4", example: "int4") { (arguments) throws(UpdateCodingError) in
            try arguments.allow()
            return BlockIntegerCodec(width: .four)
        },
    ]

    private static let quantizing = [
        CodecFamily(name: "eden", example: "eden:bits=2") { (arguments) throws(UpdateCodingError) in
            try arguments.allow("bits", "scale")
            let scale = try arguments.word("scale", of: ["unbiased", "mse"], default: "unbiased")
            let bits = try arguments.number("bits", in: EdenCodec.bitRange)
            return EdenCodec(bits: bits, scale: scale == "mse" ? .leastError : .unbiased)
        },
        CodecFamily(name: "ecdq", example: "ecdq:bits=2") { (arguments) throws(UpdateCodingError) in
            try arguments.allow("bits", "error", "scale")
            guard arguments.contains("bits") != arguments.contains("error") else {
                throw UpdateCodingError(.unknownCodec, "codec 'ecdq' needs either 'bits' or 'error', and not both")
            }
            let word = try arguments.word("scale", of: ["unbiased", "mse"], default: "unbiased")
            let scale: DitheredCodec.Scale = word == "mse" ? .leastError : .unbiased
            if arguments.contains("bits") {
                return DitheredCodec(
                    target: .bits(try arguments.number("bits", in: DitheredCodec.bitRange)),
                    scale: scale
                )
            }
            return DitheredCodec(
                target: .error(try arguments.number("error", in: DitheredCodec.errorRange)),
                scale: scale
            )
        },
    ]

    private static let sparse = [
        CodecFamily(name: "topk", example: "topk:fraction=0.01") { (arguments) throws(UpdateCodingError) in
            try arguments.allow("fraction", "floor")
            return TopKCodec(
                fraction: try arguments.number("fraction", in: SparseFraction.range),
                floor: try arguments.number("floor", in: 0...1, default: SparseFraction.defaultFloor)
            )
        },
        CodecFamily(name: "randk", example: "randk:fraction=0.01") { (arguments) throws(UpdateCodingError) in
            try arguments.allow("fraction")
            return RandomKCodec(fraction: try arguments.number("fraction", in: SparseFraction.range))
        },
        CodecFamily(name: "stc", example: "stc:fraction=0.01") { (arguments) throws(UpdateCodingError) in
            try arguments.allow("fraction", "floor")
            return SparseTernaryCodec(
                fraction: try arguments.number("fraction", in: SparseFraction.range),
                floor: try arguments.number("floor", in: 0...1, default: SparseFraction.defaultFloor)
            )
        },
    ]

    private static let structured = [
        CodecFamily(name: "powersgd", example: "powersgd:rank=2") { (arguments) throws(UpdateCodingError) in
            try arguments.allow("rank")
            return LowRankCodec(rank: try arguments.integer("rank", in: LowRankCodec.rankRange))
        },
        CodecFamily(name: "summable", example: "summable:bits=8,norm=1") { (arguments) throws(UpdateCodingError) in
            try arguments.allow("bits", "norm")
            return SummableCodec(
                bits: try arguments.integer("bits", in: SummableCodec.bitRange),
                norm: try arguments.number("norm", in: SummableCodec.normRange)
            )
        },
    ]
}
