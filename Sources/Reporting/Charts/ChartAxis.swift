// SPDX-License-Identifier: Apache-2.0

import Glibc

/// How the values of an axis lie along it.
public enum AxisScale: Sendable, Hashable {
    /// Equal differences are equally far apart.
    case linear
    /// Equal ratios are equally far apart; values of 0 or less are left out.
    case logarithmic
}

/// An axis with its ticks: steps of 1, 2 or 5 times a power of ten.
struct ChartAxis {
    let scale: AxisScale
    /// What lies at the ends.
    let range: ClosedRange<Double>
    /// The ticks' values and labels, ascending.
    let ticks: [(value: Double, label: String)]

    /// Chooses ticks.
    ///
    /// - Parameters:
    ///   - values: what must fit.
    ///   - scale: how they lie.
    ///   - isPadded: whether the axis ends at ticks, not at the outermost values.
    ///   - count: about so many ticks.
    init(_ values: [Double], scale: AxisScale = .linear, isPadded: Bool = false, count: Int = 6) {
        self.scale = scale
        let usable = values.filter { $0.isFinite && (scale == .linear || $0 > 0) }
        let low = usable.min() ?? (scale == .linear ? 0 : 1)
        let high = usable.max() ?? (scale == .linear ? 1 : 10)
        switch scale {
        case .linear: (range, ticks) = Self.linear(low, high, isPadded, count)
        case .logarithmic: (range, ticks) = Self.logarithmic(low, high, isPadded)
        }
    }

    /// The place of a value: 0 at the low end, 1 at the high one; nil for a value that the scale does not have.
    func position(of value: Double) -> Double? {
        guard value.isFinite else { return nil }
        switch scale {
        case .linear:
            return (value - range.lowerBound) / (range.upperBound - range.lowerBound)
        case .logarithmic:
            guard value > 0 else { return nil }
            return log(value / range.lowerBound) / log(range.upperBound / range.lowerBound)
        }
    }

    private typealias Ticks = (range: ClosedRange<Double>, ticks: [(value: Double, label: String)])

    private static func linear(_ least: Double, _ most: Double, _ isPadded: Bool, _ count: Int) -> Ticks {
        var (low, high) = (least, most)
        // One value alone, or values that differ in their last bits, get room around them.
        if high - low <= max(abs(low), abs(high)) * 1e-9 {
            let room = high == 0 ? 1 : abs(high) * 0.1
            (low, high) = (low - room, high + room)
        }
        let raw = (high - low) / Double(max(count - 1, 1))
        let power = pow(10, floor(log10(raw)))
        let step = power * ([1, 2, 5].first { $0 * power >= raw * 0.999 } ?? 10)
        // Multiples of the step are counted, not added up: 0.1 + 0.2 is not 0.3.
        let first = isPadded ? floor(low / step + 1e-9) : ceil(low / step - 1e-9)
        let last = isPadded ? ceil(high / step - 1e-9) : floor(high / step + 1e-9)
        let values = stride(from: first, through: last, by: 1).map { $0 * step }
        let ends = isPadded ? (values.first ?? low)...(values.last ?? high) : low...high
        return (ends, values.map { ($0, NumberText.tick($0, step: step)) })
    }

    private static func logarithmic(_ least: Double, _ most: Double, _ isPadded: Bool) -> Ticks {
        var (low, high) = (least, most)
        if high / low < 1.000_001 { (low, high) = (low / 2, high * 2) }
        let decades = log10(high / low)
        let multiples: [Double] = decades < 3 ? [1, 2, 5] : [1]
        let (first, last) = (Int(floor(log10(low))), Int(ceil(log10(high))))
        // Many decades are labelled every second, third, ... only.
        let every = max(1, (last - first) / 8)
        let values = stride(from: first, through: last, by: every)
            .flatMap { exponent in multiples.map { $0 * pow(10, Double(exponent)) } }
        let inside = values.filter { $0 >= low * 0.999_999 && $0 <= high * 1.000_001 }
        guard isPadded else { return (low...high, inside.map { ($0, NumberText.tick($0, step: $0)) }) }
        let ends = (values.last { $0 <= low * 1.000_001 } ?? low)...(values.first { $0 >= high * 0.999_999 } ?? high)
        return (ends, values.filter(ends.contains).map { ($0, NumberText.tick($0, step: $0)) })
    }
}
