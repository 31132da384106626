// SPDX-License-Identifier: Apache-2.0

/// Groups the blocks of an update in classes by their energy, given the step.
///
/// Energies are counted in bins of an eighth of an octave: the exponent and the top three bits of the mantissa.
struct EnergyHistogram {
    static let binCount = 2048
    private(set) var counts = [Int](repeating: 0, count: binCount)
    private(set) var blockCount = 0
    /// log2 of the energy in the middle of each bin, in 2^-16.
    static let logarithms: [Int] = (0..<binCount).map { bin in
        FixedPointMath.logarithm(UInt64(2 * (8 + bin % 8) + 1)) + (bin / 8 - 127 - 4) * 65_536
    }

    static func bin(_ energy: Float) -> Int { Int(energy.bitPattern >> 20) }

    mutating func add(_ energies: UnsafeBufferPointer<Float>) {
        for energy in energies where energy > 0 { counts[Self.bin(energy)] += 1 }
        blockCount += energies.count
    }
}

/// The rate of a class against its scale, for a normal density, as the model's own entropy.
enum ClassRate {
    private static let spacing = 4
    private static let tabulated = 224
    private static let table: [Double] = stride(from: 0, through: tabulated, by: spacing).map { scale in
        rate(SymbolModel(BlockClass(scale: scale, shape: DensityShape.exponents.count - 1)))
    }

    private static func rate(_ model: SymbolModel) -> Double {
        var sum = 0
        for bucket in model.buckets {
            for (index, frequency) in bucket.frequencies.enumerated() {
                sum += frequency * bucket.cost(of: bucket.low + index)
            }
            sum += bucket.escapeFrequency * (12 * 65_536 - FixedPointMath.logarithmsOfCounts[bucket.escapeFrequency])
        }
        return Double(sum) / (4096 * 65_536 * Double(SymbolModel.bucketCount)) + Double(model.blockClass.rawBits)
    }

    /// Bits a coordinate at a scale in 2^-16 of an octave above ``BlockClass``'s lowest.
    static func bits(scale: Int) -> Double {
        let position = Double(max(scale, 0)) * Double(BlockClass.scalesPerOctave) / 65_536
        guard position < Double(tabulated) else {
            return table[table.count - 1] + (position - Double(tabulated)) / Double(BlockClass.scalesPerOctave)
        }
        let index = Int(position) / spacing
        let fraction = (position - Double(index * spacing)) / Double(spacing)
        return table[index] + (table[index + 1] - table[index]) * fraction
    }
}

/// Which bin of energies belongs to which class, and each class's scale.
struct ClassSelection {
    /// The class of each energy bin, 1 and up.
    private(set) var classOfBin = [UInt8](repeating: 1, count: EnergyHistogram.binCount)
    /// The scale of each class in 2^-16 octaves of standard deviation over step, counted from 2^-10; class 1 first.
    private(set) var scales: [Int] = []
    /// The bits that all blocks take together, by the normal model, with the map of classes.
    private(set) var estimatedBits = 0.0

    private struct Group {
        let firstBin: Int
        let count: Int
        /// Sum over blocks of energy / step^2.
        let energy: Double
        let scale: Int
        let bits: Double

        init(firstBin: Int, count: Int, energy: Double) {
            self.firstBin = firstBin
            self.count = count
            self.energy = energy
            let mean = Float(energy / Double(count))
            scale = mean > 0 ? FixedPointMath.logarithm(mean) / 2 + 10 * 65_536 : 0
            bits = Double(count * 64) * ClassRate.bits(scale: scale)
        }
    }

    /// Groups bins two by two (a quarter octave of energy) and merges neighbours as long as that saves bits.
    init(_ histogram: EnergyHistogram, stepLogarithm: Int) {
        var groups: [Group] = []
        for bin in 0..<EnergyHistogram.binCount where histogram.counts[bin] > 0 {
            let count = histogram.counts[bin]
            let logarithm = EnergyHistogram.logarithms[bin] - 2 * stepLogarithm
            let energy =
                Double(count) * Double(FixedPointMath.float(logarithm: min(max(logarithm, -80 << 16), 80 << 16)))
            if let last = groups.last, last.firstBin / 2 == bin / 2 {
                groups[groups.count - 1] = Self.merged(last, Group(firstBin: bin, count: count, energy: energy))
            } else {
                groups.append(Group(firstBin: bin, count: count, energy: energy))
            }
        }
        Self.merge(&groups, blockCount: histogram.blockCount)
        for (index, group) in groups.enumerated() {
            let end = index + 1 < groups.count ? groups[index + 1].firstBin : EnergyHistogram.binCount
            for bin in group.firstBin..<end { classOfBin[bin] = UInt8(index + 1) }
        }
        scales = groups.map(\.scale)
        estimatedBits = groups.reduce(0) { $0 + $1.bits + Self.mapBits($1.count, of: histogram.blockCount) }
    }

    /// The share of the map's order-0 entropy that the adaptive coder is expected to need.
    private static let mapShare = 0.7

    private static func mapBits(_ count: Int, of total: Int) -> Double {
        guard count > 0 else { return 0 }
        let logarithm = FixedPointMath.logarithm(UInt64(total)) - FixedPointMath.logarithm(UInt64(count))
        return mapShare * Double(count) * Double(logarithm) / 65_536
    }

    private static func merge(_ groups: inout [Group], blockCount: Int) {
        let saving = { (groups: [Group], index: Int) -> Double in
            let (left, right) = (groups[index], groups[index + 1])
            let both = merged(left, right)
            let apart =
                left.bits + right.bits + mapBits(left.count, of: blockCount) + mapBits(right.count, of: blockCount)
            return apart - both.bits - mapBits(both.count, of: blockCount)
        }
        guard groups.count > 1 else { return }
        var savings = (0..<(groups.count - 1)).map { saving(groups, $0) }
        while let best = savings.indices.max(by: { savings[$0] < savings[$1] }) {
            // A class costs 2 bytes of header, and more to learn in every chunk's map.
            guard savings[best] > -32 || groups.count > DitheredFormat.maximumClassCount else { return }
            groups[best] = merged(groups[best], groups[best + 1])
            groups.remove(at: best + 1)
            savings.remove(at: best)
            if best < savings.count { savings[best] = saving(groups, best) }
            if best > 0 { savings[best - 1] = saving(groups, best - 1) }
        }
    }

    private static func merged(_ left: Group, _ right: Group) -> Group {
        Group(firstBin: left.firstBin, count: left.count + right.count, energy: left.energy + right.energy)
    }
}
