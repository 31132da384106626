// SPDX-License-Identifier: Apache-2.0

/// The beginning of a dithered update: mode, step, number of classes, and each class's scale and shape.
struct DitheredHeader {
    enum Mode: UInt8 {
        /// Chunks follow; coordinates are (q - u) step.
        case unbiased = 0
        /// Chunks follow; coordinates are (q - u) step times the class's factor.
        case leastError = 1
        /// The coordinates follow as floats.
        case stored = 2
        /// All coordinates are zero; nothing follows.
        case zero = 3
    }

    let mode: Mode
    var step: Float = 0
    var classes: [BlockClass] = []

    static let stored = DitheredHeader(mode: .stored)

    static let zero = DitheredHeader(mode: .zero)

    func append(to output: inout [UInt8]) {
        output.append(mode.rawValue)
        guard mode == .unbiased || mode == .leastError else { return }
        output.appendLittleEndian(step)
        output.append(UInt8(classes.count))
        for blockClass in classes {
            output.appendLittleEndian(UInt16(blockClass.scale | blockClass.shape << 9))
        }
    }

    init(mode: Mode, step: Float = 0, classes: [BlockClass] = []) {
        self.mode = mode
        self.step = step
        self.classes = classes
    }

    init(reading source: any UpdateByteSource) throws(UpdateCodingError) {
        guard let mode = Mode(rawValue: try source.readInteger(UInt8.self)) else {
            throw UpdateCodingError(.malformed, "an ecdq update begins with an unknown mode")
        }
        self.mode = mode
        guard mode == .unbiased || mode == .leastError else { return }
        step = try source.readFiniteFloat("step")
        guard step > 0, step < 0x1p100 else {
            throw UpdateCodingError(.malformed, "an ecdq update's step is not positive or past 2^100")
        }
        let count = Int(try source.readInteger(UInt8.self))
        guard count <= DitheredFormat.maximumClassCount else {
            throw UpdateCodingError(.malformed, "an ecdq update of \(count) classes; at most 15 are possible")
        }
        for _ in 0..<count {
            let bits = Int(try source.readInteger(UInt16.self))
            guard bits < 8 << 9 else {
                throw UpdateCodingError(.malformed, "an ecdq update has a class of unknown shape")
            }
            classes.append(BlockClass(scale: bits & 511, shape: bits >> 9))
        }
    }
}
