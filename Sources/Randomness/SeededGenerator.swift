// SPDX-License-Identifier: Apache-2.0

/// Generates a reproducible stream of 64-bit words from a ``Seed`` (xoshiro256++, Blackman and Vigna 2019).
///
/// The same seed gives the same words on every machine and in every release of this project: nothing here
/// relies on the standard library's sampling algorithms, which may change between Swift releases.
/// It is not a cryptographic generator.
public struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var s0: UInt64
    private var s1: UInt64
    private var s2: UInt64
    private var s3: UInt64
    private var spareNormal: Double?

    /// Creates the generator at the start of the stream that `seed` names.
    public init(seed: Seed) {
        var expander = SplitMix64(state: seed.value)
        s0 = expander.next()
        s1 = expander.next()
        s2 = expander.next()
        s3 = expander.next()
    }

    /// The next word, uniform over all 64-bit values.
    @inlinable
    public mutating func next() -> UInt64 {
        step()
    }

    @usableFromInline
    mutating func step() -> UInt64 {
        let sum = s0 &+ s3
        let result = ((sum << 23) | (sum >> 41)) &+ s0
        let shifted = s1 << 17
        s2 ^= s0
        s3 ^= s1
        s1 ^= s2
        s0 ^= s3
        s2 ^= shifted
        s3 = (s3 << 45) | (s3 >> 19)
        return result
    }

    /// A double uniform on [0, 1), with 53 random bits.
    public mutating func uniform() -> Double {
        Double(step() >> 11) * 0x1p-53
    }

    /// A float uniform on [0, 1), with 24 random bits.
    public mutating func uniformFloat() -> Float {
        Float(step() >> 40) * 0x1p-24
    }

    /// An integer uniform on 0 ..< bound, without bias (Lemire 2019).
    ///
    /// - Precondition: `bound` is at least 1.
    public mutating func below(_ bound: Int) -> Int {
        precondition(bound > 0, "a bounded draw needs at least one value")
        let range = UInt64(bound)
        var product = step().multipliedFullWidth(by: range)
        if product.low < range {
            let threshold = (0 &- range) % range
            while product.low < threshold {
                product = step().multipliedFullWidth(by: range)
            }
        }
        return Int(product.high)
    }
}

/// Expands one word into a stream (SplitMix64, Steele, Lea and Flood 2014); used to seed and to mix.
struct SplitMix64 {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        return SplitMix64.mix(state)
    }

    static func mix(_ value: UInt64) -> UInt64 {
        var word = value
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}

extension SeededGenerator {
    /// A draw from the standard normal distribution (polar method of Marsaglia).
    public mutating func normal() -> Double {
        if let spare = spareNormal {
            spareNormal = nil
            return spare
        }
        while true {
            let x = 2 * uniform() - 1
            let y = 2 * uniform() - 1
            let squaredRadius = x * x + y * y
            guard squaredRadius > 0, squaredRadius < 1 else { continue }
            let scale = (-2 * Mathematics.log(squaredRadius) / squaredRadius).squareRoot()
            spareNormal = y * scale
            return x * scale
        }
    }

    /// A draw from the gamma distribution with the given shape and scale 1 (Marsaglia and Tsang 2000).
    ///
    /// - Precondition: `shape` is positive and finite.
    public mutating func gamma(shape: Double) -> Double {
        precondition(shape > 0 && shape.isFinite, "a gamma distribution needs a positive, finite shape")
        if shape < 1 {
            let boosted = gamma(shape: shape + 1)
            return boosted * Mathematics.pow(1 - uniform(), 1 / shape)
        }
        let d = shape - 1.0 / 3.0
        let c = 1 / (9 * d).squareRoot()
        while true {
            let x = normal()
            let base = 1 + c * x
            guard base > 0 else { continue }
            let v = base * base * base
            let u = 1 - uniform()
            if Mathematics.log(u) < 0.5 * x * x + d - d * v + d * Mathematics.log(v) {
                return d * v
            }
        }
    }

    /// A draw from the symmetric Dirichlet distribution: `count` non-negative numbers that sum to 1.
    ///
    /// - Precondition: `count` is at least 1 and `concentration` is positive.
    public mutating func dirichlet(concentration: Double, count: Int) -> [Double] {
        precondition(count > 0, "a Dirichlet draw needs at least one part")
        var parts = (0..<count).map { _ in gamma(shape: concentration) }
        let total = parts.reduce(0, +)
        if total > 0 {
            for index in parts.indices { parts[index] /= total }
        } else {
            // Every gamma draw underflowed (tiny concentration): all mass on one part, as the limit has it.
            parts = [Double](repeating: 0, count: count)
            parts[below(count)] = 1
        }
        return parts
    }

    /// Puts the elements in a uniformly random order (Fisher and Yates), from this generator alone.
    public mutating func shuffle<Element>(_ elements: inout [Element]) {
        guard elements.count > 1 else { return }
        for index in stride(from: elements.count - 1, to: 0, by: -1) {
            elements.swapAt(index, below(index + 1))
        }
    }

    /// A uniformly random order of 0 ..< count.
    public mutating func permutation(_ count: Int) -> [Int] {
        var order = Array(0..<count)
        shuffle(&order)
        return order
    }

    /// `count` distinct integers of 0 ..< population, each subset equally likely, in ascending order (Floyd).
    ///
    /// Time and memory grow with `count`, not with `population`.
    ///
    /// - Precondition: `count` lies in 0 ... population.
    public mutating func sample(_ count: Int, of population: Int) -> [Int] {
        precondition(count >= 0 && count <= population, "a sample cannot be larger than its population")
        var chosen = Set<Int>()
        chosen.reserveCapacity(count)
        for candidate in (population - count)..<population {
            let draw = below(candidate + 1)
            if !chosen.insert(draw).inserted { chosen.insert(candidate) }
        }
        return chosen.sorted()
    }
}
