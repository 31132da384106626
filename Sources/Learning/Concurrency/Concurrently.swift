// SPDX-License-Identifier: Apache-2.0

internal import Dispatch

/// Runs pieces of work on the machine's processors and waits for all of them.
public enum Concurrently {
    /// Both values, made at the same time where two processors are free.
    ///
    /// - Throws: what `first` threw, or else `second`.
    public static func both<First: Sendable, Second: Sendable>(
        _ first: @Sendable () throws -> First,
        _ second: @Sendable () throws -> Second
    ) throws -> (First, Second) {
        let results = Pair<First, Second>()
        DispatchQueue.concurrentPerform(iterations: 2) { number in
            if number == 0 { results.first = Result { try first() } } else { results.second = Result { try second() } }
        }
        guard let one = results.first, let other = results.second else { preconditionFailure("both were worked on") }
        return (try one.get(), try other.get())
    }

    private final class Pair<First: Sendable, Second: Sendable>: @unchecked Sendable {
        // Sendable: each member has one writer, and is read after both have finished.
        var first: Result<First, any Error>?
        var second: Result<Second, any Error>?
    }

    /// Calls `body` with ranges that cover `0 ..< count`, each of at least `grain` numbers but the last.
    public static func ranges(of count: Int, grain: Int, _ body: @Sendable (Range<Int>) -> Void) {
        precondition(grain > 0, "a piece of work has a size")
        let pieces = (count + grain - 1) / grain
        guard pieces > 1 else {
            if count > 0 { body(0..<count) }
            return
        }
        DispatchQueue.concurrentPerform(iterations: pieces) { piece in
            body((piece * grain)..<min((piece + 1) * grain, count))
        }
    }
}
