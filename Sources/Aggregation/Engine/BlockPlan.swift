// SPDX-License-Identifier: Apache-2.0

import ModelState

/// How the coordinates are cut in blocks: one after the other, none across the border of two groups.
struct BlockPlan {
    /// Coordinates that are handled together.
    struct Block {
        let group: Int
        let range: Range<Int>
        let isLastOfGroup: Bool
    }

    let blocks: [Block]
    let groupCount: Int
    let maximumBlockElements: Int

    /// One group for the whole model.
    init(whole layout: TensorLayout, rowCount: Int) {
        self.init(groups: [0..<layout.elementCount], rowCount: rowCount)
    }

    /// One group for each tensor.
    init(tensorsOf layout: TensorLayout, rowCount: Int) {
        self.init(groups: layout.tensors.indices.map { layout.range(of: $0) }, rowCount: rowCount)
    }

    private init(groups: [Range<Int>], rowCount: Int) {
        let size = AggregationEngine.blockElements(rowCount: rowCount)
        var blocks: [Block] = []
        for (group, range) in groups.enumerated() {
            for start in stride(from: range.lowerBound, to: range.upperBound, by: size) {
                let end = min(start + size, range.upperBound)
                blocks.append(Block(group: group, range: start..<end, isLastOfGroup: end == range.upperBound))
            }
        }
        self.blocks = blocks
        groupCount = groups.count
        maximumBlockElements = blocks.reduce(0) { max($0, $1.range.count) }
    }
}
