// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// The processors that this process may use.
public enum ProcessorCount {
    /// The number of processors in the process's affinity mask, at least 1.
    public static var available: Int { max(ProcessInfo.processInfo.activeProcessorCount, 1) }
}
