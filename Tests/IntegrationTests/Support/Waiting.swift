// SPDX-License-Identifier: Apache-2.0

/// Waits until something holds; the limit is for a hanging program only, never a measure of its speed.
func eventually(
    _ what: @autoclosure () -> String,
    within limit: Duration = .seconds(90),
    _ condition: () throws -> Bool
) async throws {
    let clock = ContinuousClock()
    let begin = clock.now
    while try !condition() {
        guard clock.now - begin < limit else { throw TestFailure("waited \(limit) in vain until \(what())") }
        try await Task.sleep(for: .milliseconds(5))
    }
}
