// SPDX-License-Identifier: Apache-2.0

/// What adapts the source model: an environment's visual prompt, and the small delta that all environments share.
///
/// The prompt is what only this environment needs; the delta is what the uploaded samples of all environments teach.
public struct AdaptationState: Sendable, Hashable {
    /// Added to every image; nil for none.
    public var prompt: VisualPrompt?
    /// Differences from the source model; as many as the layout has.
    public var delta: [Float]

    /// Creates a state.
    public init(prompt: VisualPrompt?, delta: [Float]) {
        self.prompt = prompt
        self.delta = delta
    }

    /// Creates the state that changes nothing.
    public init(shape: PromptShape?, layout: DeltaLayout) {
        self.init(prompt: shape.map { VisualPrompt($0) }, delta: [Float](repeating: 0, count: layout.count))
    }

    /// Whether all values are finite.
    public var isFinite: Bool { delta.allSatisfy(\.isFinite) && prompt?.values.allSatisfy(\.isFinite) ?? true }
}
