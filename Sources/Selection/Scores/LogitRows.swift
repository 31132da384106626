// SPDX-License-Identifier: Apache-2.0

/// A model's answers to some samples, of one or several passes, in memory that someone else owns.
///
/// The value of class c for sample r in pass t lies at `base[t * passStride + r * rowStride + c]`. The memory must
/// outlive every use of the value.
public struct LogitRows {
    /// What the values are.
    public enum Content: Sendable, Hashable {
        /// Logits: any finite numbers.
        case logits
        /// Probabilities: numbers of 0 or more, normalised where they are used.
        case probabilities
    }

    /// The first value.
    public let base: UnsafePointer<Float>
    /// The number of samples.
    public let rowCount: Int
    /// The number of classes, 1 or more.
    public let classCount: Int
    /// The distance between a sample's first value and the next sample's.
    public let rowStride: Int
    /// The number of passes, 1 or more.
    public let passCount: Int
    /// The distance between a pass's first value and the next pass's.
    public let passStride: Int
    /// What the values are.
    public let content: Content

    /// Describes values in memory.
    ///
    /// - Parameters:
    ///   - rowStride: default: rows without gaps.
    ///   - passStride: default: passes without gaps.
    /// - Precondition: at least one class and one pass; strides that keep rows and passes apart.
    public init(
        base: UnsafePointer<Float>,
        rowCount: Int,
        classCount: Int,
        rowStride: Int? = nil,
        passCount: Int = 1,
        passStride: Int? = nil,
        content: Content = .logits
    ) {
        precondition(rowCount >= 0 && classCount >= 1 && passCount >= 1, "answers have a class and a pass")
        self.base = base
        self.rowCount = rowCount
        self.classCount = classCount
        self.rowStride = rowStride ?? classCount
        self.passCount = passCount
        self.passStride = passStride ?? rowCount * self.rowStride
        self.content = content
        precondition(self.rowStride >= classCount, "a row's stride is at least its number of classes")
        precondition(self.passStride >= 0, "passes follow each other")
    }

    /// Runs `body` on an array of passes of rows without gaps.
    ///
    /// - Precondition: the array's size is a multiple of `classCount * passCount`.
    public static func with<Result>(
        _ values: [Float],
        classCount: Int,
        passCount: Int = 1,
        content: Content = .logits,
        _ body: (LogitRows) throws -> Result
    ) rethrows -> Result {
        precondition(classCount >= 1 && passCount >= 1, "answers have a class and a pass")
        precondition(values.count % (classCount * passCount) == 0, "answers fill whole rows of all passes")
        // An empty array may have no address; no row of it is ever read.
        return try (values.isEmpty ? [0] : values).withUnsafeBufferPointer { buffer in
            let base = buffer.baseAddress!  // an array with elements has an address
            let rows = LogitRows(
                base: base,
                rowCount: values.count / (classCount * passCount),
                classCount: classCount,
                passCount: passCount,
                content: content
            )
            return try body(rows)
        }
    }

    @inline(__always)
    func row(_ row: Int, pass: Int) -> UnsafePointer<Float> {
        base + (pass * passStride + row * rowStride)
    }
}

/// The last layer's inputs of some samples, in memory that someone else owns: that of feature j of sample r lies at
/// `base[r * rowStride + j]`.
public struct FeatureRows {
    /// The first value.
    public let base: UnsafePointer<Float>
    /// The number of samples.
    public let rowCount: Int
    /// The number of features of a sample.
    public let featureCount: Int
    /// The distance between a sample's first value and the next sample's.
    public let rowStride: Int

    /// Describes values in memory.
    ///
    /// - Precondition: no negative size; a stride that keeps rows apart.
    public init(base: UnsafePointer<Float>, rowCount: Int, featureCount: Int, rowStride: Int? = nil) {
        precondition(rowCount >= 0 && featureCount >= 0, "sizes are 0 or more")
        self.base = base
        self.rowCount = rowCount
        self.featureCount = featureCount
        self.rowStride = rowStride ?? featureCount
        precondition(self.rowStride >= featureCount, "a row's stride is at least its number of features")
    }

    @inline(__always)
    func row(_ row: Int) -> UnsafePointer<Float> { base + row * rowStride }

    /// The sum of the squares of a row; not finite exactly where one of its values is not.
    func squaredNorm(_ row: Int) -> Double {
        let values = self.row(row)
        var sum = 0.0
        for index in 0..<featureCount {
            let value = Double(values[index])
            sum += value * value
        }
        return sum
    }
}

/// What a teacher says about some samples.
public enum TeacherAnswers {
    /// One class for each sample.
    case labels(UnsafePointer<Int32>)
    /// Probabilities, or logits that become probabilities at temperature 1; pass 0 counts.
    case rows(LogitRows)
}
