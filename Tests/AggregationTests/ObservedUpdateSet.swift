// SPDX-License-Identifier: Apache-2.0

import Aggregation
import Foundation
import ModelState
import UpdateCoding

/// A forward-only set that notes how it is read.
struct ObservedUpdateSet: UpdateSet {
    final class Log: @unchecked Sendable {
        // Safe: changed under the lock only.
        let lock = NSLock()
        var started = 0
        var finished = 0
        var longestBlock = 0
        var longestLead = 0
        var positions: [ObjectIdentifier: Int] = [:]
    }

    let base: any UpdateSet
    let log = Log()

    var layout: TensorLayout { base.layout }
    var count: Int { base.count }

    func weight(at index: Int) -> Double { base.weight(at: index) }

    func makeDecoder(at index: Int) throws -> any UpdateDecoder {
        log.started += 1
        let decoder = ObservedDecoder(try base.makeDecoder(at: index), log: log)
        log.positions[ObjectIdentifier(decoder)] = 0
        return decoder
    }

    private final class ObservedDecoder: UpdateDecoder {
        private let base: any UpdateDecoder
        private let log: Log

        init(_ base: any UpdateDecoder, log: Log) {
            self.base = base
            self.log = log
        }

        func decode(into block: UnsafeMutableBufferPointer<Float>) throws(UpdateCodingError) {
            try base.decode(into: block)
            log.lock.lock()
            defer { log.lock.unlock() }
            log.positions[ObjectIdentifier(self), default: 0] += block.count
            let positions = log.positions.values
            log.longestBlock = max(log.longestBlock, block.count)
            log.longestLead = max(log.longestLead, (positions.max() ?? 0) - (positions.min() ?? 0))
        }

        func finish() throws(UpdateCodingError) {
            try base.finish()
            log.lock.lock()
            defer { log.lock.unlock() }
            log.finished += 1
            log.positions[ObjectIdentifier(self)] = nil
        }
    }
}
