// SPDX-License-Identifier: Apache-2.0

internal import ModelState

/// FedHyper-CL: a client's learning rate follows the hypergradient from step to step (Wang and others 2024).
///
/// With u_k the change of the parameters in step k, eta_k its learning rate and D the change of the global model in the
/// round before (zero where the client does not know it), the factor b on the learning rate becomes
///
///     paper      b <- clip(b + u_k . u_{k-1} / (eta_k eta_{k-1}) + (1 / K) u_k . D / eta_k, 1/10, 10)      K steps
///     released   b <- clip(b * min(1.1, 1 + u_k . u_{k-1} + 0.1 u_k . D / clients), 0.1, 10),      u_0 = D
///
/// D is the difference of the global models of the client's last two rounds: it is that of the round before where the
/// client takes part in every round.
final class HypergradientRate {
    /// Which of the two published forms.
    enum Form: Hashable, Sendable {
        /// The paper's, additive.
        case paper
        /// The released code's, multiplicative.
        case released(clients: Int)
    }

    private static let bounds = 0.1...10.0

    private let form: Form
    private let ignored: [Range<Int>]
    private let plannedSteps: Int
    private let global: ParameterVector?
    private var parameters: ParameterVector
    private var previous: (step: ParameterVector, rate: Double)?
    /// The factor on the learning rate.
    private(set) var factor = 1.0

    init(
        _ form: Form,
        start: ParameterVector,
        lastStart: ParameterVector?,
        plannedSteps: Int,
        ignoring ignored: [Range<Int>] = []
    ) {
        self.form = form
        self.ignored = ignored
        self.plannedSteps = max(plannedSteps, 1)
        parameters = start
        global = lastStart.map { Self.change(from: $0, to: start, ignored) }
        if case .released = form, let global { previous = (global, 1) }
    }

    /// What gradients changed; running statistics follow none.
    private static func change(
        from start: ParameterVector,
        to end: ParameterVector,
        _ ignored: [Range<Int>]
    ) -> ParameterVector {
        var change = end.subtracting(start)
        guard !ignored.isEmpty else { return change }
        change.withMutableElements { elements in
            for range in ignored { elements[range].update(repeating: 0) }
        }
        return change
    }

    /// Takes in a step that was made with `rate`; gives the factor for the next one.
    func advance(to now: ParameterVector, rate: Double) {
        let step = Self.change(from: parameters, to: now, ignored)
        parameters = now
        defer { previous = (step, rate) }
        let along = previous.map { step.dot($0.step) } ?? 0
        let globally = global.map { step.dot($0) } ?? 0
        let moved: Double
        switch form {
        case .paper:
            guard rate > 0 else { return }
            let before = max(previous?.rate ?? rate, .leastNormalMagnitude)
            moved = factor + along / (rate * before) + globally / rate / Double(plannedSteps)
        case .released(let clients):
            moved = factor * min(1.1, 1 + along + 0.1 * globally / Double(clients))
        }
        guard moved.isFinite else { return }
        factor = min(max(moved, Self.bounds.lowerBound), Self.bounds.upperBound)
    }
}
