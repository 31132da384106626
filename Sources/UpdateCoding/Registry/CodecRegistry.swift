// SPDX-License-Identifier: Apache-2.0

/// Finds codecs by their specification.
public enum CodecRegistry {
    /// The codec that a specification names.
    ///
    /// - Throws: ``UpdateCodingError`` with code `unknownCodec`.
    public static func codec(_ specification: String) throws(UpdateCodingError) -> any UpdateCodec {
        guard specification == "fp32" else {
            throw UpdateCodingError(.unknownCodec, "no codec is named '\(specification)'; known: fp32")
        }
        return DenseFloatCodec()
    }
}
