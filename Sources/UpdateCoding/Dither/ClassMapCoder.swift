// SPDX-License-Identifier: Apache-2.0

/// Codes which class each block of a chunk belongs to: the change against the block before.
///
///     the same class?                          context: whether the last two were the same
///     up or down?   (omitted at either end)    context: the class before
///     one further?  (omitted at either end)    context: direction, and steps so far, at most 3
struct ClassMapModel {
    private var same = [AdaptiveBit](repeating: AdaptiveBit(), count: 2)
    private var direction = [AdaptiveBit](repeating: AdaptiveBit(), count: DitheredFormat.maximumClassCount + 1)
    private var further = [AdaptiveBit](repeating: AdaptiveBit(), count: 8)
    private var previous = 0
    private var repeated = false
    /// The highest class; the lowest is 0.
    private let highest: Int

    init(classCount: Int) {
        highest = classCount
    }

    /// Passes the bits that describe `blockClass` through `code`, which gives back the bit that counts: its argument
    /// when encoding, the decoded bit when decoding (where `blockClass` is ignored).
    mutating func step(_ blockClass: Int, _ code: (Bool, inout AdaptiveBit) -> Bool) -> Int {
        let context = repeated ? 1 : 0
        repeated = code(blockClass == previous, &same[context])
        guard !repeated, highest > 0 else { return previous }
        var up = previous == 0
        if previous > 0, previous < highest { up = code(blockClass > previous, &direction[previous]) }
        var current = previous + (up ? 1 : -1)
        var steps = 0
        while up ? current < highest : current > 0 {
            guard code(current != blockClass, &further[(up ? 4 : 0) + min(steps, 3)]) else { break }
            current += up ? 1 : -1
            steps += 1
        }
        previous = current
        return current
    }
}

enum ClassMapCoder {
    static func encode(_ classes: UnsafeBufferPointer<UInt8>, classCount: Int) -> [UInt8] {
        var model = ClassMapModel(classCount: classCount)
        var coder = BinaryRangeEncoder()
        for blockClass in classes {
            _ = model.step(Int(blockClass)) { bit, context in
                coder.encode(bit, &context)
                return bit
            }
        }
        return coder.finish()
    }

    static func decode(
        _ bytes: UnsafeRawBufferPointer,
        into classes: UnsafeMutableBufferPointer<UInt8>,
        classCount: Int
    ) {
        var model = ClassMapModel(classCount: classCount)
        var coder = BinaryRangeDecoder(bytes)
        for index in classes.indices {
            classes[index] = UInt8(model.step(0) { _, context in coder.decode(&context) })
        }
    }
}

/// Sizes of the dithered format.
enum DitheredFormat {
    /// Coordinates of a block, which has one class.
    static let blockElements = 64
    /// Blocks of a chunk, which is coded on its own.
    static let chunkBlocks = 1024
    /// Coordinates of a chunk.
    static let chunkElements = blockElements * chunkBlocks
    /// Classes beside class 0, the blocks of zeros.
    static let maximumClassCount = 15
    /// The states' value before the first symbol is coded and after the last is decoded.
    static let initialState: UInt32 = 1 << 16
    /// No quotient is this large.
    static let quotientLimit = 1 << 22
    /// The chunk kind that says that a map of classes follows; smaller kinds are the class of all blocks.
    static let mapKind: UInt8 = 255
}
