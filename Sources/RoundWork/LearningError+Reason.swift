// SPDX-License-Identifier: Apache-2.0

package import Learning
package import Rounds

extension LearningError {
    /// What a coordinator is told when an agent, real or virtual, cannot train.
    package var reason: ReasonCode {
        switch code {
        case .diverged: .diverged
        case .unknownModel, .unknownTrainer, .invalidSpecification, .unknownKey: .unknownModel
        case .labelOutOfRange, .missingLabel, .shapeMismatch, .missingData, .malformedFile, .fileAccess: .unusableData
        default: .trainerFailed
        }
    }
}
