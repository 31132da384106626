// SPDX-License-Identifier: Apache-2.0

import Dispatch

/// Work on another thread whose result is waited for.
final class BackgroundWork<Value: Sendable>: @unchecked Sendable {
    // Safe: the result is written before the group is left and read after it was waited for.
    private let group = DispatchGroup()
    private var result: Result<Value, any Error>?

    init(_ body: @escaping @Sendable () throws -> Value) {
        DispatchQueue.global().async(group: group) { self.result = Result { try body() } }
    }

    func wait() throws -> Value {
        group.wait()
        guard let result else { preconditionFailure("the group is left after the result was written") }
        return try result.get()
    }
}
