// SPDX-License-Identifier: Apache-2.0

import ModelState

/// The wrappers of specifications that treat tensors differently, without a memory.
enum TensorWrapper {
    static let names = ["allocation", "importance"]

    /// The codec under the wrapper.
    ///
    /// - Throws: ``UpdateCodingError`` with code `unknownCodec` where the wrapper cannot wrap this codec.
    static func wrap(
        _ base: any UpdateCodec,
        _ arguments: CodecArguments
    ) throws(UpdateCodingError) -> any UpdateCodec {
        arguments.name == "allocation" ? try allocated(base, arguments) : try weighted(base, arguments)
    }

    private static func allocated(
        _ base: any UpdateCodec,
        _ arguments: CodecArguments
    ) throws(UpdateCodingError) -> any UpdateCodec {
        try arguments.allow("method")
        guard let eden = base as? EdenCodec else {
            throw UpdateCodingError(
                .unknownCodec,
                "wrapper 'allocation' goes with eden only, not with '\(base.specification)'; one step of ecdq for all "
                    + "tensors is the best allocation already"
            )
        }
        let word = try arguments.word("method", of: AllocatedCodec.Method.allCases.map(\.rawValue), default: "greedy")
        return AllocatedCodec(base: eden, method: AllocatedCodec.Method(rawValue: word) ?? .greedy)
    }

    private static func weighted(
        _ base: any UpdateCodec,
        _ arguments: CodecArguments
    ) throws(UpdateCodingError) -> any UpdateCodec {
        let kinds = TensorKind.allCases
        try arguments.allow(kinds.map(\.description))
        guard !(base is ImportanceWeightedCodec) else {
            throw UpdateCodingError(.unknownCodec, "wrapper 'importance' is given twice")
        }
        var named: [TensorKind: Double] = [:]
        for kind in kinds where arguments.contains(kind.description) {
            named[kind] = try arguments.number(kind.description, in: 1e-6...1e6)
        }
        guard !named.isEmpty else {
            let known = kinds.map(\.description).joined(separator: ", ")
            throw UpdateCodingError(.unknownCodec, "wrapper 'importance' needs a number for one of \(known)")
        }
        return ImportanceWeightedCodec(base: base, importance: .kinds(named))
    }
}
