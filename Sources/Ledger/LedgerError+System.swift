// SPDX-License-Identifier: Apache-2.0

internal import GRDB
internal import Glibc
internal import ModelState

extension LedgerError {
    /// Explains an error number of the operating system.
    init(system number: Int32, _ what: String) {
        let code: Code
        var advice = ""
        switch number {
        case ENOSPC, EDQUOT:
            code = .diskFull
            advice = "; free some space"
        case EROFS, EACCES, EPERM:
            code = .accessDenied
            advice = "; check the owner and the mount"
        case EIO: code = .inputOutput
        case EMFILE, ENFILE:
            code = .tooManyOpenFiles
            advice = "; raise the limit (ulimit -n)"
        case ENOENT: code = .notFound
        default: code = .fileAccess
        }
        self.init(code, "\(what): \(String(cString: strerror(number)))\(advice)")
    }

    /// Explains an error of the database.
    init(database error: any Error, _ what: String) {
        if let error = error as? LedgerError {
            self = error
            return
        }
        guard let error = error as? DatabaseError else {
            self.init(.corrupt, "\(what): \(error)")
            return
        }
        let text = error.message ?? "\(error.resultCode)"
        switch error.resultCode {
        case .SQLITE_FULL: self.init(.diskFull, "\(what): the disk is full; free some space")
        case .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_CANTOPEN, .SQLITE_AUTH:
            self.init(.accessDenied, "\(what): \(text); check the owner and the mount")
        case .SQLITE_CORRUPT, .SQLITE_NOTADB, .SQLITE_FORMAT, .SQLITE_MISMATCH:
            self.init(.corrupt, "\(what): \(text); put the file aside or restore a copy")
        case .SQLITE_IOERR: self.init(.inputOutput, "\(what): \(text) (\(error.extendedResultCode.rawValue))")
        case .SQLITE_BUSY, .SQLITE_LOCKED: self.init(.busy, "\(what): another program holds it")
        case .SQLITE_CONSTRAINT: self.init(.contradiction, "\(what): \(text)")
        default: self.init(.fileAccess, "\(what): \(text)")
        }
    }

    /// Passes on what was wrong with a checkpoint.
    init(_ error: ModelStateError) {
        self.init(error.code == .fileAccess ? .fileAccess : .corrupt, error.message)
    }
}
