// SPDX-License-Identifier: Apache-2.0

/// The inputs of a network's last layer for one batch; valid until the next forward pass.
///
/// Row `r`, feature `i` stands at `r * stride + i`.
struct FeatureBatch {
    /// The number of samples.
    let rowCount: Int
    /// The number of features of a sample.
    let featureCount: Int
    /// The distance between rows, at least ``featureCount``.
    let stride: Int
    /// The first row's first feature.
    let values: UnsafePointer<Float>
}
