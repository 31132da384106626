// SPDX-License-Identifier: Apache-2.0

/// A call to the operating system that is about to change what is stored.
package struct FileCall: Sendable, Equatable {
    /// What the call does.
    package enum Kind: Sendable, Equatable {
        /// Makes a folder.
        case makeFolder
        /// Opens a file, making it if need be.
        case open
        /// Writes bytes.
        case write
        /// Changes a file's length.
        case resize
        /// Waits until a file's bytes are on the disk.
        case synchronize
        /// Waits until a folder's names are on the disk.
        case synchronizeFolder
        /// Gives a file another name.
        case rename
        /// Removes a name.
        case remove
    }

    /// What the call does.
    package var kind: Kind
    /// The file or folder; for a rename the new name.
    package var path: String
}

/// How a test makes a call fail.
package struct FileFault: Sendable {
    /// The error number that the call gives.
    package var number: Int32
    /// The bytes that a write writes before it fails.
    package var writtenBytes: Int

    /// Describes a failure.
    package init(_ number: Int32, writtenBytes: Int = 0) {
        self.number = number
        self.writtenBytes = writtenBytes
    }
}
