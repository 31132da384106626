// SPDX-License-Identifier: Apache-2.0

/// Whose kernels compute a network's convolutions and dense layers.
public enum TrainingKernels: String, Sendable, Hashable, Codable, CaseIterable {
    /// This project's.
    case own
    /// oneDNN's, in programs that were built with it; the other layers stay with this project's.
    case onednn

    /// Whether this program has them.
    public var isBuiltIn: Bool {
        #if ONEDNN
        true
        #else
        self == .own
        #endif
    }

    /// Checks that this program has them.
    ///
    /// - Throws: ``LearningError`` with code `unknownTrainer`.
    public func check() throws {
        guard isBuiltIn else {
            throw LearningError(
                .unknownTrainer,
                "this program was built without oneDNN; build it with TRIBUTARY_DNNL=1 (Debian's libdnnl-dev), or set "
                    + "kernels to own"
            )
        }
    }
}
