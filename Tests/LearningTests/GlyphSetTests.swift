// SPDX-License-Identifier: Apache-2.0

import Randomness
import Testing

@testable import Learning

@Suite struct GlyphSetTests {
    private func checksum(_ table: SampleTable) -> UInt64 {
        guard case .bytes(let bytes, _) = table.features else { return 0 }
        // FNV-1a.
        return bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3 }
    }

    @Test func anImageDependsOnlyOnSeedPartAndNumber() {
        let set = GlyphSet(seed: Seed(5))
        let whole = set.table(.train, count: 60)
        let some = set.table(.train, [41, 7, 7] as [UInt32])
        #expect(some.features(of: 0) == whole.features(of: 41))
        #expect(some.features(of: 1) == whole.features(of: 7) && some.features(of: 2) == whole.features(of: 7))
        #expect(some.labels == [whole.labels[41], whole.labels[7], whole.labels[7]])
        #expect(set.labels(.train, count: 60) == whole.labels)
        #expect(set.label(.train, 41) == whole.labels[41])
        #expect(set.table(.test, count: 60).features(of: 7) != whole.features(of: 7))
        #expect(GlyphSet(seed: Seed(6)).table(.train, count: 60).features(of: 7) != whole.features(of: 7))
    }

    @Test func classesAreBalanced() {
        var counts = [Int](repeating: 0, count: 10)
        for label in GlyphSet(seed: Seed(5)).labels(.test, count: 1000) { counts[Int(label)] += 1 }
        #expect(counts == [Int](repeating: 100, count: 10))
    }

    @Test func imagesNeverChangeBetweenReleases() {
        #expect(checksum(GlyphSet(seed: Seed(1)).table(.train, count: 100)) == 5_411_568_132_280_721_565)
    }
}
