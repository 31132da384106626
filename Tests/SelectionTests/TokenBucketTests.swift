// SPDX-License-Identifier: Apache-2.0

import Randomness
import Testing

@testable import Selection

@Suite struct TokenBucketTests {
    @Test func aBurstThenTheSteadyRate() throws {
        var bucket = try TokenBucket(.init(capacity: 3, perSecond: 2))
        #expect((0..<5).map { _ in bucket.take(1, at: 10) } == [true, true, true, false, false])
        #expect(bucket.take(1, at: 10.4) == false)
        #expect(bucket.take(1, at: 10.5) == true)
        #expect(bucket.take(1, at: 10.5) == false)
        #expect((0..<5).map { _ in bucket.take(1, at: 1_000) } == [true, true, true, false, false])
    }

    /// Over every span of time no more than a burst and the rate.
    @Test func noSpanExceedsItsBound() throws {
        var samples = Samples(5)
        var bucket = try TokenBucket(.init(capacity: 5, perSecond: 3))
        var now = 0.0
        var taken: [(at: Double, tokens: Double)] = []
        for _ in 0..<300 {
            now += samples.generator.uniform() * 0.3
            let tokens = Double(samples.generator.below(4))
            if bucket.take(tokens, at: now) { taken.append((now, tokens)) }
        }
        for start in taken.indices {
            var sum = 0.0
            for end in start..<taken.count {
                sum += taken[end].tokens
                #expect(sum <= 5 + 3 * (taken[end].at - taken[start].at) + 1e-9)
            }
        }
        #expect(taken.count > 50)
    }

    @Test func aClockThatGoesBackFillsNothingAndGoesOn() throws {
        var bucket = try TokenBucket(.init(capacity: 2, perSecond: 1))
        #expect(bucket.take(2, at: 1e9) == true)
        #expect(bucket.take(1, at: 0) == false)
        #expect(bucket.take(1, at: 0.5) == false)
        #expect(bucket.take(1, at: 1) == true)
    }

    @Test func aClockThatLeapsFillsOnce() throws {
        var bucket = try TokenBucket(.init(capacity: 2, perSecond: 1))
        #expect(bucket.take(2, at: 0) == true)
        #expect(bucket.take(2, at: 1e300) == true)
        #expect(bucket.take(1, at: 1e300) == false)
    }

    @Test func readingsAtTheEndsOfTheNumbersAreBounded() throws {
        let largest = Double.greatestFiniteMagnitude
        for (rate, expected) in [(0.0, 1.0), (1, 2)] {
            var bucket = try TokenBucket(.init(capacity: 2, perSecond: rate))
            #expect(bucket.take(1, at: -largest) == true)
            #expect(bucket.take(0, at: largest) == true)
            #expect(bucket.level == expected)
        }
    }

    @Test func senselessNumbersTakeNothing() throws {
        var bucket = try TokenBucket(.init(capacity: 2, perSecond: 1))
        #expect(bucket.take(.nan, at: 0) == false)
        #expect(bucket.take(-1, at: 0) == false)
        #expect(bucket.take(.infinity, at: 0) == false)
        #expect(bucket.take(1, at: .nan) == true)
        #expect(bucket.level == 1)
        #expect(throws: SelectionError.self) { try TokenBucket(.init(capacity: -1, perSecond: 1)) }
        #expect(throws: SelectionError.self) { try TokenBucket(.init(capacity: 1, perSecond: .nan)) }
        #expect(throws: SelectionError.self) { try TokenBucket(.init(capacity: .infinity, perSecond: 1)) }
    }

    @Test func anEmptyBucketOfNothingStaysEmpty() throws {
        var bucket = try TokenBucket(.init(capacity: 0, perSecond: 100))
        #expect(bucket.take(1, at: 5) == false)
        #expect(bucket.take(0, at: 6) == true)
    }

    @Test func elapsedTimeOnlyAdvances() {
        var time = ElapsedTime(maximumStep: 10)
        let readings = [100.0, 101, 50, 52, 500, 501, .nan, 502, .infinity, 503]
        #expect(readings.map { time.advance(to: $0) } == [0, 1, 1, 3, 13, 14, 14, 15, 15, 16])
        #expect(time.jumps == 4)
    }
}
