// SPDX-License-Identifier: Apache-2.0

/// The samples of one batch that a device sends, all from one environment.
///
/// Its bytes are little-endian: a header of 16 bytes, the statistics, the samples.
///
///     "TSB"  coding u8  environment u32  parent u32 (2^32 - 1: none)  sample count u16  statistics count u16
///     statistics: the upper half of each float
///     of each sample: its number in the stream u32  uncertainty u16  pixels in the coding
///
/// A statistic keeps 8 significant bits; an uncertainty u of 0 to 1 is `round(65535 u)`.
public struct SampleBatch: Sendable, Hashable {
    /// One sample.
    public struct Sample: Sendable, Hashable {
        /// Its number in the device's stream, modulo 2^32.
        public var number: UInt32
        /// How unsure the device was, 0 to 1; 0 where its site keeps that to itself.
        public var uncertainty: Float
        /// The pixels, 0 to 1.
        public var image: [Float]

        /// Creates a sample.
        public init(number: UInt32, uncertainty: Float, image: [Float]) {
            self.number = number
            self.uncertainty = uncertainty
            self.image = image
        }
    }

    static let headerBytes = 16
    static let sampleExtraBytes = 6
    private static let magic: [UInt8] = [0x54, 0x53, 0x42]
    private static let noParent = UInt32.max

    /// The environment, as the device numbers it.
    public var environment: UInt32
    /// The environment whose prompt the device began with here; nil for none.
    public var parent: UInt32?
    /// Differences of the statistics that the device measured from the source model's; empty where its site keeps them
    /// to itself.
    public var statistics: [Float]
    /// The samples, 1 to 65,535.
    public var samples: [Sample]

    /// Creates a batch.
    public init(environment: UInt32, parent: UInt32?, statistics: [Float], samples: [Sample]) {
        self.environment = environment
        self.parent = parent
        self.statistics = statistics
        self.samples = samples
    }

    /// The bytes of a sample in a batch.
    static func sampleBytes(_ coding: SampleCoding, _ shape: SampleShape) -> Int {
        sampleExtraBytes + coding.byteCount(shape)
    }

    /// The bytes, and where each sample's lie in them.
    ///
    /// - Precondition: 1 to 65,535 samples of the shape's size.
    public func encoded(_ coding: SampleCoding, _ shape: SampleShape) -> (bytes: [UInt8], samples: [Range<Int>]) {
        precondition((1...Int(UInt16.max)).contains(samples.count), "a batch has 1 to 65,535 samples")
        precondition(samples.allSatisfy { $0.image.count == shape.count }, "samples have their shape's size")
        var bytes = Self.magic
        bytes.append(coding.code)
        bytes.append(littleEndian: environment)
        bytes.append(littleEndian: parent ?? Self.noParent)
        bytes.append(littleEndian: UInt16(clamping: samples.count))
        bytes.append(littleEndian: UInt16(clamping: statistics.count))
        for value in statistics.prefix(Int(UInt16.max)) {
            bytes.append(littleEndian: AdaptationUpdate.upperHalf(value))
        }
        var ranges: [Range<Int>] = []
        for sample in samples {
            let start = bytes.count
            bytes.append(littleEndian: sample.number)
            let uncertainty = sample.uncertainty.isFinite ? min(max(sample.uncertainty, 0), 1) : 0
            bytes.append(littleEndian: UInt16((uncertainty * 65_535).rounded()))
            bytes += coding.encode(sample.image[...], shape)
            ranges.append(start..<bytes.count)
        }
        return (bytes, ranges)
    }

    /// Reads a batch; total: any bytes give a batch of the expected shape or an error.
    ///
    /// - Parameters:
    ///   - coding: the coding that the job asks for.
    ///   - shape: the samples' shape.
    ///   - statisticsCount: the number of statistics that the model has.
    /// - Throws: ``AdaptationError``: `malformedUpdate`, `shapeMismatch`, `notFinite`.
    public init(decoding bytes: [UInt8], coding: SampleCoding, shape: SampleShape, statisticsCount: Int) throws {
        var reader = ByteReader(bytes)
        guard try Array(reader.take(3)) == Self.magic else {
            throw AdaptationError(.malformedUpdate, "the bytes are no batch of samples")
        }
        guard try SampleCoding(code: reader.integer()) == coding else {
            throw AdaptationError(.shapeMismatch, "the samples are not coded as \(coding)")
        }
        environment = try reader.integer()
        let parent: UInt32 = try reader.integer()
        self.parent = parent == Self.noParent ? nil : parent
        let count = Int(try reader.integer() as UInt16)
        let statistics = Int(try reader.integer() as UInt16)
        guard count > 0 else { throw AdaptationError(.malformedUpdate, "a batch without samples") }
        guard statistics == 0 || statistics == statisticsCount else {
            throw AdaptationError(.shapeMismatch, "\(statistics) statistics, where the model has \(statisticsCount)")
        }
        self.statistics = try (0..<statistics).map { _ in
            Float(bitPattern: UInt32(try reader.integer() as UInt16) << 16)
        }
        guard self.statistics.allSatisfy(\.isFinite) else {
            throw AdaptationError(.notFinite, "a batch's statistic is not finite")
        }
        samples = try (0..<count).map { _ in
            let number: UInt32 = try reader.integer()
            let uncertainty = Float(try reader.integer() as UInt16) / 65_535
            guard let image = coding.decode(try reader.take(coding.byteCount(shape)), shape) else {
                throw AdaptationError(.notFinite, "a sample's scale is not finite")
            }
            return Sample(number: number, uncertainty: uncertainty, image: image)
        }
        try reader.expectEnd()
    }
}
