// SPDX-License-Identifier: Apache-2.0

import ModelState
import Randomness
package import Rounds
package import UpdateCoding

/// Checks the bytes of one complete update: digest, decodability, finite values, norm.
package struct UpdateChecker: Sendable {
    /// The coordinates decoded together.
    private static let blockElements = 1 << 14

    private let codec: any UpdateCodec
    private let rules: CheckRules

    /// Creates a checker for the updates of one job.
    package init(codec: any UpdateCodec, rules: CheckRules) {
        self.codec = codec
        self.rules = rules
    }

    /// Reads all bytes of an update once.
    package func check(_ offer: UpdateOffer, bytes source: any UpdateByteSource) -> UpdateCheck {
        let bytes = HashingByteSource(source)
        let verdict = decode(bytes)
        do {
            guard try bytes.digestOfAll() == offer.digest else {
                return .refused(.digestMismatch, "the update's bytes do not have the digest that was offered")
            }
        } catch {
            return .unreadable(error.message)
        }
        return verdict
    }

    private func decode(_ bytes: HashingByteSource) -> UpdateCheck {
        let scratch = UnsafeMutableBufferPointer<Float>.allocate(capacity: Self.blockElements)
        defer { scratch.deallocate() }
        var squaredNorm = 0.0
        var kinds = KindCounter(layout: rules.layout, bytes: bytes)
        do {
            let decoder = try codec.makeDecoder(bytes, layout: rules.layout, seed: Seed(rules.seed).deriving("code"))
            var remaining = rules.layout.elementCount
            while remaining > 0 {
                let count = min(remaining, Self.blockElements, kinds.elementsToBorder)
                let block = UnsafeMutableBufferPointer(rebasing: scratch[..<count])
                try decoder.decode(into: block)
                kinds.advance(by: count)
                // The sum of squares is finite exactly when every value is: floats squared do not overflow a double.
                squaredNorm += VectorKernels.squaredNorm(UnsafeBufferPointer(block))
                guard squaredNorm.isFinite else {
                    return .refused(.notFinite, "the update has values that are infinite or not a number")
                }
                remaining -= block.count
            }
            try decoder.finish()
        } catch {
            return error.code == .sourceFailed ? .unreadable(error.message) : .refused(.undecodable, error.message)
        }
        let norm = squaredNorm.squareRoot()
        guard rules.maximumNorm == 0 || norm <= rules.maximumNorm else {
            return .refused(.normTooLarge, "the update's norm is \(norm); the job allows \(rules.maximumNorm)")
        }
        return .passed(norm: norm, kinds.result)
    }
}
