// SPDX-License-Identifier: Apache-2.0

/// Limits that the sparse codecs share.
enum SparseFraction {
    /// The fractions that a specification may ask for.
    static let range = 1e-6...1.0
    /// The share of each tensor that is sent at least: 0.02 %, so that no layer's update vanishes altogether.
    static let defaultFloor = 0.0002

    /// The coordinates to keep of `count`: the fraction rounded up, at least 1.
    static func kept(_ fraction: Double, of count: Int) -> Int {
        count == 0 ? 0 : min(count, max(1, Int((fraction * Double(count)).rounded(.up))))
    }
}

/// A codec that keeps a fraction of the coordinates, whose decoder accepts any fraction.
protocol SparseFractionCodec: UpdateCodec {
    var fraction: Double { get }
    func withFraction(_ fraction: Double) -> any SparseFractionCodec
}
