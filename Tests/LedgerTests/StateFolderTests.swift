// SPDX-License-Identifier: Apache-2.0

import Foundation
import Ledger
import Testing

@Suite struct StateFolderTests {
    /// A process that is just being started has copies of all open files until it becomes another program.
    @Test func aReleasedFolderIsFreeWhoeverHasACopyOfItsLock() throws {
        let temporary = try TemporaryFolder()
        let path = temporary.path + "/state"
        var folder: StateFolder? = try StateFolder(path: path)
        #expect(folder?.path == path)
        let copies = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")
            .compactMap { Int32($0) }
            .filter {
                (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)")) == path + "/lock"
            }
            .map { dup($0) }
        defer { for copy in copies { close(copy) } }
        #expect(copies.count == 1)
        #expect(throws: LedgerError.self) { try StateFolder(path: path) }
        folder = nil
        _ = try StateFolder(path: path)
    }
}
