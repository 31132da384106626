// SPDX-License-Identifier: Apache-2.0

/// A bug that a shell can be given on purpose, to prove that the checkers find it.
package enum Canary: String, CaseIterable, Sendable {
    /// The journal answers before it has written.
    case answerBeforeWrite
    /// A round is called durable without a sync.
    case durableWithoutSync
    /// The first update of every round is combined twice.
    case countTwice
    /// A restart forgets the spools of the open round; what is missing is left out of the fold.
    case forgetSpoolOnRestart
    /// A restart loses the journal's last entry.
    case dropLastEntryOnRestart
    /// Updates are not compared with their digests.
    case skipDigestCheck
    /// Values that are not finite pass.
    case acceptNotFinite
    /// A restart serves the initial model in place of the last one.
    case staleModelOnRestart
    /// Agents delete an update when it is accepted, not when its round is durable.
    case forgetOnAcceptance
    /// A restarted coordinator forgets what the strategy remembers and what agents hold.
    case forgetRoundState
    /// A restarted agent forgets what it remembers of jobs.
    case forgetAgentMemory
}
