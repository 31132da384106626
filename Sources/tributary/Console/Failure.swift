// SPDX-License-Identifier: Apache-2.0

import Adaptation
import Aggregation
import ArgumentParser
import EventLoop
import Glibc
import Learning
import Ledger
import ModelState
import Operations
import Reporting
import Rounds
import Selection
import Simulation
import UpdateCoding

/// The documented exit codes, after sysexits where it has one.
enum ExitStatus: Int32 {
    case jobFailed = 1
    case jobCancelled = 2
    case badInput = 65
    case noInput = 66
    case unavailable = 69
    case software = 70
    case cannotListen = 71
    case cannotUseState = 73
    case storage = 74
    case `protocol` = 76
}

/// Ends the program with one line on standard error.
struct Failure: Error {
    let status: ExitStatus
    let message: String

    init(_ status: ExitStatus, _ message: String) {
        self.status = status
        self.message = message
    }

    /// Finds the exit code of an error of any module.
    init(_ error: any Error) {
        switch error {
        case let failure as Failure: self = failure
        case let error as SpecificationError: self.init(.badInput, error.message)
        case let error as LearningError:
            self.init(error.code == .fileAccess ? .noInput : .badInput, error.message)
        case let error as ModelStateError:
            self.init(error.code == .fileAccess ? .noInput : .badInput, error.message)
        case let error as ReportingError: self.init(error.code == .fileAccess ? .storage : .badInput, error.message)
        case let error as AdaptationError: self.init(.badInput, error.message)
        case let error as SelectionError: self.init(.badInput, error.message)
        case let error as AggregationError: self.init(.badInput, error.message)
        case let error as SimulationError:
            switch error.code {
            case .ranksFailed: self.init(.unavailable, error.message)
            case .storageFailed: self.init(.storage, error.message)
            case .notSpreadable, .notResumable, .unusableCheckpoint: self.init(.badInput, error.message)
            }
        case let error as UpdateCodingError: self.init(.badInput, error.message)
        case let error as LedgerError: self.init(.cannotUseState, error.message)
        case let error as EventLoopError:
            let isListening =
                error.code == .addressInUse || error.code == .permissionDenied
                || error.code == .addressUnavailable
            self.init(isListening ? .cannotListen : .unavailable, error.message)
        case let error as OperatorError:
            switch (error.code, error.reason) {
            case (.refused, .unsupportedVersion): self.init(.protocol, error.message)
            case (.refused, .shuttingDown), (.refused, .overloaded), (.refused, .silent):
                self.init(.unavailable, error.message)
            case (.refused, .storageFailed): self.init(.storage, error.message)
            case (.refused, _): self.init(.badInput, error.message)
            default: self.init(.unavailable, error.message)
            }
        default: self.init(.software, "\(error)")
        }
    }

    /// Runs a command's work; an error becomes one line and an exit code.
    static func reporting(_ body: () async throws -> Void) async throws {
        do {
            try await body()
        } catch let code as ExitCode {
            throw code
        } catch let error as ValidationError {
            throw error
        } catch {
            let failure = Failure(error)
            Console.error("tributary: \(failure.message)")
            throw ExitCode(failure.status.rawValue)
        }
    }
}
